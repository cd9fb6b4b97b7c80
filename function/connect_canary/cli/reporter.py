"""What shows the progress and the outcomes of runs."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from connect_canary.config.plan import Plan
    from connect_canary.model.outcome import Outcome


class Reporter(Protocol):
    """What shows a run to whoever asked."""

    def checked(self, plan: "Plan") -> None:
        """Show what would run."""

    def starts(self, run: int, plan: "Plan") -> None:
        """Show that a run begins."""

    def ended(self, outcome: "Outcome") -> None:
        """Show, within a run, that a target's attempt has ended; must be quick."""

    def ran(self, plan: "Plan", outcomes: "list[Outcome]") -> None:
        """Show what a run came to."""

    def closes(self) -> None:
        """Show what all runs came to."""
