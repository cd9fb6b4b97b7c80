"""The local AWS's alarm evaluator: which datapoints belong to an alarm."""

import json
from typing import Any

import pytest

from infra.local.client.local_aws import LocalAws
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
# What differs from RIGHT, and the alarm's state while the values 2 and 8 arrive every second.
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


@pytest.fixture(scope="module")
def changes(aws: LocalAws) -> dict[str, list[str]]:
    """Every new state of each alarm while datapoints arrive, until each alarm has its expected state."""
    cloudwatch = aws.client("cloudwatch")
    for name, (changed, _) in ALARMS.items():
        request = {key: value for key, value in {**RIGHT, **changed}.items() if value is not None}
        cloudwatch.put_metric_alarm(AlarmName=f"evaluator-{name}", **request)
    datum = {"MetricName": "Value", "Dimensions": RIGHT["Dimensions"], "Unit": "Count"}

    def have_settled() -> bool:
        cloudwatch.put_metric_data(Namespace="Evaluator", MetricData=[{**datum, "Value": value} for value in (2, 8)])
        current = aws.alarm_states("evaluator-")
        return all(current[f"evaluator-{name}"] == state for name, (_, state) in ALARMS.items())

    eventually(have_settled)
    states = {name: state_changes(aws, f"evaluator-{name}") for name in ALARMS}
    cloudwatch.delete_alarms(AlarmNames=[f"evaluator-{name}" for name in ALARMS])
    return states


def state_changes(aws: LocalAws, alarm: str) -> list[str]:
    """Return every state of an alarm after its first, INSUFFICIENT_DATA, oldest first."""
    history = aws.client("cloudwatch").describe_alarm_history(AlarmName=alarm, HistoryItemType="StateUpdate")
    items = [json.loads(item["HistoryData"]) for item in history["AlarmHistoryItems"]]
    states = [item["newState"]["stateValue"] for item in reversed(items)]
    return states[1:] if states[:1] == ["INSUFFICIENT_DATA"] else states


def test_alarm_sees_its_own_datapoints_only(changes: dict[str, list[str]]) -> None:
    """Namespace, name, every dimension and the unit select the datapoints; statistic and threshold evaluate them."""
    expected = {name: [] if state == "INSUFFICIENT_DATA" else [state] for name, (_, state) in ALARMS.items()}
    assert changes == expected


def test_alarm_of_one_datapoint_of_two(aws: LocalAws) -> None:
    """Without DatapointsToAlarm every period must breach; with 1 of 2 one is enough."""
    cloudwatch = aws.client("cloudwatch")
    for name, request in (("every", {}), ("one", {"DatapointsToAlarm": 1})):
        alarm = {**RIGHT, "MetricName": "Once", "TreatMissingData": "notBreaching", **request}
        cloudwatch.put_metric_alarm(AlarmName=f"datapoints-{name}", **alarm)
    cloudwatch.put_metric_data(
        Namespace="Evaluator", MetricData=[{"MetricName": "Once", "Dimensions": RIGHT["Dimensions"], "Value": 8}]
    )
    eventually(lambda: aws.alarm_states("datapoints-one")["datapoints-one"] == "ALARM")
    assert aws.alarm_states("datapoints-every")["datapoints-every"] == "OK"
    eventually(lambda: aws.alarm_states("datapoints-one")["datapoints-one"] == "OK")
    cloudwatch.delete_alarms(AlarmNames=["datapoints-every", "datapoints-one"])
