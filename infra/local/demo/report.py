"""The text output of `make run`, at most 80 columns wide. Pure functions."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from infra.local.demo.pages import Page
from infra.local.demo.run_log import Run
from infra.local.demo.view import Metrics, View

WIDTH = 80

_MIN_PHASE_SHARE = 0.1
_METRIC_HEADERS = ("target", "runs", "ConnectSuccess", "last ConnectLatency")


def outcome_lines(outcome: Mapping[str, Any]) -> list[str]:
    """Return an outcome with its phase times, or its failure with reason, owner and hint."""
    head = f"  {outcome['target']:<8} {outcome['auth_mode']:<15} "
    if outcome["healthy"]:
        return [shorten(f"{head}healthy: {_times(outcome)}")]
    explanation = ". ".join(str(outcome[key]) for key in ("reason", "owner", "hint") if outcome.get(key))
    return [
        shorten(f"{head}UNHEALTHY: {outcome['failure']} in {outcome['phase']}"),
        *textwrap.wrap(explanation, WIDTH, initial_indent="    ", subsequent_indent="    "),
    ]


def _times(outcome: Mapping[str, Any]) -> str:
    if outcome["connect_ms"] is None:
        return f"refused, as expected ({outcome['failure'] or outcome['reason']})"
    connect_ms = outcome["connect_ms"]
    shown_phases = {name: ms for name, ms in outcome["phases_ms"].items() if ms >= _MIN_PHASE_SHARE * connect_ms}
    phases = ", ".join(f"{name} {ms:.0f}" for name, ms in shown_phases.items())
    return f"{connect_ms:.0f} ms ({phases})"


def run_lines(number: int, run: Run) -> list[str]:
    """Return a scheduled run as one line, followed by its failed outcomes and errors."""
    verdict = "healthy" if run.healthy else "UNHEALTHY"
    targets = ", ".join(sorted(_short(outcome) for outcome in run.outcomes))
    lines = textwrap.wrap(f"{run.ended:%H:%M:%S} run {number} {verdict}: {targets}", WIDTH, subsequent_indent="  ")
    lines += [line for outcome in run.outcomes if not outcome["healthy"] for line in outcome_lines(outcome)]
    return lines + [line for error in run.errors for line in wrap(f"the canary: {error}")]


def _short(outcome: Mapping[str, Any]) -> str:
    if not outcome["healthy"]:
        return f"{outcome['target']} {outcome['failure']}"
    connect_ms = outcome["connect_ms"]
    return f"{outcome['target']} {'refused' if connect_ms is None else f'{connect_ms:.0f} ms'}"


def tables(view: View) -> list[str]:
    """Return the metrics of each target, the certificate's days, the alarms, and why an alarm is not OK."""
    rows = [_metric_row(name, target.metrics) for name, target in view.targets.items() if target.metrics]
    certificate = f"CertificateDaysLeft of all targets, minimum: {view.days_left or 0:.0f}"
    reasons = [
        wrap(f"{alarm.name} is {alarm.state} since {alarm.since.astimezone():%H:%M:%S}: {alarm.reason}")
        for alarm in view.alarms
        if alarm.state != "OK"
    ]
    return [
        "",
        *table(rows, _METRIC_HEADERS),
        "",
        *([] if view.days_left is None else [certificate, ""]),
        *table([(alarm.name, alarm.state) for alarm in view.alarms], ("alarm", "state")),
        "",
        *(line for reason in reasons for line in [*reason, ""]),
    ]


def _metric_row(name: str, metrics: Metrics) -> tuple[str, ...]:
    latency = "-" if metrics.latency_ms is None else f"{metrics.latency_ms:.0f} ms"
    return name, f"{metrics.runs:.0f}", f"{metrics.healthy:.0f}", latency


def page_lines(page: Page) -> list[str]:
    """Return a page as people read it, marked off from what the demo itself says."""
    head = wrap(f"{page.received:%H:%M:%S} people are told: {page.subject}")
    return [*head, *(f"  | {line}".rstrip() for line in page.text.splitlines()), ""]


def table(rows: Iterable[Sequence[str]], headers: Sequence[str]) -> list[str]:
    """Return a table with each column as wide as its widest cell."""
    all_rows = [list(headers), *map(list, rows)]
    widths = [max(len(row[column]) for row in all_rows) for column in range(len(headers))]
    lines = [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in all_rows
    ]
    lines.insert(1, "  " + "  ".join("-" * width for width in widths))
    return [shorten(line) for line in lines]


def wrap(text: str) -> list[str]:
    """Return the text wrapped into lines."""
    return textwrap.wrap(text, WIDTH)


def shorten(line: str) -> str:
    """Return the text as one line, truncated with an ellipsis if it is too long."""
    one_line = " ".join(line.splitlines())
    return one_line if len(one_line) <= WIDTH else one_line[: WIDTH - 3] + "..."
