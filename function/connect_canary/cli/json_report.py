"""The return value as JSON, one line per run when there are many."""

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connect_canary.config.plan import Plan
    from connect_canary.model.outcome import Outcome


class JsonReporter:
    """Prints the Lambda's return value, one line a run when there are many."""

    def __init__(self, *, indent: int | None) -> None:
        self._indent = indent

    def checked(self, plan: "Plan") -> None:
        from connect_canary.run import dry_run_response  # noqa: PLC0415 - it loads the SDK

        self._print(dry_run_response(plan))

    def starts(self, run: int, plan: "Plan") -> None:
        """Say nothing."""

    def ended(self, outcome: "Outcome") -> None:
        """Say nothing."""

    def ran(self, plan: "Plan", outcomes: "list[Outcome]") -> None:
        from connect_canary.run import run_response  # noqa: PLC0415 - it loads the SDK

        self._print(run_response(plan, outcomes))

    def closes(self) -> None:
        """Say nothing."""

    def _print(self, said: dict[str, object]) -> None:
        print(json.dumps(said, indent=self._indent), flush=True)
