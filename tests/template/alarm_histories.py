"""Histories of the canary's and Lambda's metric data, written as one letter per run.

`history({"default": "000XX0"}, …)` is six runs of which two failed. `OUTCOMES` and `RUNS_WITHOUT_OUTCOME` define the
letters.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connect_canary.model.failures import Failure
from connect_canary.model.phases import Phase
from tests.template.alarm_simulation import MINUTE, Datum, Metric
from tests.template.emitted_metrics import emitted, outcome

# The latency threshold of the histories.
THRESHOLD_MS = 500
_FAILED: Mapping[str, Any] = {"healthy": False, "connect_ms": None}
_EXPIRED: Mapping[str, Any] = {**_FAILED, "phase": Phase.TLS, "failure": Failure.CERTIFICATE_EXPIRED}

# A target's outcome, by letter.
OUTCOMES: Mapping[str, Mapping[str, Any]] = {
    "0": {},
    "X": {**_FAILED, "phase": Phase.CONNACK, "failure": Failure.NOT_AUTHORIZED},
    "C": {**_FAILED, "phase": Phase.CREDENTIALS, "failure": Failure.CREDENTIALS_UNAVAILABLE},
    "D": {"healthy": False, "phase": Phase.DISCONNECT, "failure": Failure.DISCONNECT_FAILED},
    "U": {"healthy": False, "expect": "refuse", "phase": Phase.CONNACK, "failure": Failure.UNEXPECTED_ACCEPT},
    "S": {"connect_ms": THRESHOLD_MS + 400.0},
    "s": {"connect_ms": float(THRESHOLD_MS)},
    "3": {"certificate_days_left": 13.0},
    "4": {"certificate_days_left": 14.0},
    "5": {"certificate_days_left": 15.0},
    "E": {**_EXPIRED, "certificate_days_left": -0.5},
}
# No run; a throttled run; a run that raised before any connect; one that ended well and emitted nothing; this target
# has invalid settings (the others run, and then the function raises); the event does not select this target.
NOT_RUN, THROTTLED, RAISED, EMPTY, MISCONFIGURED, NOT_NAMED = "-", "T", "!", "N", "B", " "
RUNS_WITHOUT_OUTCOME = frozenset({NOT_RUN, THROTTLED, RAISED, EMPTY, MISCONFIGURED, NOT_NAMED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Start times of runs, in seconds after the full minute, and the delay until their data arrive."""

    every_minutes: int = 1
    # Cycled through: EventBridge Scheduler is accurate to a minute.
    offsets_s: Sequence[float] = field(default=(5.0,))
    delay_s: float = 20.0

    def begins(self, run: int) -> float:
        """Return the start time of a run."""
        return run * self.every_minutes * MINUTE + self.offsets_s[run % len(self.offsets_s)]


def history(
    patterns: Mapping[str, str], *, canary: str, function: str, schedule: Schedule, shard: str | None = None
) -> list[Datum]:
    """Return the metric data of runs; `patterns` has one letter per run for each target of the canary or of a shard."""
    return [
        Datum(metric=metric, value=value, unit=unit, timestamp=begin, arrival=begin + schedule.delay_s)
        for run, letters in enumerate(zip(*patterns.values(), strict=True))
        for begin in [schedule.begins(run)]
        for metric, value, unit in _run(dict(zip(patterns, letters, strict=True)), canary, function, shard)
    ]


_Sample = tuple[Metric, float, str]


def _run(letters: Mapping[str, str], canary: str, function: str, shard: str | None) -> Iterator[_Sample]:
    """Yield the samples of one run, if it takes place."""
    kinds = frozenset(letters.values())
    yield from _of_lambda(kinds, function)
    if not kinds & {NOT_RUN, THROTTLED, RAISED, EMPTY}:
        for target, letter in letters.items():
            if letter in OUTCOMES:
                yield from _of_canary(canary, target, letter, shard)
            else:
                assert letter in RUNS_WITHOUT_OUTCOME, f"no such letter: {letter}"


def _of_lambda(kinds: frozenset[str], function: str) -> Iterator[_Sample]:
    """Yield Lambda's own metrics (developer guide, monitoring-metrics-types): throttled requests do not count."""
    dimensions = frozenset({("FunctionName", function)})
    if NOT_RUN in kinds:
        return
    if THROTTLED in kinds:
        counts = {"Throttles": 1.0}
    else:
        counts = {"Invocations": 1.0, "Errors": float(bool(kinds & {RAISED, MISCONFIGURED})), "Throttles": 0.0}
        yield Metric(namespace="AWS/Lambda", name="Duration", dimensions=dimensions), 350.0, "Milliseconds"
    for name, count in counts.items():
        yield Metric(namespace="AWS/Lambda", name=name, dimensions=dimensions), count, "Count"


@functools.cache
def _of_canary(canary: str, target: str, letter: str, shard: str | None) -> tuple[_Sample, ...]:
    """Return what the canary's metrics code emits for an outcome."""
    return tuple(
        (Metric(namespace=d.namespace, name=d.name, dimensions=frozenset(d.dimensions.items())), value, d.unit)
        for d in emitted(canary, outcome(target=target, **OUTCOMES[letter]), shard=shard)
        for value in d.values
    )
