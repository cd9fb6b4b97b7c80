"""Alarms of a resolved template over a history of metric data, minute by minute; pure.

`simulate(alarms, history, minutes=…)` returns each alarm's changes of state and the messages that they send.
"""

import bisect
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from infra.local.alarm_rules import EXTRA_PERIODS, Missing, Rule, Sample, State, datapoints, evaluate

Properties = Mapping[str, Any]
Dimensions = frozenset[tuple[str, str]]

MINUTE: Final = 60.0
# What `rule_of` and `_watched` understand. Another property changes an alarm in a way that nobody would see here.
KNOWN_PROPERTIES: Final = frozenset(
    {
        *("AlarmName", "AlarmDescription", "ActionsEnabled", "AlarmActions", "OKActions", "InsufficientDataActions"),
        *("Namespace", "MetricName", "Dimensions", "Unit", "Statistic", "ExtendedStatistic", "Period"),
        *("EvaluationPeriods", "DatapointsToAlarm", "Threshold", "ComparisonOperator", "TreatMissingData"),
    }
)
_ACTIONS: Final[Mapping[State, str]] = {
    State.ALARM: "AlarmActions",
    State.OK: "OKActions",
    State.INSUFFICIENT_DATA: "InsufficientDataActions",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """What identifies a metric: another set of dimensions is another metric."""

    namespace: str
    name: str
    dimensions: Dimensions


@dataclass(frozen=True, slots=True, kw_only=True)
class Datum:
    """One value of a metric at `timestamp`, to be seen from `arrival` on (both in seconds)."""

    metric: Metric
    value: float
    unit: str
    timestamp: float
    arrival: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """An alarm that changed its state when so many minutes were over, and who was sent a message about it."""

    minute: int
    state: State
    actions: tuple[str, ...]


def rule_of(alarm: Properties) -> Rule:
    """Return what the resolved properties of an `AWS::CloudWatch::Alarm` watch for, with CloudWatch's defaults."""
    unknown = alarm.keys() - KNOWN_PROPERTIES
    if unknown:
        raise ValueError(f"not simulated: {', '.join(sorted(unknown))}")
    periods, period = int(alarm["EvaluationPeriods"]), float(alarm["Period"])
    return Rule(
        statistic=alarm.get("ExtendedStatistic") or alarm["Statistic"],
        period=period,
        step=min(period, MINUTE),
        evaluation_periods=periods,
        datapoints_to_alarm=int(alarm.get("DatapointsToAlarm", periods)),
        threshold=float(alarm["Threshold"]),
        comparison=alarm["ComparisonOperator"],
        missing=Missing(alarm.get("TreatMissingData", Missing.MISSING)),
    )


def simulate(
    alarms: Mapping[str, Properties],
    history: Iterable[Datum],
    *,
    minutes: range,
    state: State = State.OK,
) -> dict[str, list[Transition]]:
    """Return the changes of each alarm's state, which is `state` before it is evaluated at each of `minutes`."""
    by_metric: defaultdict[Metric, list[Datum]] = defaultdict(list)
    for datum in history:
        by_metric[datum.metric].append(datum)
    return {
        name: _transitions(alarm, _of_unit(by_metric[_watched(alarm)], alarm), minutes, state)
        for name, alarm in alarms.items()
    }


def _watched(alarm: Properties) -> Metric:
    return Metric(
        namespace=alarm["Namespace"],
        name=alarm["MetricName"],
        dimensions=frozenset((d["Name"], d["Value"]) for d in alarm.get("Dimensions", ())),
    )


def _of_unit(data: Iterable[Datum], alarm: Properties) -> list[Datum]:
    wanted = [datum for datum in data if alarm.get("Unit") in (None, datum.unit)]
    return sorted(wanted, key=lambda datum: datum.timestamp)


def _transitions(alarm: Properties, data: Sequence[Datum], minutes: range, state: State) -> list[Transition]:
    rule, found = rule_of(alarm), list[Transition]()
    timestamps = [datum.timestamp for datum in data]
    for minute in minutes:
        now = minute * MINUTE
        newest = bisect.bisect_left(timestamps, now)
        oldest = bisect.bisect_left(timestamps, now - rule.period * (rule.evaluation_periods + EXTRA_PERIODS))
        seen = [Sample(timestamp=d.timestamp, value=d.value) for d in data[oldest:newest] if d.arrival <= now]
        finding = evaluate(datapoints(seen, rule, now), rule, state)
        if finding.state is not state:
            state = finding.state
            found.append(Transition(minute=minute, state=state, actions=_actions(alarm, state)))
    return found


def _actions(alarm: Properties, state: State) -> tuple[str, ...]:
    enabled = str(alarm.get("ActionsEnabled", True)).lower() == "true"
    return tuple(alarm.get(_ACTIONS[state], ())) if enabled else ()
