"""What the demo knows of the running canary, for the screen: targets, alarms and pages. No calls, no clock."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from infra.local.demo.pages import Page
from infra.local.demo.run_log import Run

_KEPT = 200
# A schedule is late by so much before a run counts as missed.
_LATE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """An alarm's state."""

    name: str
    state: str
    since: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """A target's metrics, as CloudWatch has them."""

    runs: float
    healthy: float
    latency_ms: float | None


@dataclass(slots=True, kw_only=True)
class TargetView:
    """A target: its outcomes, oldest first, None for a run that is missing; its newest outcome and its metrics."""

    outcomes: list[bool | None] = field(default_factory=list)
    newest: Mapping[str, Any] = field(default_factory=dict)
    metrics: Metrics | None = None


@dataclass(slots=True, kw_only=True)
class View:
    """Everything that the screen shows."""

    speed: float
    endpoint: str = ""
    now: datetime = field(default_factory=lambda: datetime.now().astimezone())
    runs: int = 0
    last_run: datetime | None = None
    targets: dict[str, TargetView] = field(default_factory=dict)
    errors: tuple[str, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    days_left: float | None = None
    pages: list[Page] = field(default_factory=list)

    @property
    def period(self) -> timedelta:
        """The time between two scheduled runs, on this machine's clock."""
        return timedelta(minutes=1) / self.speed

    def add_run(self, run: Run) -> None:
        """Add a scheduled run; what was missed before it is a gap."""
        missed = self.missed_at(run.ended)
        seen = {str(outcome["target"]): outcome for outcome in run.outcomes}
        for name in sorted(seen):
            self.targets.setdefault(name, TargetView())
        for name, target in self.targets.items():
            outcome = seen.get(name)
            target.outcomes += [None] * missed + [None if outcome is None else bool(outcome["healthy"])]
            del target.outcomes[:-_KEPT]
            target.newest = outcome or target.newest
        self.runs += 1
        self.last_run, self.errors = run.ended, run.errors

    def missed_at(self, moment: datetime) -> int:
        """Return how many runs are missing at a moment since the last one."""
        if self.last_run is None:
            return 0
        return max(0, int((moment - self.last_run) / self.period - _LATE))

    def set_alarms(self, alarms: Iterable[Alarm]) -> list[tuple[Alarm, str]]:
        """Replace the alarms; return those whose state changed, each with its state before."""
        before = {alarm.name: alarm.state for alarm in self.alarms}
        self.alarms = tuple(alarms)
        return [(a, before[a.name]) for a in self.alarms if a.name in before and before[a.name] != a.state]
