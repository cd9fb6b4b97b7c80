"""The console report: the phases of an attempt as a waterfall, the verdict, and a summary of many runs."""

import re
import statistics
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TextIO

from rich.bar import Bar
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from connect_canary.cli.stats import TargetStats, percentile
from connect_canary.config.plan import Plan
from connect_canary.model.failures import Failure
from connect_canary.model.outcome import Outcome
from connect_canary.model.phases import Phase

COLUMNS = 80
_LABEL = len("certificate")
_TIME = len("300000.0 ms")
_GAP = 2
_FAILURE = max(len(failure) for failure in Failure)
_MAX_SHOWN_CHARACTERS = 120
_GOOD = "green"
_BAD = "red"
_QUIET = "dim"
_PERCENTILE = 0.95


class ConsoleReporter:
    """Shows runs on a stream: at most 80 columns, coloured only on a terminal, ASCII where it must be."""

    def __init__(self, stream: TextIO, *, runs: int | None) -> None:
        """Write to `stream` what `runs` runs come to; None: one run, shown in full."""
        self._stream, self._runs = stream, runs
        self._console = _console(stream)
        self._stats: dict[str, TargetStats] = {}
        self._began = time.monotonic()
        self._run = self._done = self._planned = self._names = self._progress_width = 0

    def on_plan(self, plan: Plan) -> None:
        """Show every target with its settings."""
        for planned in plan.planned:
            target = planned.as_dict()
            self._print(Text(str(target.pop("target")), "bold"))
            self._print(_key_value_table((key, _shorten(value)) for key, value in target.items()))
            self._print("")
        self._print(f"{_count(len(plan.planned), 'target')} can be used; nothing was connected to")

    def on_run_start(self, run: int, plan: Plan) -> None:
        """Show that a run begins."""
        self._run, self._done, self._planned = run, 0, len(plan.planned)
        self._names = max(len(planned.target.name) for planned in plan.planned)
        self._progress()

    def on_target_done(self, _outcome: Outcome) -> None:
        """Count an attempt that has ended."""
        self._done += 1
        self._progress()

    def on_run_done(self, _plan: Plan, outcomes: Sequence[Outcome]) -> None:
        """Show what a run came to: in full when it is the only one, else who failed."""
        for outcome in outcomes:
            self._stats.setdefault(outcome.target, TargetStats()).add(outcome)
        self._clear()
        if self._runs is None:
            self._show_all(outcomes)
            return
        for outcome in outcomes:
            if not outcome.healthy:
                self._print(self._failure_line(outcome))
        self._progress()

    def on_finish(self) -> None:
        """Show the summary of many runs."""
        self._clear()
        if self._runs is None or not self._stats:
            return
        if any(stat.failures for stat in self._stats.values()):
            self._print("")
        runs = max(stat.runs for stat in self._stats.values())
        self._print(Text(f"{_count(runs, 'run')} in {time.monotonic() - self._began:.1f} s", "bold"))
        self._print(_latency_table(self._stats))
        for name, stat in self._stats.items():
            for failure, count in stat.failures.most_common():
                self._print("")
                self._print(Text.assemble((f"{failure} x {count}", _BAD), f"  {name}"))
                self._print(_key_value_table(_evidence(stat.last[failure])))

    # -- one run -------------------------------------------------------------------------------------------------------

    def _show_all(self, outcomes: Sequence[Outcome]) -> None:
        if len(outcomes) == 1:
            self._show(outcomes[0])
            return
        healthy = [outcome for outcome in outcomes if outcome.healthy]
        if healthy:
            self._print(_healthy_table(healthy))
        for outcome in outcomes:
            if not outcome.healthy:
                self._print("")
                self._show(outcome)
        verdict = f"{len(healthy)} of {_count(len(outcomes), 'target')} healthy"
        self._print("")
        self._print(Text(verdict, _GOOD if len(healthy) == len(outcomes) else _BAD))

    def _show(self, outcome: Outcome) -> None:
        self._print(Text.assemble((outcome.target, "bold"), f"  {outcome.endpoint}"))
        self._print(Text(_auth_line(outcome), _QUIET))
        self._print("")
        if outcome.phases_ms:
            self._print(self._waterfall(outcome))
            self._print("")
        self._print(_verdict(outcome))
        self._print(_key_value_table(_evidence(outcome)))

    def _waterfall(self, outcome: Outcome) -> Table:
        """Return a row for each phase, its bar beginning where the one before it ended."""
        grid = _grid()
        grid.add_column(width=_GAP + _TIME, no_wrap=True, justify="right")
        grid.add_column(ratio=1)
        phases = dict(outcome.phases_ms)
        if outcome.disconnect_ms is not None:
            phases[Phase.DISCONNECT] = outcome.disconnect_ms
        whole, began = sum(phases.values()), 0.0
        for phase, took in phases.items():
            style = _BAD if phase == outcome.phase and not outcome.healthy else "cyan"
            grid.add_row(Text(phase, style), f"{took:.1f} ms", self._bar(whole, began, began + took, style))
            began += took
        if outcome.phase is not None and outcome.phase not in phases:
            grid.add_row(Text(outcome.phase, _BAD), "failed", "")
        return grid

    def _bar(self, whole: float, begin: float, end: float, style: str) -> RenderableType:
        width = max(self._console.width - _LABEL - _TIME - 2 * _GAP, 1)
        least = whole / width
        begin, end = min(begin, whole - least), max(end, begin + least)
        if not self._console.options.ascii_only:
            return Bar(whole, begin, end, width=width, color=style)
        first, last = round(begin / whole * width), round(end / whole * width)
        return Text(" " * first + "#" * max(last - first, 1), style)

    # -- many runs -----------------------------------------------------------------------------------------------------

    def _failure_line(self, outcome: Outcome) -> Text:
        run = f"run {self._run:<{len(str(self._runs))}}"
        name, failure = f"{outcome.target:<{self._names}}", f"{outcome.failure:<{_FAILURE}}"
        line = Text("  ").join([Text(run, _QUIET), Text(name), Text(failure, _BAD), Text(outcome.reason or "")])
        if len(line) > self._console.width:
            # The summary shows the last one in full.
            line.right_crop(len(line) - self._console.width + 3)
            line.append("...")
        return line

    def _progress(self) -> None:
        """Write over the last line where the run stands, on a terminal only."""
        if not self._console.is_terminal or self._console.is_dumb_terminal:
            return
        line = f"connecting: {self._done} of {_count(self._planned, 'target')} done"
        if self._runs is not None:
            healthy = sum(stat.healthy for stat in self._stats.values())
            failed = sum(stat.failures.total() for stat in self._stats.values())
            latest = [stat.connect_ms[-1] for stat in self._stats.values() if stat.connect_ms]
            line = f"run {self._run} of {self._runs}  {healthy} healthy  {failed} failed" + (
                f"  last {latest[-1]:.1f} ms" if latest else ""
            )
        line = line[: self._console.width - 1]
        self._write(f"\r{line:<{self._progress_width}}")
        self._progress_width = len(line)

    def _clear(self) -> None:
        if self._progress_width:
            # The terminal may have added ^C to it.
            self._write(f"\r{' ' * (self._console.width - 1)}\r")
            self._progress_width = 0

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()

    def _print(self, what: RenderableType) -> None:
        with self._console.capture() as drawn:
            self._console.print(what)
        # Tables fill their last column, and what is piped into a file should not.
        self._write(re.sub(r" +$", "", drawn.get(), flags=re.MULTILINE))


def _console(stream: TextIO) -> Console:
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        # A client id or a server's words may hold what the stream's encoding does not.
        reconfigure(errors="backslashreplace")
    console = Console(file=stream, force_terminal=stream.isatty(), highlight=False, markup=False, emoji=False)
    console.width = min(console.width, COLUMNS)
    return console


def _auth_line(outcome: Outcome) -> str:
    """Return how the client came along."""
    client = f", client id {outcome.client_id}" if outcome.client_id else ""
    expected = ", expected to be refused" if outcome.expect == "refuse" else ""
    return f"{outcome.auth_mode}, MQTT {outcome.mqtt_version}{client}{expected}"


def _verdict(outcome: Outcome) -> Text:
    word, style = ("healthy", _GOOD) if outcome.healthy else ("unhealthy", _BAD)
    said = f"{outcome.failure} in phase {outcome.phase} after {outcome.elapsed_ms:.1f} ms"
    if outcome.healthy:
        said = "refused, as expected" if outcome.connect_ms is None else f"connected in {outcome.connect_ms:.1f} ms"
    elif outcome.phase is None:
        said = f"{outcome.failure}"
    return Text.assemble((f"{word:<{_LABEL + _GAP}}", f"bold {style}"), said)


def _evidence(outcome: Outcome) -> Iterator[tuple[str, str]]:
    """Yield what is known beside the verdict."""
    if outcome.reason is not None:
        yield "reason", outcome.reason
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


def _healthy_table(outcomes: Iterable[Outcome]) -> Table:
    grid = _grid()
    grid.add_column(overflow="fold")
    grid.add_column(overflow="fold", ratio=1)
    grid.add_column(justify="right", no_wrap=True)
    for outcome in outcomes:
        took = "refused" if outcome.connect_ms is None else f"{outcome.connect_ms:.1f} ms"
        grid.add_row(Text("healthy", _GOOD), outcome.target, outcome.endpoint, took)
    return grid


def _latency_table(stats: Mapping[str, TargetStats]) -> Table:
    """Return a row for each target: how often it was healthy, and how fast then."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style=_QUIET, pad_edge=False)
    table.add_column("target", overflow="fold")
    for title in ("healthy", "min", "median", "p95"):
        table.add_column(title, justify="right", no_wrap=True)
    for name, stat in stats.items():
        ms = stat.connect_ms
        figures = [min(ms), statistics.median(ms), percentile(ms, _PERCENTILE)] if ms else []
        table.add_row(
            name,
            Text(f"{stat.healthy} of {stat.runs}", _BAD if stat.failures else _GOOD),
            *([f"{figure:.1f} ms" for figure in figures] or ["-"] * 3),
        )
    return table


def _key_value_table(pairs: Iterable[tuple[str, str]]) -> Table:
    listed = list(pairs)
    grid = _grid(max([_LABEL, *(len(name) for name, _ in listed)]))
    grid.add_column(overflow="fold", ratio=1)
    for name, text in listed:
        grid.add_row(Text(name, _QUIET), Text(text))
    return grid


def _grid(label: int = _LABEL) -> Table:
    """Return a table without lines whose first column holds a label."""
    grid = Table.grid(padding=(0, 0, 0, _GAP), expand=True)
    grid.add_column(width=label, no_wrap=True)
    return grid


def _shorten(value: object) -> str:
    """Return a setting's value on a line: a PEM bundle is longer than anybody wants to read."""
    line = " ".join(str(value).split())
    return line if len(line) <= _MAX_SHOWN_CHARACTERS else f"{line[:_MAX_SHOWN_CHARACTERS]}..."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
