"""What an alarm evaluates: its own metric, metric math, or a Metrics Insights query. Pure functions.

An alarm is a mapping as DescribeAlarms returns it or as a resolved template holds it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from infra.local.server.alarm_rules import MetricSample, Rule, datapoints, rule_of, statistic_of
from infra.local.server.metric_math import Calculator, Points
from infra.local.server.metrics_insights import Query, Series, is_query, parse_query, select

Alarm = Mapping[str, Any]

_MAX_MATH_METRICS = 10
# A statistic that is not supported shows with the first sample.
_ANY_SAMPLE = (MetricSample(timestamp=0, value=0),)


class AlarmError(ValueError):
    """An alarm is not one that can be evaluated; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupedRule:
    """The rule of an alarm that keeps a state for each series of a query."""

    query: Query
    rule: Rule


def grouped_rule_of(alarm: Alarm, speed: float = 1.0) -> GroupedRule | None:
    """Return the rule of an alarm on a query with GROUP BY, None for any other alarm; `speed` divides its times."""
    query = _query_of(alarm)
    if query is None or not query.group_by:
        return None
    return GroupedRule(query=query, rule=single_rule_of(alarm, speed))


def single_rule_of(alarm: Alarm, speed: float = 1.0) -> Rule:
    """Return the rule of any alarm, whose period and statistic may stand in `Metrics`."""
    if not alarm.get("Metrics"):
        return rule_of(alarm, speed)
    query = _query_of(alarm)
    period = alarm_period(alarm)
    # The statistic of metric math belongs to each of its metrics.
    statistic = query.statistic if query else "Average"
    return rule_of({**alarm, "Period": period, "Statistic": statistic, "ExtendedStatistic": None}, speed)


def alarm_period(alarm: Alarm) -> int:
    """Return the alarm's period in seconds, or raise `AlarmError`."""
    periods = {
        int(each.get("Period") or each.get("MetricStat", {}).get("Period", 0)) for each in alarm.get("Metrics", ())
    }
    periods = {int(alarm["Period"])} if not alarm.get("Metrics") else periods - {0}
    if len(periods) != 1:
        raise AlarmError("All metrics of an alarm have one and the same period.")
    return periods.pop()


def points_of(alarm: Alarm, metrics: Iterable[Series], rule: Rule, now: float) -> Points:
    """Return the datapoints of an alarm, oldest first: of a grouped one those of all its series together."""
    if not alarm.get("Metrics"):
        return datapoints(_samples_of(alarm, alarm.get("Unit"), metrics), rule, now)
    query = _query_of(alarm)
    if query:
        return datapoints((sample for group in select(query, metrics) for sample in group.samples), rule, now)
    return _math_points(alarm, list(metrics), rule, now)


def metrics_of(alarm: Alarm) -> frozenset[tuple[str, str]]:
    """Return the namespace and name of every metric that an alarm evaluates."""
    if not alarm.get("Metrics"):
        return frozenset({(alarm["Namespace"], alarm["MetricName"])})
    query = _query_of(alarm)
    if query:
        return frozenset({(query.namespace, query.metric)})
    stats = (each["MetricStat"]["Metric"] for each in alarm["Metrics"] if "MetricStat" in each)
    return frozenset((metric["Namespace"], metric["MetricName"]) for metric in stats)


def returned_metric(alarm: Alarm) -> Mapping[str, Any]:
    """Return the member of `Metrics` that the alarm is on, or raise `AlarmError`."""
    returned = [each for each in alarm["Metrics"] if is_true(each.get("ReturnData", True))]
    if len(returned) != 1:
        raise AlarmError("Exactly one member of Metrics has ReturnData true.")
    return dict(returned[0])


def is_true(value: object) -> bool:
    """Return whether a boolean, or its spelling in a template, is true."""
    return str(value).lower() == "true"


def check_metrics(alarm: Alarm) -> None:
    """Raise `AlarmError` or another ValueError unless an alarm's `Metrics` can be evaluated."""
    stats = [each for each in alarm["Metrics"] if "MetricStat" in each]
    if len(stats) > _MAX_MATH_METRICS:
        raise AlarmError(f"An expression is on at most {_MAX_MATH_METRICS} metrics.")
    for each in alarm["Metrics"]:
        if ("Expression" in each) is ("MetricStat" in each):
            raise AlarmError(f"Metric {each.get('Id')!r} has either Expression or MetricStat.")
        if "MetricStat" in each:
            statistic_of(_ANY_SAMPLE, each["MetricStat"]["Stat"])
    query = _query_of(alarm)
    if query and query.group_by and not query.order_by:
        raise AlarmError("A query with GROUP BY needs ORDER BY in an alarm.")
    points_of(alarm, [], single_rule_of(alarm), 0.0)


def _query_of(alarm: Alarm) -> Query | None:
    if not alarm.get("Metrics"):
        return None
    expression = str(returned_metric(alarm).get("Expression", ""))
    return parse_query(expression) if is_query(expression) else None


def _math_points(alarm: Alarm, metrics: Sequence[Series], rule: Rule, now: float) -> Points:
    stats = {each["Id"]: each["MetricStat"] for each in alarm["Metrics"] if "MetricStat" in each}
    points = {name: _stat_points(stat, metrics, rule, now) for name, stat in stats.items()}
    results: dict[str, Points] = {}
    # An expression may use those above it.
    for each in alarm["Metrics"]:
        if "Expression" in each:
            results[each["Id"]] = Calculator(metrics=points, expressions=results).calculate(each["Expression"])
    return {**points, **results}[returned_metric(alarm)["Id"]]


def _stat_points(stat: Mapping[str, Any], metrics: Iterable[Series], rule: Rule, now: float) -> Points:
    samples = _samples_of(stat["Metric"], stat.get("Unit"), metrics)
    return datapoints(samples, replace(rule, statistic=stat["Stat"]), now)


def _samples_of(metric: Mapping[str, Any], unit: object, metrics: Iterable[Series]) -> Iterator[MetricSample]:
    """Yield the samples of the metric with exactly these dimensions, and of the unit if one is asked for."""
    dimensions = {d["Name"]: d["Value"] for d in metric.get("Dimensions") or ()}
    for series in metrics:
        identity = (series.namespace, series.name, dict(series.dimensions))
        if identity == (metric["Namespace"], metric["MetricName"], dimensions):
            yield from (sample for sample in series.samples if not unit or sample.unit == unit)
