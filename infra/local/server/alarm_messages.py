"""What an alarm tells a topic or a function about a change of its state, and the subject. Pure functions.

The fields are those of real alarms, from the CloudWatch user guide ("Acting on alarm changes", "Invoke a Lambda
function from an alarm", "Alarm events and EventBridge"). The guide shows no whole SNS message of a contributor; its
AlarmContributorId and AlarmContributorAttributes are as in the guide's example of a log alarm with several.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from infra.local.server.alarm_metrics import alarm_period, is_true
from infra.local.server.grouped_alarms import Contributor

_MAX_SUBJECT = 100
# SNS messages name the region as the console does.
_REGIONS: Mapping[str, str] = {"eu-west-1": "EU (Ireland)", "us-east-1": "US East (N. Virginia)"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of the state of an alarm, or of one of its contributors, at `at` (Unix seconds)."""

    alarm: Mapping[str, Any]
    old: str
    new: str
    reason: str
    at: float
    contributor: Contributor | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What has this state: the alarm's ARN and the contributor's id, if any."""
        return self.alarm["AlarmArn"], self.contributor.id if self.contributor else ""


def timestamp(at: float) -> str:
    """Return a time as alarms write it: `2026-11-24T10:00:00.000+0000`."""
    time = datetime.fromtimestamp(at, UTC)
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}+0000"


def subject(change: Change) -> str:
    """Return the subject of a message to a topic."""
    region = _region_of(change.alarm)
    return f'{change.new}: "{change.alarm["AlarmName"]}" in {_REGIONS.get(region, region)}'[:_MAX_SUBJECT]


def sns_message(change: Change, *, after_mute: bool = False) -> str:
    """Return the message to a topic."""
    alarm, region = change.alarm, _region_of(change.alarm)
    message: dict[str, Any] = {
        "AlarmName": alarm["AlarmName"],
        "AlarmDescription": alarm.get("AlarmDescription") or None,
        "AWSAccountId": alarm["AlarmArn"].split(":")[4],
        "AlarmConfigurationUpdatedTimestamp": timestamp(alarm["AlarmConfigurationUpdatedTimestamp"]),
        "NewStateValue": change.new,
        "NewStateReason": change.reason,
        "StateChangeTime": timestamp(change.at),
        "Region": _REGIONS.get(region, region),
        "AlarmArn": alarm["AlarmArn"],
        "OldStateValue": change.old,
        "ActionExecutedAfterMuteWindow": after_mute,
        "OKActions": alarm.get("OKActions") or [],
        "AlarmActions": alarm.get("AlarmActions") or [],
        "InsufficientDataActions": alarm.get("InsufficientDataActions") or [],
    }
    if change.contributor:
        message["AlarmContributorId"] = change.contributor.id
        message["AlarmContributorAttributes"] = dict(change.contributor.attributes)
    return json.dumps(message | (_composite(alarm) if "AlarmRule" in alarm else {"Trigger": _trigger(alarm)}))


def _composite(alarm: Mapping[str, Any]) -> dict[str, Any]:
    data = json.loads(alarm.get("StateReasonData") or "{}")
    children = [
        {"Arn": child["arn"], "State": {"Value": child["state"]["value"], "Timestamp": child["state"]["timestamp"]}}
        for child in data.get("triggeringAlarms", ())
    ]
    return {"AlarmRule": alarm["AlarmRule"], "TriggeringChildren": children}


def _trigger(alarm: Mapping[str, Any]) -> dict[str, Any]:
    evaluation = {
        "Period": alarm_period(alarm),
        "EvaluationPeriods": alarm["EvaluationPeriods"],
        "DatapointsToAlarm": alarm.get("DatapointsToAlarm") or alarm["EvaluationPeriods"],
        "ComparisonOperator": alarm["ComparisonOperator"],
        "Threshold": alarm["Threshold"],
        "TreatMissingData": alarm.get("TreatMissingData") or "missing",
        "EvaluateLowSampleCountPercentile": "",
    }
    if alarm.get("Metrics"):
        return {**evaluation, "Metrics": [_sns_metric(metric) for metric in alarm["Metrics"]]}
    extended = alarm.get("ExtendedStatistic")
    return {
        "MetricName": alarm["MetricName"],
        "Namespace": alarm["Namespace"],
        "StatisticType": "ExtendedStatistic" if extended else "Statistic",
        "Statistic": extended or str(alarm["Statistic"]).upper(),
        "Unit": alarm.get("Unit"),
        "Dimensions": _sns_dimensions(alarm),
        **evaluation,
    }


def _sns_dimensions(metric: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"value": d["Value"], "name": d["Name"]} for d in metric.get("Dimensions") or ()]


def _sns_metric(metric: Mapping[str, Any]) -> dict[str, Any]:
    if "MetricStat" not in metric:
        return dict(metric)
    stat = metric["MetricStat"]
    return {
        **metric,
        "MetricStat": {**stat, "Metric": {**stat["Metric"], "Dimensions": _sns_dimensions(stat["Metric"])}},
    }


def lambda_event(change: Change) -> dict[str, Any]:
    """Return the event that a function gets."""
    alarm = change.alarm
    data: dict[str, Any] = {
        "alarmName": alarm["AlarmName"],
        "state": {"value": change.new, "reason": change.reason, "timestamp": timestamp(change.at)},
        "previousState": {"value": change.old},
        "configuration": _configuration(alarm),
    }
    if change.contributor:
        attributes = dict(change.contributor.attributes)
        data["alarmContributor"] = {"id": change.contributor.id, "attributes": attributes}
    return {
        "source": "aws.cloudwatch",
        "alarmArn": alarm["AlarmArn"],
        "accountId": alarm["AlarmArn"].split(":")[4],
        "time": timestamp(change.at),
        "region": _region_of(alarm),
        "alarmData": data,
    }


def _configuration(alarm: Mapping[str, Any]) -> dict[str, Any]:
    description = {"description": alarm["AlarmDescription"]} if alarm.get("AlarmDescription") else {}
    if "AlarmRule" in alarm:
        return {**description, "alarmRule": alarm["AlarmRule"]}
    return {**description, "metrics": [_event_metric(metric) for metric in alarm.get("Metrics") or [_own(alarm)]]}


def _own(alarm: Mapping[str, Any]) -> dict[str, Any]:
    stat = alarm.get("ExtendedStatistic") or alarm["Statistic"]
    metric = {key: alarm.get(key) for key in ("Namespace", "MetricName", "Dimensions")}
    return {"Id": "m1", "MetricStat": {"Metric": metric, "Period": alarm["Period"], "Stat": stat}, "ReturnData": True}


def _event_metric(metric: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"id": metric["Id"], "returnData": is_true(metric.get("ReturnData", True))}
    if "Expression" in metric:
        period = {"period": metric["Period"]} if "Period" in metric else {}
        return {**found, "expression": metric["Expression"], **period}
    stat = metric["MetricStat"]
    of = {
        "namespace": stat["Metric"]["Namespace"],
        "name": stat["Metric"]["MetricName"],
        "dimensions": {d["Name"]: d["Value"] for d in stat["Metric"].get("Dimensions") or ()},
    }
    return {**found, "metricStat": {"metric": of, "period": stat["Period"], "stat": stat["Stat"]}}


def _region_of(alarm: Mapping[str, Any]) -> str:
    return str(alarm["AlarmArn"].split(":")[3])
