"""Simulates the alarms of a resolved template over a history of metric data, minute by minute. Pure functions.

`simulate(alarms, history, minutes=…)` returns each alarm's state changes and their actions.
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
# Properties that are simulated; any other is an error.
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
    """The identity of a metric: namespace, name and dimensions."""

    namespace: str
    name: str
    dimensions: Dimensions


@dataclass(frozen=True, slots=True, kw_only=True)
class Datum:
    """One value of a metric at `timestamp`, available from `arrival` on (both in seconds)."""

    metric: Metric
    value: float
    unit: str
    timestamp: float
    arrival: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A state change of an alarm after so many minutes, and the ARNs of its actions."""

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
    """Return the state changes of each alarm, evaluated at each of `minutes` from the initial `state` on."""
    by_metric: defaultdict[Metric, list[Datum]] = defaultdict(list)
    for datum in history:
        by_metric[datum.metric].append(datum)
    return {
        name: _transitions(alarm, _of_unit(by_metric[_metric_of(alarm)], alarm), minutes, state)
        for name, alarm in alarms.items()
    }


def _metric_of(alarm: Properties) -> Metric:
    return Metric(
        namespace=alarm["Namespace"],
        name=alarm["MetricName"],
        dimensions=frozenset((d["Name"], d["Value"]) for d in alarm.get("Dimensions", ())),
    )


def _of_unit(data: Iterable[Datum], alarm: Properties) -> list[Datum]:
    matching = [datum for datum in data if alarm.get("Unit") in (None, datum.unit)]
    return sorted(matching, key=lambda datum: datum.timestamp)


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
        # The same datapoints as a minute ago would result in the same state.
        if points != latest and (changed := evaluate(points, rule, state).state) is not state:
            state = changed
            transitions.append(Transition(minute=minute, state=state, actions=_actions(alarm, state)))
        latest = points
    return transitions


def _actions(alarm: Properties, state: State) -> tuple[str, ...]:
    enabled = str(alarm.get("ActionsEnabled", True)).lower() == "true"
    return tuple(alarm.get(_ACTIONS[state], ())) if enabled else ()
