"""What the attempts of each target came to, worst target first."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import takewhile

from connect_canary.model.percentile import percentile
from connect_canary.model.phases import Phase
from connect_canary.pages.attempt_record import AttemptRecord


@dataclass(slots=True, kw_only=True)
class TargetSummary:
    """The attempts of one target, oldest first."""

    target: str
    records: list[AttemptRecord] = field(default_factory=list)

    @property
    def newest(self) -> AttemptRecord:
        """The newest attempt."""
        return self.records[-1]

    @property
    def share_healthy(self) -> float:
        """The share of attempts that were healthy, 0 to 1."""
        return sum(record.healthy for record in self.records) / len(self.records)

    @property
    def failed_in_a_row(self) -> list[AttemptRecord]:
        """The newest attempts that failed, back to the last healthy one; newest first."""
        return list(takewhile(lambda record: not record.healthy, reversed(self.records)))

    @property
    def connect_ms(self) -> list[float]:
        """How long the healthy attempts took to connect."""
        return [record.connect_ms for record in self.records if record.healthy and record.connect_ms is not None]

    @property
    def slow_ms(self) -> float:
        """What nine of ten connects stay below; there must be one."""
        return percentile(self.connect_ms, 0.9)

    @property
    def phases_ms(self) -> dict[Phase, float]:
        """The mean duration of each phase of the healthy attempts, in the phases' order."""
        healthy = [record.phases_ms for record in self.records if record.healthy]
        durations = {phase: [each[phase] for each in healthy if phase in each] for phase in Phase}
        return {phase: sum(every) / len(every) for phase, every in durations.items() if every}


def summaries_of(records: Iterable[AttemptRecord]) -> list[TargetSummary]:
    """Return a summary for each target: those that fail now first, then by their share of healthy attempts."""
    summaries: dict[str, TargetSummary] = {}
    for record in records:
        summaries.setdefault(record.target, TargetSummary(target=record.target)).records.append(record)
    return sorted(summaries.values(), key=lambda each: (each.newest.healthy, each.share_healthy, each.target))


def failures_by_name(summaries: Iterable[TargetSummary]) -> Counter[str]:
    """Return how often each failure occurred."""
    failed = (record for summary in summaries for record in summary.records if not record.healthy)
    return Counter(record.failure or "without a name" for record in failed)


def percent(share: float) -> str:
    """Return a share as a percentage that is 100 only if nothing failed, and 0 only if everything did."""
    if share in {0.0, 1.0}:
        return f"{share:.0%}"
    return f"{min(max(100 * share, 0.01), 99.99):.2f}%"
