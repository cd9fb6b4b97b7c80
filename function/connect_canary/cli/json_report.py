"""The return value as JSON, one line per run when there are many."""

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connect_canary.config.plan import Plan
    from connect_canary.model.outcome import Outcome


class JsonReporter:
    """Prints the Lambda's return value, one line per run when there are many."""

    def __init__(self, *, indent: int | None) -> None:
        self._indent = indent

    def on_credentials(self, source: str) -> None:
        """Print nothing."""

    def on_plan(self, plan: "Plan") -> None:
        from connect_canary.run import dry_run_response  # noqa: PLC0415 - loads the SDK

        self._print(dry_run_response(plan))

    def on_run_start(self, run: int, plan: "Plan") -> None:
        """Print nothing."""

    def on_target_done(self, outcome: "Outcome") -> None:
        """Print nothing."""

    def on_run_done(self, plan: "Plan", outcomes: "list[Outcome]") -> None:
        from connect_canary.run import run_response  # noqa: PLC0415 - loads the SDK

        self._print(run_response(plan, outcomes))

    def on_finish(self) -> None:
        """Print nothing."""

    def _print(self, response: dict[str, object]) -> None:
        print(json.dumps(response, indent=self._indent), flush=True)
