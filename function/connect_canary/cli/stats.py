"""Statistics of repeated runs of one target."""

from collections import Counter
from dataclasses import dataclass, field

from connect_canary.model.outcome import Outcome


@dataclass(slots=True, kw_only=True)
class TargetStats:
    """What the runs of one target came to so far."""

    healthy: int = 0
    connect_ms: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    last: dict[str, Outcome] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """Count one outcome."""
        self.healthy += outcome.healthy
        if outcome.healthy and outcome.connect_ms is not None:
            self.connect_ms.append(outcome.connect_ms)
        if outcome.failure is not None:
            self.failures[outcome.failure] += 1
            self.last[outcome.failure] = outcome

    @property
    def runs(self) -> int:
        """How many outcomes were counted."""
        return self.healthy + self.failures.total()
