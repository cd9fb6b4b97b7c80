"""Parsing of the CloudWatch Embedded Metric Format."""

import json
from typing import Any

import pytest

from infra.local.server.embedded_metrics import metric_data


def document(**changes: Any) -> dict[str, Any]:
    """Return an EMF document with two metrics under two sets of dimensions."""
    directive = {
        "Namespace": "N",
        "Dimensions": [["Canary", "Target"], ["Canary"]],
        "Metrics": [{"Name": "Success", "Unit": "Count"}, {"Name": "Days"}],
    }
    metadata = {"Timestamp": 1_500, "CloudWatchMetrics": [directive]}
    return {"_aws": metadata, "Canary": "c", "Target": "t", "Success": 1, "Days": [1, 2], **changes}


def test_every_metric_under_every_set_of_dimensions() -> None:
    """Two metrics under two sets of dimensions are four data."""
    data = metric_data(json.dumps(document()))
    assert [(d.name, d.dimensions, d.values, d.unit) for d in data] == [
        ("Success", {"Canary": "c", "Target": "t"}, (1.0,), "Count"),
        ("Success", {"Canary": "c"}, (1.0,), "Count"),
        ("Days", {"Canary": "c", "Target": "t"}, (1.0, 2.0), "None"),
        ("Days", {"Canary": "c"}, (1.0, 2.0), "None"),
    ]
    assert {d.timestamp for d in data} == {1.5}


@pytest.mark.parametrize(
    "line",
    [
        "START RequestId: 1 Version: $LATEST",
        '{"level": "INFO", "message": "no metrics"}',
        '{"_aws": 1}',
        '{"_aws": {"Timestamp": 0, "CloudWatchMetrics": [{}]}}',
        '{"_aws": {',
        json.dumps(document(Success="many")),
    ],
)
def test_line_without_usable_metrics(line: str) -> None:
    """A line that is not a valid EMF document has no metrics and raises nothing."""
    assert metric_data(line) == []


def test_request_of_put_metric_data() -> None:
    """The request has each value with count 1, name, dimensions, unit and a timestamp in seconds."""
    first, *_, last = metric_data(json.dumps(document()))
    assert {datum.namespace for datum in (first, last)} == {"N"}
    assert last.request() == {
        "MetricName": "Days",
        "Dimensions": [{"Name": "Canary", "Value": "c"}],
        "Values": [1.0, 2.0],
        "Counts": [1.0, 1.0],
        "Unit": "None",
        "Timestamp": 1.5,
    }


def test_hundred_metrics_a_line() -> None:
    """CloudWatch reads the first 100 metrics of a directive."""
    names = [f"M{number}" for number in range(101)]
    made = document(**dict.fromkeys(names, 1))
    directive = made["_aws"]["CloudWatchMetrics"][0]
    directive |= {"Metrics": [{"Name": name} for name in names], "Dimensions": [["Canary"]]}
    assert [datum.name for datum in metric_data(json.dumps(made))] == names[:100]
