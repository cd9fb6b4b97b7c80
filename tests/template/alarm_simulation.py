"""Alarms of a resolved template over a history of metric data, minute by minute; pure.

`simulate(alarms, history, minutes=…)` returns each alarm's changes of state and the messages that they send.
"""

import bisect
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.local.server.alarm_rules import EXTRA_PERIODS, MetricSample, State, datapoints, evaluate, rule_of

Properties = Mapping[str, Any]
Dimensions = frozenset[tuple[str, str]]

MINUTE = 60.0
# What is simulated. Another property changes an alarm in a way that nobody would see here.
KNOWN_PROPERTIES = frozenset(
    {
        *("AlarmName", "AlarmDescription", "ActionsEnabled", "AlarmActions", "OKActions", "InsufficientDataActions"),
        *("Namespace", "MetricName", "Dimensions", "Unit", "Statistic", "ExtendedStatistic", "Period"),
        *("EvaluationPeriods", "DatapointsToAlarm", "Threshold", "ComparisonOperator", "TreatMissingData"),
    }
)
_ACTIONS: Mapping[State, str] = {
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
    unknown = alarm.keys() - KNOWN_PROPERTIES
    if unknown:
        raise ValueError(f"not simulated: {', '.join(sorted(unknown))}")
    rule, transitions = rule_of(alarm), list[Transition]()
    samples = [(datum.arrival, MetricSample(timestamp=datum.timestamp, value=datum.value)) for datum in data]
    timestamps = [datum.timestamp for datum in data]
    reach = rule.period * (rule.evaluation_periods + EXTRA_PERIODS)
    latest: list[float | None] = []
    for minute in minutes:
        now = minute * MINUTE
        within = slice(bisect.bisect_left(timestamps, now - reach), bisect.bisect_left(timestamps, now))
        points = datapoints((sample for arrival, sample in samples[within] if arrival <= now), rule, now)
        # What was evaluated a minute ago would come to the same state again.
        if points != latest and (changed := evaluate(points, rule, state).state) is not state:
            state = changed
            transitions.append(Transition(minute=minute, state=state, actions=_actions(alarm, state)))
        latest = points
    return transitions


def _actions(alarm: Properties, state: State) -> tuple[str, ...]:
    enabled = str(alarm.get("ActionsEnabled", True)).lower() == "true"
    return tuple(alarm.get(_ACTIONS[state], ())) if enabled else ()
