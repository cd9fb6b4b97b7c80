"""What shows the progress and the outcomes of runs: one class for each output format, in one table."""

import sys
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from connect_canary.cli.json_report import JsonReporter
from connect_canary.model.frozen import frozen

if TYPE_CHECKING:
    from connect_canary.config.plan import Plan
    from connect_canary.model.outcome import Outcome


@frozen
class ReportOptions:
    """What is shown: how many `runs`, None for one that is shown in full; all evidence if it is `verbose`."""

    runs: int | None = None
    verbose: bool = False


class Reporter(Protocol):
    """Shows runs in one output format."""

    def on_credentials(self, source: str) -> None:
        """Show where the AWS credentials are from."""

    def on_plan(self, plan: "Plan") -> None:
        """Show what would run."""

    def on_run_start(self, run: int, plan: "Plan") -> None:
        """Show that a run starts."""

    def on_target_done(self, outcome: "Outcome") -> None:
        """Show, during a run, that the attempt of one target is done; must be quick."""

    def on_run_done(self, plan: "Plan", outcomes: "list[Outcome]") -> None:
        """Show the outcomes of a run."""

    def on_finish(self) -> None:
        """Show the summary of all runs."""


class OutputFormat(StrEnum):
    """How the command line prints outcomes."""

    CONSOLE = "console"
    JSON = "json"


DEFAULT_OUTPUT = OutputFormat.CONSOLE
# Every other format than the default is a flag of its name.
OUTPUT_HELP: Mapping[OutputFormat, str] = {
    OutputFormat.CONSOLE: "show a table and what happened, for people",
    OutputFormat.JSON: "print what the Lambda returns, as JSON, instead",
}


def _console(options: ReportOptions) -> Reporter:
    from connect_canary.cli.console_report import ConsoleReporter  # noqa: PLC0415 - it needs an optional package

    return ConsoleReporter(sys.stdout, runs=options.runs, verbose=options.verbose)


def _json(options: ReportOptions) -> Reporter:
    return JsonReporter(indent=2 if options.runs is None else None)


REPORTERS: Mapping[OutputFormat, Callable[[ReportOptions], Reporter]] = {
    OutputFormat.CONSOLE: _console,
    OutputFormat.JSON: _json,
}
