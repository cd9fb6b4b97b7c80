"""When a CloudWatch alarm changes its state: statistics, M out of N, missing data. Pure functions."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

# CloudWatch retrieves more datapoints than EvaluationPeriods, to fill in for missing ones.
EXTRA_PERIODS = 2
# An alarm whose period is a minute or longer is evaluated once a minute.
_STEP_SECONDS = 60.0


class State(StrEnum):
    """The states of an alarm."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class TreatMissingData(StrEnum):
    """The values of TreatMissingData."""

    MISSING = "missing"
    IGNORE = "ignore"
    BREACHING = "breaching"
    NOT_BREACHING = "notBreaching"


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSample:
    """A value with its sample count, at `timestamp` (Unix seconds)."""

    timestamp: float
    value: float
    count: float = 1.0
    unit: str = "None"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """An alarm's configuration; `period` and `step` (the time between two evaluations) are in seconds."""

    statistic: str
    period: float
    step: float
    evaluation_periods: int
    datapoints_to_alarm: int
    threshold: float
    comparison: str
    missing: TreatMissingData


def rule_of(alarm: Mapping[str, Any], speed: float = 1.0) -> Rule:
    """Return the rule of an alarm from DescribeAlarms, with CloudWatch's defaults; `speed` divides its times."""
    periods, period = int(alarm["EvaluationPeriods"]), float(alarm["Period"])
    return Rule(
        statistic=alarm.get("ExtendedStatistic") or alarm["Statistic"],
        period=period / speed,
        step=min(period, _STEP_SECONDS) / speed,
        evaluation_periods=periods,
        datapoints_to_alarm=int(alarm.get("DatapointsToAlarm") or periods),
        threshold=float(alarm["Threshold"]),
        comparison=alarm["ComparisonOperator"],
        missing=TreatMissingData(alarm.get("TreatMissingData") or TreatMissingData.MISSING),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmEvaluation:
    """An alarm's new state and its StateReason."""

    state: State
    reason: str


COMPARISONS: Mapping[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanThreshold": (lambda a, b: a > b, "greater than"),
    "GreaterThanOrEqualToThreshold": (lambda a, b: a >= b, "greater than or equal to"),
    "LessThanThreshold": (lambda a, b: a < b, "less than"),
    "LessThanOrEqualToThreshold": (lambda a, b: a <= b, "less than or equal to"),
}


def _percentile(samples: Sequence[MetricSample], percent: float) -> float:
    ordered = sorted(value for s in samples for value in [s.value] * max(1, round(s.count)))
    rank = (len(ordered) - 1) * percent / 100
    low, high = ordered[math.floor(rank)], ordered[math.ceil(rank)]
    return low + (high - low) * (rank - math.floor(rank))


_STATISTICS: Mapping[str, Callable[[Sequence[MetricSample]], float]] = {
    "SampleCount": lambda samples: sum(s.count for s in samples),
    "Sum": lambda samples: sum(s.value * s.count for s in samples),
    "Average": lambda samples: sum(s.value * s.count for s in samples) / sum(s.count for s in samples),
    "Minimum": lambda samples: min(s.value for s in samples),
    "Maximum": lambda samples: max(s.value for s in samples),
}


def statistic_of(samples: Sequence[MetricSample], statistic: str) -> float:
    """Return one statistic (`Sum`, `Maximum`, `p90`, …) of at least one sample."""
    if statistic in _STATISTICS:
        return _STATISTICS[statistic](samples)
    if not statistic.startswith("p"):
        raise ValueError(f"The statistic {statistic} is not supported.")
    return _percentile(samples, float(statistic[1:]))


def evaluation_range(rule: Rule, now: float) -> tuple[float, float]:
    """Return the start and the end of the time that an evaluation looks at: it ends with the last completed step."""
    end = math.floor(now / rule.step) * rule.step
    return end - (rule.evaluation_periods + EXTRA_PERIODS) * rule.period, end


def datapoints(samples: Iterable[MetricSample], rule: Rule, now: float) -> list[float | None]:
    """Return the statistic of each period up to the last completed step, oldest first; None for one without samples.

    Periods slide: one of 5 minutes ends at every full minute (CloudWatch user guide, "Evaluating an alarm").
    """
    count = rule.evaluation_periods + EXTRA_PERIODS
    start, _ = evaluation_range(rule, now)
    periods: list[list[MetricSample]] = [[] for _ in range(count)]
    for sample in samples:
        index = math.floor((sample.timestamp - start) / rule.period)
        if 0 <= index < count:
            periods[index].append(sample)
    return [statistic_of(period, rule.statistic) if period else None for period in periods]


def evaluate(points: Sequence[float | None], rule: Rule, current: State) -> AlarmEvaluation:
    """Return the state that CloudWatch would set; `points` are oldest first."""
    recent = [point for point in points[-rule.evaluation_periods :] if point is not None]
    available = [point for point in points if point is not None][-rule.evaluation_periods :]
    # Older datapoints replace missing ones before TreatMissingData applies.
    used = recent if len(recent) == rule.evaluation_periods else available
    breaches, comparison = COMPARISONS[rule.comparison]
    breaching = sum(breaches(point, rule.threshold) for point in used)
    missing = rule.evaluation_periods - len(used)
    oldest = next((len(points) - index for index, point in enumerate(points) if point is not None), 0)
    state = _state(breaching, len(used) - breaching, oldest, rule, current)
    values = ", ".join(f"{point:g}" for point in used) or "none"
    reason = (
        f"{breaching} of the last {rule.evaluation_periods} datapoints [{values}] were {comparison} "
        f"the threshold ({rule.threshold:g}); {missing} missing, treated as {rule.missing}; "
        f"{rule.datapoints_to_alarm} are needed for ALARM."
    )
    return AlarmEvaluation(state=state, reason=reason)


def _state(breaching: int, healthy: int, oldest: int, rule: Rule, current: State) -> State:
    """Return the state; `oldest` is the age of the oldest datapoint in periods."""
    needed, missing = rule.datapoints_to_alarm, rule.evaluation_periods - breaching - healthy
    if rule.missing is TreatMissingData.BREACHING:
        return State.ALARM if breaching + missing >= needed else State.OK
    if breaching >= needed:
        return State.ALARM
    if rule.missing is TreatMissingData.NOT_BREACHING or healthy or missing == 0:
        return State.OK
    if rule.missing is TreatMissingData.IGNORE:
        return current
    # A breach is premature until it is as old as `needed` periods: the next datapoint may be healthy.
    return State.ALARM if breaching and oldest >= needed else State.INSUFFICIENT_DATA
