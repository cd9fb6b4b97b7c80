"""The dashboard of a resolved template, and what CloudWatch documents of its body.

Source: Amazon CloudWatch API reference, "Dashboard Body Structure and Syntax", and for `start` of a metric widget and
`background` of a text widget the properties of the AWS CDK's SingleValueWidget and TextWidget.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from infra.local.server.metrics_insights import is_query, parse_query
from tests.template.cloudformation import canary

COLUMNS: Final = 24
MAX_WIDGETS: Final = 500
# Properties by type of widget; those in the first set are required.
PROPERTIES: Final[dict[str, tuple[set[str], set[str]]]] = {
    "text": ({"markdown"}, {"background"}),
    "alarm": ({"alarms"}, {"title", "sortBy", "states"}),
    "custom": ({"endpoint"}, {"title", "params", "updateOn"}),
    "log": ({"region", "query"}, {"title", "view", "stacked"}),
    "metric": (
        {"region", "metrics"},
        {"title", "view", "stacked", "stat", "period", "yAxis", "setPeriodToTimeRange", "sparkline", "start"},
    ),
}
VIEWS: Final = {
    "log": {"table", "timeSeries", "bar", "pie"},
    "metric": {"timeSeries", "singleValue", "gauge", "bar", "pie", "table"},
}
OPTIONS: Final = {"id", "label", "expression", "stat", "period", "visible", "yAxis", "color", "region"}
STATISTICS: Final = {"Average", "Sum", "Minimum", "Maximum", "SampleCount"}


def body(**values: str) -> dict[str, Any]:
    """Return the dashboard's body."""
    (dashboard,) = canary(**values).of_type("AWS::CloudWatch::Dashboard").values()
    return dict(json.loads(dashboard["DashboardBody"]))


def widgets(kind: str, **values: str) -> list[dict[str, Any]]:
    """Return the properties of the widgets of a type, in their order."""
    return [widget["properties"] for widget in body(**values)["widgets"] if widget["type"] == kind]


def titled(title: str, **values: str) -> dict[str, Any]:
    """Return the properties of the widget whose title begins so."""
    (found,) = (
        each["properties"]
        for each in body(**values)["widgets"]
        if str(each["properties"].get("title", "")).startswith(title)
    )
    return dict(found)


def problems(dashboard: dict[str, Any]) -> Iterator[str]:
    """Yield what CloudWatch would not take, a sentence each."""
    if not dashboard.keys() <= {"start", "end", "periodOverride", "variables", "widgets"}:
        yield f"unknown: {dashboard.keys()}"
    if re.fullmatch(r"-P(\d+[DWM]|T\d+[HM])", dashboard["start"]) is None:
        yield "start is no duration"
    if not 0 < len(dashboard["widgets"]) <= MAX_WIDGETS:
        yield "too few or too many widgets"
    for widget in dashboard["widgets"]:
        if widget.keys() != {"type", "x", "y", "width", "height", "properties"}:
            yield f"a widget has {widget.keys()}"
        if not (widget["x"] >= 0 and widget["width"] >= 1 and widget["x"] + widget["width"] <= COLUMNS):
            yield f"a widget leaves the {COLUMNS} columns"
        if not (widget["y"] >= 0 and 1 <= widget["height"] <= 1000):
            yield "a widget is too high"
        yield from _property_problems(widget["type"], widget["properties"])


def _property_problems(kind: str, properties: dict[str, Any]) -> Iterator[str]:
    required, optional = PROPERTIES[kind]
    if not required <= properties.keys() <= required | optional:
        yield f"{kind} has {properties.keys()}"
    if kind in VIEWS and properties["view"] not in VIEWS[kind]:
        yield f"{properties['view']} is no view of {kind}"
    if kind == "metric":
        yield from _metric_problems(properties)
    if kind == "alarm" and not 0 < len(properties["alarms"]) <= 100:
        yield "an alarm widget has 1 to 100 alarms"


def _metric_problems(properties: dict[str, Any]) -> Iterator[str]:
    if ("period" in properties) is properties.get("setPeriodToTimeRange", False):
        yield "either a period or the whole time"
    if "period" in properties and not (isinstance(properties["period"], int) and properties["period"] % 60 == 0):
        yield "a period is a multiple of 60"
    ids = set()
    for row in properties["metrics"]:
        options = row[-1] if isinstance(row[-1], dict) else {}
        if not options.keys() <= OPTIONS:
            yield f"unknown options: {options.keys()}"
        if "stat" in options and options["stat"] not in STATISTICS:
            yield f"no statistic: {options['stat']}"
        if "id" in options and (options["id"] in ids or re.fullmatch(r"[a-z]\w*", options["id"]) is None):
            yield f"ids are unique and begin in lower case: {options['id']}"
        ids.add(options.get("id"))
        if "expression" in options and len(row) > 1:
            yield "an expression stands alone"
        if "expression" not in options and (len(row) - bool(options)) % 2:
            yield f"dimensions are pairs: {row}"


def shown_metrics(**values: str) -> Iterator[tuple[str, str, frozenset[tuple[str, str | None]]]]:
    """Yield namespace, name and dimensions of each metric on the dashboard; None is any value."""
    for widget in widgets("metric", **values):
        for row in widget["metrics"]:
            expression = row[-1].get("expression", "") if isinstance(row[-1], dict) else ""
            if is_query(expression):
                query = parse_query(expression)
                assert query.schema is not None
                equal = {condition.key: condition.value for condition in query.conditions if condition.equal}
                yield query.namespace, query.metric, frozenset((key, equal.get(key)) for key in query.schema)
            elif not expression:
                namespace, name, *dimensions = [part for part in row if isinstance(part, str)]
                yield namespace, name, frozenset(zip(dimensions[::2], dimensions[1::2], strict=True))
