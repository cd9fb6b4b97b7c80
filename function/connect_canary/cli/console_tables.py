"""The tables and lines of the console report, drawn with rich."""

import statistics
from collections.abc import Iterable, Iterator, Mapping

from rich.bar import Bar
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from connect_canary.cli.stats import TargetStats
from connect_canary.model.outcome import Outcome
from connect_canary.model.percentile import percentile
from connect_canary.model.phases import Phase

_LABEL, _TIME, _GAP = len("certificate"), len("300000.0 ms"), 2
_MAX_SHOWN_CHARACTERS = 120
_MAX_NAME_COLUMNS = 24  # with the gap; a name may have 64 characters, and the endpoint beside it needs the rest
GOOD, BAD, QUIET = "green", "red", "dim"
_PERCENTILE = 0.95


def waterfall(outcome: Outcome, *, columns: int, ascii_only: bool) -> Table:
    """Return a row for each phase; its bar starts where that of the previous phase ends."""
    grid = _grid()
    grid.add_column(width=_GAP + _TIME, justify="right")
    phases = dict(outcome.phases_ms)
    if outcome.disconnect_ms is not None:
        phases[Phase.DISCONNECT] = outcome.disconnect_ms
    total, start = sum(phases.values()), 0.0
    width = max(columns - _LABEL - _TIME - 2 * _GAP, 1)
    for phase, duration in phases.items():
        style = BAD if phase == outcome.phase and not outcome.healthy else "cyan"
        bar = _bar(total, start, start + duration, width=width, style=style, ascii_only=ascii_only)
        grid.add_row(Text(phase, style), f"{duration:.1f} ms", bar)
        start += duration
    if outcome.phase is not None and outcome.phase not in phases:
        grid.add_row(Text(outcome.phase, BAD), "failed", "")
    return grid


def _bar(total: float, start: float, end: float, *, width: int, style: str, ascii_only: bool) -> RenderableType:  # noqa: PLR0913 - a drawing's own
    smallest = total / width
    start = min(start, total - smallest)
    end = max(end, start + smallest)
    if not ascii_only:
        return Bar(total, start, end, width=width, color=style)
    first, last = round(start / total * width), round(end / total * width)
    return Text(" " * first + "#" * max(last - first, 1), style)


def auth_line(outcome: Outcome) -> str:
    """Return how the client authenticates and connects."""
    client = f", client id {outcome.client_id}" if outcome.client_id else ""
    expected = ", expected to be refused" if outcome.expect == "refuse" else ""
    return f"{outcome.auth_mode}, MQTT {outcome.mqtt_version}{client}{expected}"


def verdict(outcome: Outcome) -> Text:
    """Return the verdict and the connect time, or failure and phase."""
    word, style = ("healthy", GOOD) if outcome.healthy else ("unhealthy", BAD)
    detail = f"{outcome.failure} in phase {outcome.phase} after {outcome.elapsed_ms:.1f} ms"
    if outcome.healthy:
        detail = "refused, as expected" if outcome.connect_ms is None else f"connected in {outcome.connect_ms:.1f} ms"
    elif outcome.phase is None:
        detail = f"{outcome.failure}"
    return Text.assemble((f"{word:<{_LABEL + _GAP}}", f"bold {style}"), detail)


def evidence(outcome: Outcome) -> Iterator[tuple[str, str]]:
    """Yield the evidence of an outcome, as labels and texts."""
    if outcome.reason is not None:
        yield "reason", outcome.reason
    if outcome.owner is not None:
        yield "owner", outcome.owner
    if outcome.hint is not None:
        yield "hint", outcome.hint
    if outcome.request_id is not None:
        yield "request id", outcome.request_id
    if outcome.error_name is not None and not outcome.healthy:
        yield "error", outcome.error_name
    if outcome.secrets_refreshed:
        yield "secrets", "read anew after a first refusal"
    if outcome.certificate is not None and outcome.certificate_days_left is not None:
        yield "certificate", _certificate(outcome.certificate, outcome.certificate_days_left)


def _certificate(shown: Mapping[str, str], days_left: float) -> str:
    left = f"{days_left:.0f} days left" if days_left >= 0 else f"expired {-days_left:.0f} days ago"
    subject, issuer = shown.get("subject") or "no name", shown.get("issuer") or "nobody named"
    return f"{left}; for {subject}, issued by {issuer}; {shown.get('tls_version', '')}"


def healthy_table(outcomes: Iterable[Outcome]) -> Table:
    """Return a row for each healthy outcome."""
    grid = _grid()
    grid.add_column(overflow="fold", max_width=_MAX_NAME_COLUMNS)
    grid.add_column(overflow="fold", ratio=1)
    grid.add_column(justify="right", no_wrap=True)
    for outcome in outcomes:
        took = "refused" if outcome.connect_ms is None else f"{outcome.connect_ms:.1f} ms"
        grid.add_row(Text("healthy", GOOD), outcome.target, outcome.endpoint, took)
    return grid


def latency_table(stats: Mapping[str, TargetStats]) -> Table:
    """Return a row for each target: how often it was healthy, and its latencies."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style=QUIET, pad_edge=False)
    table.add_column("target", overflow="fold")
    for title in ("healthy", "min", "median", "p95"):
        table.add_column(title, justify="right", no_wrap=True)
    for name, stat in stats.items():
        ms = stat.connect_ms
        figures = [min(ms), statistics.median(ms), percentile(ms, _PERCENTILE)] if ms else []
        table.add_row(
            name,
            Text(f"{stat.healthy} of {stat.runs}", BAD if stat.failures else GOOD),
            *([f"{figure:.1f} ms" for figure in figures] or ["-"] * 3),
        )
    return table


def key_value_table(pairs: Iterable[tuple[str, str]]) -> Table:
    """Return a row for each pair."""
    listed = list(pairs)
    grid = _grid(max([_LABEL, *(len(name) for name, _ in listed)]))
    grid.add_column(overflow="fold", ratio=1)
    for name, text in listed:
        grid.add_row(Text(name, QUIET), Text(text))
    return grid


def _grid(label: int = _LABEL) -> Table:
    """Return a table without lines whose first column is a label."""
    grid = Table.grid(padding=(0, 0, 0, _GAP), expand=True)
    grid.add_column(width=label)
    return grid


def shorten(value: object) -> str:
    """Return the value of a setting on one line of bounded length."""
    line = " ".join(str(value).split())
    return line if len(line) <= _MAX_SHOWN_CHARACTERS else f"{line[:_MAX_SHOWN_CHARACTERS]}..."


def count_noun(number: int, noun: str) -> str:
    """Return `number` with the noun, in the plural if needed."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
