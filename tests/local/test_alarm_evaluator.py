"""Which datapoints an alarm of the local AWS sees, and which are another alarm's."""

from __future__ import annotations

from typing import Any

import pytest

from infra.local.aws import LocalAws
from tests.local.deployed import eventually

RIGHT: dict[str, Any] = {
    "Namespace": "Evaluator",
    "MetricName": "Value",
    "Dimensions": [{"Name": "Letter", "Value": "a"}],
    "Statistic": "Maximum",
    "Period": 60,
    "EvaluationPeriods": 2,
    "Threshold": 5,
    "ComparisonOperator": "GreaterThanThreshold",
}
# What differs from the right alarm, and its state while the values 2 and 8 come every second.
ALARMS: dict[str, tuple[dict[str, Any], str]] = {
    "right": ({}, "ALARM"),
    "unit": ({"Unit": "Count"}, "ALARM"),
    "minimum": ({"Statistic": "Minimum"}, "OK"),
    "percentile": ({"Statistic": None, "ExtendedStatistic": "p90"}, "ALARM"),
    "low-percentile": ({"Statistic": None, "ExtendedStatistic": "p10"}, "OK"),
    "threshold": ({"Threshold": 8}, "OK"),
    "at-threshold": ({"Threshold": 8, "ComparisonOperator": "GreaterThanOrEqualToThreshold"}, "ALARM"),
    "another-unit": ({"Unit": "Seconds"}, "INSUFFICIENT_DATA"),
    "another-namespace": ({"Namespace": "Other"}, "INSUFFICIENT_DATA"),
    "another-metric": ({"MetricName": "Other"}, "INSUFFICIENT_DATA"),
    "another-dimension": ({"Dimensions": [{"Name": "Letter", "Value": "b"}]}, "INSUFFICIENT_DATA"),
    "no-dimension": ({"Dimensions": []}, "INSUFFICIENT_DATA"),
    "one-dimension-more": (
        {"Dimensions": [{"Name": "Letter", "Value": "a"}, {"Name": "More", "Value": "b"}]},
        "INSUFFICIENT_DATA",
    ),
    "missing-breaches": ({"MetricName": "Other", "TreatMissingData": "breaching"}, "ALARM"),
    "missing-is-fine": ({"MetricName": "Other", "TreatMissingData": "notBreaching"}, "OK"),
}


@pytest.fixture
def states(aws: LocalAws) -> dict[str, str]:
    """The state that each alarm reaches while datapoints come."""
    cloudwatch = aws.client("cloudwatch")
    for name, (changes, _) in ALARMS.items():
        request = {key: value for key, value in {**RIGHT, **changes}.items() if value is not None}
        cloudwatch.put_metric_alarm(AlarmName=f"evaluator-{name}", **request)
    datum = {"MetricName": "Value", "Dimensions": RIGHT["Dimensions"], "Unit": "Count"}

    def have_settled() -> dict[str, str] | None:
        cloudwatch.put_metric_data(Namespace="Evaluator", MetricData=[{**datum, "Value": value} for value in (2, 8)])
        found = aws.alarm_states("evaluator-")
        waiting = [n for n, (_, state) in ALARMS.items() if state != "INSUFFICIENT_DATA"]
        return None if any(found[f"evaluator-{n}"] == "INSUFFICIENT_DATA" for n in waiting) else found

    found = eventually(have_settled)
    cloudwatch.delete_alarms(AlarmNames=list(found))
    return found


def test_alarm_sees_its_own_datapoints_only(states: dict[str, str]) -> None:
    """Namespace, name, every dimension and the unit choose the datapoints; statistic and threshold judge them."""
    assert states == {f"evaluator-{name}": state for name, (_, state) in ALARMS.items()}


def test_alarm_of_one_datapoint_of_two(aws: LocalAws) -> None:
    """Without DatapointsToAlarm every period must breach; with 1 of 2 one is enough."""
    cloudwatch = aws.client("cloudwatch")
    for name, request in (("every", {}), ("one", {"DatapointsToAlarm": 1})):
        given = {**RIGHT, "MetricName": "Once", "TreatMissingData": "notBreaching", **request}
        cloudwatch.put_metric_alarm(AlarmName=f"datapoints-{name}", **given)
    cloudwatch.put_metric_data(
        Namespace="Evaluator", MetricData=[{"MetricName": "Once", "Dimensions": RIGHT["Dimensions"], "Value": 8}]
    )
    eventually(lambda: aws.alarm_states("datapoints-one")["datapoints-one"] == "ALARM")
    assert aws.alarm_states("datapoints-every")["datapoints-every"] == "OK"
    eventually(lambda: aws.alarm_states("datapoints-one")["datapoints-one"] == "OK")
    cloudwatch.delete_alarms(AlarmNames=["datapoints-every", "datapoints-one"])
