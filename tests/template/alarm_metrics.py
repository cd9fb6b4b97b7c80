"""The metrics that an alarm of a resolved template is on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.local.server.metrics_insights import is_query, parse_query


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedMetric:
    """A metric, or those that a query selects; `values` are the dimensions that must be of a value."""

    namespace: str
    name: str
    dimensions: frozenset[str]
    values: Mapping[str, str]
    excluded: frozenset[tuple[str, str]] = frozenset()
    by: tuple[str, ...] = ()


def watched_metrics(alarm: Mapping[str, Any]) -> Iterator[WatchedMetric]:
    """Yield the metrics of an alarm, those of metric math and of queries too."""
    if "Metrics" not in alarm:
        yield _metric(alarm)
    for each in alarm.get("Metrics", ()):
        if "MetricStat" in each:
            yield _metric(each["MetricStat"]["Metric"])
        elif is_query(each["Expression"]):
            yield _queried(each["Expression"])


def _metric(metric: Mapping[str, Any]) -> WatchedMetric:
    values = {dimension["Name"]: dimension["Value"] for dimension in metric["Dimensions"]}
    return WatchedMetric(
        namespace=metric["Namespace"], name=metric["MetricName"], dimensions=frozenset(values), values=values
    )


def _queried(expression: str) -> WatchedMetric:
    query = parse_query(expression)
    assert query.schema is not None, "without SCHEMA a query adds up metrics of other dimensions"
    return WatchedMetric(
        namespace=query.namespace,
        name=query.metric,
        dimensions=query.schema,
        values={condition.key: condition.value for condition in query.conditions if condition.equal},
        excluded=frozenset((condition.key, condition.value) for condition in query.conditions if not condition.equal),
        by=query.group_by,
    )
