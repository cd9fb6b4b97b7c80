"""Simulates the alarms of a resolved template over a history of metric data, minute by minute. Pure functions.

`simulate(alarms, history, minutes=…)` returns each alarm's state changes and their actions. The rules are those of the
local AWS, which tests compare with the tables of AWS's own documentation.
"""

import bisect
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from infra.local.server.alarm_metrics import (
    GroupedRule,
    alarm_period,
    grouped_rule_of,
    is_true,
    points_of,
    single_rule_of,
)
from infra.local.server.alarm_rules import EXTRA_PERIODS, MetricSample, Rule, State, evaluate
from infra.local.server.grouped_alarms import Contributor, evaluate_grouped
from infra.local.server.metrics_insights import Series
from infra.local.server.warm_up import is_warming_up

Properties = Mapping[str, Any]
Dimensions = frozenset[tuple[str, str]]

MINUTE = 60.0
# Properties that are simulated; any other is an error.
KNOWN_PROPERTIES = frozenset(
    {
        *("AlarmName", "AlarmDescription", "ActionsEnabled", "AlarmActions", "OKActions", "InsufficientDataActions"),
        *("Namespace", "MetricName", "Dimensions", "Unit", "Statistic", "ExtendedStatistic", "Period", "Metrics"),
        *("EvaluationPeriods", "DatapointsToAlarm", "Threshold", "ComparisonOperator", "TreatMissingData"),
        "WarmUpConfiguration",
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
    """A state change of an alarm, or of one of its contributors, after so many minutes, and the ARNs of its actions."""

    minute: int
    state: State
    actions: tuple[str, ...]
    contributor: str | None = None


def simulate(
    alarms: Mapping[str, Properties],
    history: Iterable[Datum],
    *,
    minutes: range,
    state: State = State.OK,
    created: int | None = None,
) -> dict[str, list[Transition]]:
    """Return the state changes of each alarm, evaluated at each of `minutes` from the initial `state` on.

    Alarms that were `created` at a minute warm up from then on; without it they are old.
    """
    by_metric: defaultdict[Metric, list[Datum]] = defaultdict(list)
    for datum in history:
        by_metric[datum.metric].append(datum)
    data = [_MetricData.of(metric, data) for metric, data in by_metric.items()]
    return {
        name: list(_transitions(alarm, [each for each in data if each.is_named_by(alarm)], minutes, state, created))
        for name, alarm in alarms.items()
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _MetricData:
    """The samples of a metric in the order of their timestamps."""

    metric: Metric
    timestamps: Sequence[float]
    arrivals: Sequence[float]
    samples: Sequence[MetricSample]

    @classmethod
    def of(cls, metric: Metric, data: Iterable[Datum]) -> "_MetricData":
        ordered = sorted(data, key=lambda datum: datum.timestamp)
        return cls(
            metric=metric,
            timestamps=[datum.timestamp for datum in ordered],
            arrivals=[datum.arrival for datum in ordered],
            samples=[MetricSample(timestamp=d.timestamp, value=d.value, unit=d.unit) for d in ordered],
        )

    def is_named_by(self, alarm: Properties) -> bool:
        """Return whether an alarm can be about this metric: the queries and dimensions decide later."""
        texts = str(alarm.get("Metrics") or (alarm["Namespace"], alarm["MetricName"]))
        return self.metric.namespace in texts and self.metric.name in texts

    def series(self, start: float, now: float) -> Series:
        """Return the samples from `start` on that have arrived."""
        within = slice(bisect.bisect_left(self.timestamps, start), bisect.bisect_left(self.timestamps, now))
        arrivals = zip(self.samples[within], self.arrivals[within], strict=True)
        samples = [sample for sample, arrival in arrivals if arrival <= now]
        metric = self.metric
        return Series(namespace=metric.namespace, name=metric.name, dimensions=dict(metric.dimensions), samples=samples)


def _transitions(
    alarm: Properties, data: Sequence[_MetricData], minutes: range, state: State, created: int | None
) -> Iterator[Transition]:
    unknown = alarm.keys() - KNOWN_PROPERTIES
    if unknown:
        raise ValueError(f"not simulated: {', '.join(sorted(unknown))}")
    grouped = grouped_rule_of(alarm)
    period = alarm_period(alarm)
    reach = period * (int(alarm["EvaluationPeriods"]) + EXTRA_PERIODS)
    evaluator = _Grouped(grouped, state) if grouped else _Single(alarm, single_rule_of(alarm), state, created)
    evaluated: list[Span] | None = None
    for minute in minutes:
        now = minute * MINUTE
        series = [found for each in data if (found := each.series(now - reach, now)).samples]
        spans = [(each.samples[0], each.samples[-1], len(each.samples)) for each in series]
        # With periods as long as a step, the same samples in the evaluation range result in the same state.
        if created is None and period == MINUTE and spans == evaluated:
            continue
        evaluated = spans
        for changed, contributor in evaluator.changes(series, now):
            yield Transition(minute=minute, state=changed, actions=_actions(alarm, changed), contributor=contributor)


Span = tuple[MetricSample, MetricSample, int]
_Change = tuple[State, str | None]


@dataclass(slots=True)
class _Single:
    """An alarm that has one state."""

    alarm: Properties
    rule: Rule
    state: State
    created: int | None

    def changes(self, series: Sequence[Series], now: float) -> Iterator[_Change]:
        rule = self.rule
        points = points_of(self.alarm, series, rule, now)
        if self.created is not None:
            age, window = now - self.created * MINUTE, points[-rule.evaluation_periods :]
            if is_warming_up(self.alarm.get("WarmUpConfiguration"), age, window):
                return
        changed = evaluate(points, rule, self.state).state
        if changed is not self.state:
            self.state = changed
            yield changed, None


@dataclass(slots=True)
class _Grouped:
    """An alarm that has a state for each series of its query, and one of its own."""

    rule: GroupedRule
    state: State
    contributors: tuple[Contributor, ...] = field(default=())

    def changes(self, series: Sequence[Series], now: float) -> Iterator[_Change]:
        if not series and not self.contributors and self.state is State.OK:
            return
        evaluation = evaluate_grouped(self.rule, series, now, known=self.contributors, state=self.state)
        self.contributors = evaluation.contributors
        for each in evaluation.changes:
            yield each.state, " ".join(each.attributes.values())
        if evaluation.state is not self.state:
            self.state = evaluation.state
            yield evaluation.state, None


def _actions(alarm: Properties, state: State) -> tuple[str, ...]:
    enabled = is_true(alarm.get("ActionsEnabled", True))
    return tuple(alarm.get(_ACTIONS[state], ())) if enabled else ()


def muted(
    transitions: Iterable[Transition], window: range, actions: Mapping[State, tuple[str, ...]]
) -> list[Transition]:
    """Return the transitions as a mute rule leaves them: without actions in its window.

    When the window ends, the action of the state that began in it and still lasts is taken (user guide, "How alarm mute
    rules work").
    """
    kept, last = list[Transition](), dict[str | None, Transition]()
    for each in transitions:
        inside = each.minute in window
        if inside:
            last[each.contributor] = each
        kept.append(
            Transition(minute=each.minute, state=each.state, actions=(), contributor=each.contributor)
            if inside
            else each
        )
    ended = [
        Transition(minute=window.stop, state=each.state, actions=actions[each.state], contributor=each.contributor)
        for each in last.values()
    ]
    return sorted([*kept, *ended], key=lambda each: each.minute)
