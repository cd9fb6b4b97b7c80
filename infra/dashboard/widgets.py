"""Widgets as data, in the dashboard body's own words (API reference, CloudWatch-Dashboard-Body-Structure)."""

from collections.abc import Sequence
from typing import Any

Widget = dict[str, Any]
Metric = list[Any]
COLUMNS = 24
# The schedule's period, a number that is known when the stack is deployed.
EVERY_RUN = "${PeriodSeconds}"


def text(markdown: str) -> Widget:
    """Return a text widget without the white of a card."""
    return {"type": "text", "properties": {"markdown": markdown, "background": "transparent"}}


def alarms(title: str, arns: Sequence[str]) -> Widget:
    """Return the states of alarms, those in ALARM first."""
    return {"type": "alarm", "properties": {"title": title, "alarms": list(arns), "sortBy": "stateUpdatedTimestamp"}}


def logs(title: str, query: str, *, view: str = "table", **more: object) -> Widget:
    """Return a Logs Insights query."""
    return {
        "type": "log",
        "properties": {"title": title, "region": "${AWS::Region}", "view": view, "query": query, **more},
    }


def custom(title: str, function_arn: str) -> Widget:
    """Return what a function draws, again whenever the dashboard shows another time, is refreshed or resized."""
    update = {"refresh": True, "resize": True, "timeRange": True}
    return {
        "type": "custom",
        "properties": {"title": title, "endpoint": function_arn, "params": {}, "updateOn": update},
    }


def metrics(
    title: str, rows: Sequence[Metric], *, view: str = "timeSeries", period: object = EVERY_RUN, **more: object
) -> Widget:
    """Return a graph or a number; `period` None is the whole time shown."""
    own = {"setPeriodToTimeRange": True} if period is None else {"period": period}
    properties = {"title": title, "region": "${AWS::Region}", "view": view, **own, **more, "metrics": list(rows)}
    return {"type": "metric", "properties": properties}


def metric(namespace: str, name: str, dimensions: dict[str, str], **options: object) -> Metric:
    """Return a row that shows one metric."""
    pairs = [part for pair in dimensions.items() for part in pair]
    return [namespace, name, *pairs, options]


def expression(identifier: str, formula: str, *, label: str = "", **options: object) -> Metric:
    """Return a row that shows metric math or a Metrics Insights query."""
    return [{"id": identifier, "label": label, "expression": formula, **options}]


def in_rows(rows: Sequence[tuple[int, Sequence[tuple[int, Widget]]]]) -> list[Widget]:
    """Return the widgets with their places: rows of a height each, of widgets of a width each."""
    placed: list[Widget] = []
    y = 0
    for height, row in rows:
        x = 0
        for width, widget in row:
            place = {"x": x, "y": y, "width": width, "height": height}
            placed.append({"type": widget["type"], **place, "properties": widget["properties"]})
            x += width
        y += height
    return placed
