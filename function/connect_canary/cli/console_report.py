"""The console report: the phases of an attempt as a waterfall, the verdict, and a summary of many runs."""

import re
import time
from collections.abc import Sequence
from typing import TextIO

from rich.console import Console, RenderableType
from rich.text import Text

from connect_canary.cli.console_details import more_evidence, planned_details
from connect_canary.cli.console_tables import (
    BAD,
    GOOD,
    QUIET,
    auth_line,
    count_noun,
    evidence,
    healthy_table,
    key_value_table,
    latency_table,
    shorten,
    verdict,
    waterfall,
)
from connect_canary.cli.stats import TargetStats
from connect_canary.config.plan import Plan
from connect_canary.model.failures import Failure
from connect_canary.model.outcome import Outcome

COLUMNS = 80
_FAILURE = max(len(failure) for failure in Failure)


class ConsoleReporter:
    """Shows runs on a stream: at most 80 columns, colours only on a terminal, ASCII if its encoding needs it."""

    def __init__(self, stream: TextIO, *, runs: int | None, verbose: bool = False) -> None:
        """Write `runs` runs to `stream`; None is one run, shown in full. If `verbose`, show all that is known."""
        self._stream, self._runs, self._verbose = stream, runs, verbose
        self._console = _console(stream)
        self._stats: dict[str, TargetStats] = {}
        self._details: dict[str, list[tuple[str, str]]] = {}
        self._started = time.monotonic()
        self._run = self._done = self._planned = self._names = self._progress_width = 0

    def on_credentials(self, source: str) -> None:
        """Show where the AWS credentials are from."""
        self._print(Text(f"credentials: {source}", QUIET))

    def on_plan(self, plan: Plan) -> None:
        """Show every target with its settings."""
        for planned in plan.planned:
            target = planned.as_dict()
            self._print(Text(str(target.pop("target")), "bold"))
            details = planned_details(planned) if self._verbose else ()
            self._print(key_value_table([*((key, shorten(value)) for key, value in target.items()), *details]))
            self._print("")
        self._print(f"{count_noun(len(plan.planned), 'target')} can be used; nothing was connected to")

    def on_run_start(self, run: int, plan: Plan) -> None:
        """Show that a run starts."""
        self._run, self._done, self._planned = run, 0, len(plan.planned)
        self._names = max(len(planned.target.name) for planned in plan.planned)
        self._progress()

    def on_target_done(self, _outcome: Outcome) -> None:
        """Count an attempt that is done."""
        self._done += 1
        self._progress()

    def on_run_done(self, plan: Plan, outcomes: Sequence[Outcome]) -> None:
        """Show the outcomes of a run: all in full if it is the only one, else a line for each failure."""
        for outcome in outcomes:
            self._stats.setdefault(outcome.target, TargetStats()).add(outcome)
        if self._verbose:
            self._details = {planned.target.name: list(planned_details(planned)) for planned in plan.planned}
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
        self._print(Text(f"{count_noun(runs, 'run')} in {time.monotonic() - self._started:.1f} s", "bold"))
        self._print(latency_table(self._stats))
        for name, stat in self._stats.items():
            for failure, count in stat.failures.most_common():
                self._print("")
                self._print(Text.assemble((f"{failure} x {count}", BAD), f"  {name}"))
                self._print(key_value_table(self._evidence(stat.last[failure])))

    # -- one run -------------------------------------------------------------------------------------------------------

    def _show_all(self, outcomes: Sequence[Outcome]) -> None:
        if len(outcomes) == 1:
            self._show(outcomes[0])
            return
        healthy = [outcome for outcome in outcomes if outcome.healthy]
        self._print(healthy_table(healthy))
        for outcome in outcomes:
            if self._verbose or not outcome.healthy:
                self._print("")
                self._show(outcome)
        summary = f"{len(healthy)} of {count_noun(len(outcomes), 'target')} healthy"
        self._print("")
        self._print(Text(summary, GOOD if len(healthy) == len(outcomes) else BAD))

    def _show(self, outcome: Outcome) -> None:
        self._print(Text.assemble((outcome.target, "bold"), f"  {outcome.endpoint}"))
        self._print(Text(auth_line(outcome), QUIET))
        self._print("")
        if outcome.phases_ms:
            self._print(waterfall(outcome, columns=self._console.width, ascii_only=self._console.options.ascii_only))
            self._print("")
        self._print(verdict(outcome))
        self._print(key_value_table(self._evidence(outcome)))

    def _evidence(self, outcome: Outcome) -> list[tuple[str, str]]:
        shown = list(evidence(outcome))
        if self._verbose:
            shown += [*more_evidence(outcome), *self._details.get(outcome.target, [])]
        return shown

    # -- many runs -----------------------------------------------------------------------------------------------------

    def _failure_line(self, outcome: Outcome) -> Text:
        run = f"run {self._run:<{len(str(self._runs))}}"
        name, failure = f"{outcome.target:<{self._names}}", f"{outcome.failure:<{_FAILURE}}"
        line = Text("  ").join([Text(run, QUIET), Text(name), Text(failure, BAD), Text(outcome.reason or "")])
        if len(line) > self._console.width:
            # The summary shows the last one in full.
            line.right_crop(len(line) - self._console.width + 3)
            line.append("...")
        return line

    def _progress(self) -> None:
        """Overwrite the last line with the progress of the run; on a terminal only."""
        if not self._console.is_terminal or self._console.is_dumb_terminal:
            return
        line = f"connecting: {self._done} of {count_noun(self._planned, 'target')} done"
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
        # Tables pad their last column; files should not have the spaces.
        self._write(re.sub(r" +$", "", drawn.get(), flags=re.MULTILINE))


def _console(stream: TextIO) -> Console:
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        # Client ids and server messages may hold characters that the stream's encoding lacks.
        reconfigure(errors="backslashreplace")
    console = Console(file=stream, force_terminal=stream.isatty(), highlight=False, markup=False, emoji=False)
    console.width = min(console.width, COLUMNS)
    return console
