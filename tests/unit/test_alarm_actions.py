"""What alarms do when their state changes: messages, events, history, mute rules and suppressors."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.local.server import ministack_patches
from infra.local.server.alarm_messages import timestamp
from infra.local.server.alarm_rules import State
from infra.local.server.grouped_alarms import Contributor
from tests.unit.stand_in_cloudwatch import ACCOUNT, FUNCTION, REGION, TOPIC, StandInCloudWatch
from tests.unit.stand_in_ministack import PutInPlace, stand_in

__all__ = ["stand_in"]

QUERY = {"Id": "q", "Expression": "SELECT MIN(M) FROM N GROUP BY Target ORDER BY MIN() ASC", "Period": 60}
GROUPED: dict[str, Any] = {**dict.fromkeys(("Namespace", "MetricName", "Dimensions", "Statistic")), "Metrics": [QUERY]}
ARN = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:right"


@pytest.fixture
def cloudwatch(stand_in: PutInPlace) -> StandInCloudWatch:
    """CloudWatch without alarms."""
    return StandInCloudWatch(stand_in, speed=1.0)


def _contributor(state: State = State.ALARM, target: str = "a", since: float = 1000.0) -> Contributor:
    return Contributor(attributes={"Target": target}, state=state, reason="short reason", since=since)


def _mute(cloudwatch: StandInCloudWatch, *alarms: str) -> None:
    """Mute alarms from this minute on, for an hour."""
    begin = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M")
    rule = {"Schedule": {"Expression": f"at({begin})", "Duration": "PT1H"}}
    cloudwatch.rules.put({"Name": "m", "Rule": rule, "MuteTargets": {"AlarmNames": list(alarms)}}, time.time())


def test_message_of_an_alarm(cloudwatch: StandInCloudWatch) -> None:
    """It has the fields and words of a real one, among them the region's name and dimensions in lower case."""
    cloudwatch.put(AlarmDescription="about", DatapointsToAlarm=1, TreatMissingData="ignore", Unit="Count")
    before = time.time()
    cloudwatch.set_state("right", "ALARM", "reason")
    (message,) = cloudwatch.published
    changed = datetime.strptime(message.pop("StateChangeTime"), "%Y-%m-%dT%H:%M:%S.%f%z").timestamp()
    assert before - 0.01 <= changed <= time.time()
    assert message == {
        "AlarmName": "right",
        "AlarmDescription": "about",
        "AWSAccountId": ACCOUNT,
        "AlarmConfigurationUpdatedTimestamp": "1970-01-01T00:00:01.000+0000",
        "NewStateValue": "ALARM",
        "NewStateReason": "reason",
        "Region": "EU (Ireland)",
        "AlarmArn": ARN,
        "OldStateValue": "OK",
        "ActionExecutedAfterMuteWindow": False,
        "OKActions": [TOPIC],
        "AlarmActions": [TOPIC],
        "InsufficientDataActions": [],
        "Trigger": {
            "MetricName": "Value",
            "Namespace": "N",
            "StatisticType": "Statistic",
            "Statistic": "MAXIMUM",
            "Unit": "Count",
            "Dimensions": [{"value": "a", "name": "Letter"}],
            "Period": 60,
            "EvaluationPeriods": 1,
            "DatapointsToAlarm": 1,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 5,
            "TreatMissingData": "ignore",
            "EvaluateLowSampleCountPercentile": "",
        },
    }
    assert cloudwatch.subjects == ['ALARM: "right" in EU (Ireland)']
    assert timestamp(1.5) == "1970-01-01T00:00:01.500+0000"


def test_subject_is_cut(cloudwatch: StandInCloudWatch) -> None:
    """SNS takes at most 100 characters."""
    cloudwatch.put("n" * 200)
    cloudwatch.set_state("n" * 200, "ALARM")
    assert len(cloudwatch.subjects[0]) == 100


def test_message_of_a_contributor(cloudwatch: StandInCloudWatch) -> None:
    """It names the contributor, its own states and reason, and the query."""
    alarm = cloudwatch.put(**GROUPED, StateValue="ALARM")
    cloudwatch.actions.on_contributor(alarm, _contributor())
    cloudwatch.actions.on_contributor(alarm, _contributor(State.OK, "b"))
    first, second = cloudwatch.published
    assert (first["AlarmContributorId"], first["AlarmContributorAttributes"]) == (_contributor().id, {"Target": "a"})
    assert (first["OldStateValue"], first["NewStateValue"], first["NewStateReason"]) == ("OK", "ALARM", "short reason")
    assert (second["OldStateValue"], second["NewStateValue"]) == ("ALARM", "OK")
    assert first["StateChangeTime"] == "1970-01-01T00:16:40.000+0000"
    assert first["Trigger"]["Metrics"] == [QUERY]
    assert "MetricName" not in first["Trigger"]


def test_message_of_metric_math(cloudwatch: StandInCloudWatch) -> None:
    """Its metrics are those of the alarm, with dimensions in lower case."""
    dimensions = [{"Name": "Letter", "Value": "a"}]
    stat = {"Metric": {"Namespace": "N", "MetricName": "M", "Dimensions": dimensions}, "Period": 60, "Stat": "Sum"}
    math = {"Id": "e", "Expression": "2 * m", "ReturnData": True}
    metrics = [math, {"Id": "m", "MetricStat": stat, "ReturnData": False}]
    cloudwatch.put(**{**GROUPED, "Metrics": metrics})
    cloudwatch.set_state("right", "ALARM")
    (message,) = cloudwatch.published
    shown = {**stat["Metric"], "Dimensions": [{"value": "a", "name": "Letter"}]}  # type: ignore[dict-item]
    assert message["Trigger"]["Metrics"] == [
        math,
        {"Id": "m", "MetricStat": {**stat, "Metric": shown}, "ReturnData": False},
    ]


def test_grouped_alarm_itself_does_not_act(cloudwatch: StandInCloudWatch) -> None:
    """Its contributors do; its change is in the history."""
    cloudwatch.put(**GROUPED)
    cloudwatch.set_state("right", "ALARM")
    assert cloudwatch.published == []
    assert cloudwatch.summaries() == ["Alarm updated from OK to ALARM"]


def test_history_of_a_contributor(cloudwatch: StandInCloudWatch) -> None:
    """State and actions are items of their own kinds, with the contributor's id and attributes, to the millisecond."""
    alarm = cloudwatch.put(**GROUPED)
    cloudwatch.actions.on_contributor(alarm, _contributor())
    state, action = cloudwatch.history
    for item in (state, action):
        assert (item["AlarmName"], item["AlarmType"]) == ("right", "MetricAlarm")
        assert (item["AlarmContributorId"], item["AlarmContributorAttributes"]) == (_contributor().id, {"Target": "a"})
        assert abs(datetime.fromisoformat(item["Timestamp"]).timestamp() - time.time()) < 5
        assert len(item["Timestamp"]) == len("2026-11-24T10:00:00.000Z")
    assert (state["HistoryItemType"], action["HistoryItemType"]) == (
        "AlarmContributorStateUpdate",
        "AlarmContributorAction",
    )
    assert json.loads(state["HistoryData"])["newState"] == {"stateValue": "ALARM", "stateReason": "short reason"}
    assert action["HistorySummary"] == f"Successfully executed action {TOPIC}"


def _data(item: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(item["HistoryData"]))


def test_history_of_states(cloudwatch: StandInCloudWatch) -> None:
    """A change has both states with its reason and data; an alarm that is new is a change of its configuration."""
    record = ministack_patches.RECORD_HISTORY.original()
    record("new", "INSUFFICIENT_DATA", "INSUFFICIENT_DATA", "Unchecked")
    record("right", "OK", "ALARM", "reason")
    record("both", "ALARM", "OK", "reason", "CompositeAlarm", {"triggeringAlarms": []})
    created, changed, composite = cloudwatch.history
    identities = [(item["AlarmName"], item["AlarmType"], item["HistoryItemType"]) for item in cloudwatch.history]
    assert identities == [
        ("new", "MetricAlarm", "ConfigurationUpdate"),
        ("right", "MetricAlarm", "StateUpdate"),
        ("both", "CompositeAlarm", "StateUpdate"),
    ]
    assert _data(created) == {"version": "1.0", "type": "Create"}
    new = {"stateValue": "ALARM", "stateReason": "reason"}
    assert _data(changed) == {"version": "1.0", "oldState": {"stateValue": "OK"}, "newState": new}
    assert _data(composite)["newState"]["stateReasonData"] == {"triggeringAlarms": []}


@pytest.mark.parametrize(
    ("case", "state", "has_error"),
    [("executed", "Succeeded", False), ("failed", "Failed", True), ("muted", "Suppressed", False)],
)
def test_history_of_actions(cloudwatch: StandInCloudWatch, case: str, state: str, *, has_error: bool) -> None:
    """An action that was executed, failed or held back is an item, also of a composite alarm."""
    _composite(cloudwatch)
    cloudwatch.suppressions.settings.clear()
    cloudwatch.is_topic_there = case != "failed"
    if case == "muted":
        _mute(cloudwatch, "both")
    cloudwatch.set_state("both", "ALARM")
    item = cloudwatch.history[-1]
    assert (item["AlarmName"], item["AlarmType"], item["HistoryItemType"]) == ("both", "CompositeAlarm", "Action")
    data = _data(item)
    assert (data["actionState"], data["notificationResource"], bool(data["error"])) == (state, TOPIC, has_error)


def test_json_has_milliseconds(cloudwatch: StandInCloudWatch) -> None:
    """MiniStack's answers keep what the history says; numbers are left alone."""
    cloudwatch.put()
    convert = ministack_patches.JSON_TIMESTAMP.original()
    assert [convert(value) for value in ("1970-01-01T00:00:01.250Z", 2.5, None)] == [1.25, 2.5, None]


def test_times_of_an_alarm(cloudwatch: StandInCloudWatch) -> None:
    """A change of state sets both times of the alarm."""
    alarm, before = cloudwatch.put(), time.time()
    cloudwatch.set_state("right", "ALARM")
    assert before <= alarm["StateUpdatedTimestamp"] == alarm["StateTransitionedTimestamp"] <= time.time()


def test_function_as_action(cloudwatch: StandInCloudWatch) -> None:
    """A function that permits it is invoked with the alarm's event, which names a contributor."""
    alarm = cloudwatch.put(AlarmActions=[FUNCTION], AlarmDescription="about")
    cloudwatch.set_state("right", "ALARM", "reason")
    grouped = {**alarm, "Metrics": [QUERY]}
    cloudwatch.actions.on_contributor(grouped, _contributor())
    first, second = cloudwatch.invoked
    assert (first["source"], first["alarmArn"], first["accountId"], first["region"]) == (
        *("aws.cloudwatch", ARN, ACCOUNT, REGION),
    )
    data = first["alarmData"]
    assert (data["alarmName"], data["state"]["value"], data["state"]["reason"]) == ("right", "ALARM", "reason")
    assert (data["previousState"], data["configuration"]["description"]) == ({"value": "OK"}, "about")
    metric = {"namespace": "N", "name": "Value", "dimensions": {"Letter": "a"}}
    (own,) = data["configuration"]["metrics"]
    assert (own["metricStat"], own["returnData"]) == ({"metric": metric, "period": 60, "stat": "Maximum"}, True)
    assert second["alarmData"]["alarmContributor"] == {"id": _contributor().id, "attributes": {"Target": "a"}}
    (query,) = second["alarmData"]["configuration"]["metrics"]
    assert query == {"id": "q", "returnData": True, "expression": QUERY["Expression"], "period": 60}


@pytest.mark.parametrize("action", [TOPIC, FUNCTION, "arn:aws:ssm:eu-west-1:123456789012:opsitem:1"])
def test_action_that_fails(cloudwatch: StandInCloudWatch, action: str) -> None:
    """A topic that is gone, a function that does not permit it and an unknown service fail in the history only."""
    cloudwatch.is_topic_there = cloudwatch.may_invoke = False
    cloudwatch.put(AlarmActions=[action])
    cloudwatch.set_state("right", "ALARM")
    assert (cloudwatch.published, cloudwatch.invoked) == ([], [])
    assert cloudwatch.summaries()[-1] == f"Failed to execute action {action}"
    assert json.loads(cloudwatch.history[-1]["HistoryData"])["error"]


@pytest.mark.parametrize(
    ("settings", "state", "count"),
    [
        ({}, "ALARM", 1),
        ({}, "INSUFFICIENT_DATA", 0),
        ({"InsufficientDataActions": [TOPIC, TOPIC]}, "INSUFFICIENT_DATA", 2),
        ({"ActionsEnabled": False}, "ALARM", 0),
        ({"AlarmActions": None}, "ALARM", 0),
    ],
)
def test_actions_of_a_state(cloudwatch: StandInCloudWatch, settings: dict[str, Any], state: str, count: int) -> None:
    """Each state has its own actions, if they are enabled."""
    cloudwatch.put(**settings)
    cloudwatch.set_state("right", state)
    assert len(cloudwatch.published) == count


def _told(cloudwatch: StandInCloudWatch) -> list[tuple[str, bool]]:
    return [(message["NewStateValue"], message["ActionExecutedAfterMuteWindow"]) for message in cloudwatch.published]


def test_muted_alarm_that_lasts(cloudwatch: StandInCloudWatch) -> None:
    """It is told when the rule ends, and once; another alarm is not muted."""
    cloudwatch.put()
    cloudwatch.put("other")
    _mute(cloudwatch, "right")
    cloudwatch.set_state("right", "ALARM")
    cloudwatch.set_state("other", "ALARM")
    cloudwatch.actions.release(time.time())
    assert [message["AlarmName"] for message in cloudwatch.published] == ["other"]
    assert f"Suppressed action {TOPIC}: muted by m" in cloudwatch.summaries()
    cloudwatch.published.clear()
    cloudwatch.rules.delete("m")
    cloudwatch.actions.release(time.time())
    cloudwatch.actions.release(time.time())
    assert _told(cloudwatch) == [("ALARM", True)]


def test_mute_rule_that_expires(cloudwatch: StandInCloudWatch) -> None:
    """The end of its window is enough."""
    cloudwatch.put()
    _mute(cloudwatch, "right")
    cloudwatch.set_state("right", "ALARM")
    later = datetime.now(UTC) + timedelta(hours=1)
    cloudwatch.actions.release(later.timestamp())
    assert _told(cloudwatch) == [("ALARM", True)]


def test_muted_alarm_that_recovers(cloudwatch: StandInCloudWatch) -> None:
    """The alarm is not told; its last change is, which was muted too and still holds."""
    cloudwatch.put()
    _mute(cloudwatch, "right")
    cloudwatch.set_state("right", "ALARM")
    cloudwatch.set_state("right", "OK")
    cloudwatch.rules.delete("m")
    cloudwatch.actions.release(time.time())
    assert _told(cloudwatch) == [("OK", True)]


def test_alarm_that_changes_after_its_mute_rule(cloudwatch: StandInCloudWatch) -> None:
    """A change that comes before the muted one was told replaces it."""
    cloudwatch.put()
    _mute(cloudwatch, "right")
    cloudwatch.set_state("right", "ALARM")
    cloudwatch.rules.delete("m")
    cloudwatch.set_state("right", "OK")
    cloudwatch.actions.release(time.time())
    assert _told(cloudwatch) == [("OK", False)]


def test_actions_that_change_while_muted(cloudwatch: StandInCloudWatch) -> None:
    """Those that the alarm has when it is told are executed; an alarm that is gone has none."""
    for name in ("right", "gone"):
        cloudwatch.put(name)
    _mute(cloudwatch, "right", "gone")
    for name in ("right", "gone"):
        cloudwatch.set_state(name, "ALARM")
    cloudwatch.alarms["right"] = {**cloudwatch.alarms["right"], "AlarmActions": [FUNCTION]}
    del cloudwatch.alarms["gone"]
    cloudwatch.rules.delete("m")
    cloudwatch.actions.release(time.time())
    assert (cloudwatch.published, len(cloudwatch.invoked)) == ([], 1)


def test_muted_contributors(cloudwatch: StandInCloudWatch) -> None:
    """A mute rule mutes every contributor; afterwards those are told that are still in the same state."""
    alarm = cloudwatch.put(**GROUPED, StateValue="ALARM")
    _mute(cloudwatch, "right")
    for target in ("a", "b"):
        cloudwatch.actions.on_contributor(alarm, _contributor(target=target, since=time.time()))
    assert cloudwatch.published == []
    cloudwatch.memory.contributors[ARN] = (_contributor(target="a"), _contributor(State.OK, "b"))
    cloudwatch.rules.delete("m")
    cloudwatch.actions.release(time.time())
    assert [message["AlarmContributorAttributes"]["Target"] for message in cloudwatch.published] == ["a"]


def _composite(cloudwatch: StandInCloudWatch) -> None:
    """Put a composite alarm that waits 60 s for its suppressor, and 120 s after it."""
    reason = {"triggeringAlarms": [{"arn": ARN, "state": {"value": "ALARM", "timestamp": "t"}}]}
    cloudwatch.composites["both"] = {
        "AlarmName": "both",
        "AlarmArn": ARN.replace("right", "both"),
        "AlarmRule": "ALARM(right)",
        "StateValue": "OK",
        "AlarmActions": [TOPIC],
        "OKActions": [TOPIC],
        "AlarmConfigurationUpdatedTimestamp": 1,
        "StateReasonData": json.dumps(reason),
    }
    suppressor = {"ActionsSuppressor": "quiet", "ActionsSuppressorWaitPeriod": 60}
    cloudwatch.suppressions.settings["both"] = {**suppressor, "ActionsSuppressorExtensionPeriod": 120}
    cloudwatch.put("quiet")


def test_message_of_a_composite_alarm(cloudwatch: StandInCloudWatch) -> None:
    """It has the rule and the alarms that made it change."""
    _composite(cloudwatch)
    cloudwatch.suppressions.settings.clear()
    cloudwatch.set_state("both", "ALARM")
    (message,) = cloudwatch.published
    assert message["AlarmRule"] == "ALARM(right)"
    assert message["TriggeringChildren"] == [{"Arn": ARN, "State": {"Value": "ALARM", "Timestamp": "t"}}]
    assert "Trigger" not in message
    cloudwatch.composites["both"]["OKActions"] = [FUNCTION]
    cloudwatch.set_state("both", "OK")
    (event,) = cloudwatch.invoked
    assert event["alarmData"]["configuration"] == {"alarmRule": "ALARM(right)"}


# What happens, in seconds after the composite alarm changed, and when it is told: its suppressor goes into ALARM and
# leaves it, itself recovers.
SUPPRESSION: dict[str, tuple[dict[int, tuple[str, str]], list[tuple[int, str]]]] = {
    "suppressor-stays-ok": ({}, [(60, "ALARM")]),
    "suppressor-in-time": ({30: ("quiet", "ALARM")}, []),
    "suppressor-leaves": ({30: ("quiet", "ALARM"), 300: ("quiet", "OK")}, [(420, "ALARM")]),
    "suppressor-returns": ({30: ("quiet", "ALARM"), 300: ("quiet", "OK"), 360: ("quiet", "ALARM")}, []),
    "recovers-while-waiting": ({30: ("both", "OK")}, [(60, "OK")]),
    "recovers-while-suppressed": (
        {30: ("quiet", "ALARM"), 90: ("both", "OK"), 300: ("quiet", "OK")},
        [(420, "OK")],
    ),
    "suppressor-too-late": ({90: ("quiet", "ALARM")}, [(60, "ALARM")]),
}


@pytest.mark.parametrize("case", SUPPRESSION)
def test_action_suppressor(cloudwatch: StandInCloudWatch, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    """Actions wait for the suppressor and after it, and then those of the current state are executed."""
    events, expected = SUPPRESSION[case]
    _composite(cloudwatch)
    start, told = time.time(), list[tuple[int, str]]()
    for second in range(0, 600, 10):
        monkeypatch.setattr(time, "time", lambda at=start + second: at)
        for name, state in [("both", "ALARM")] if second == 0 else [events[second]] if second in events else []:
            if name == "quiet":
                cloudwatch.alarms["quiet"]["StateValue"] = state
            else:
                cloudwatch.set_state(name, state)
        cloudwatch.actions.release(start + second)
        told += [(second, message["NewStateValue"]) for message in cloudwatch.published]
        cloudwatch.published.clear()
    assert told == expected


def test_suppressor_without_waiting(cloudwatch: StandInCloudWatch) -> None:
    """With a wait period of zero the actions are executed at once unless the suppressor is in ALARM."""
    _composite(cloudwatch)
    cloudwatch.suppressions.settings["both"] = {"ActionsSuppressor": ARN.replace("right", "quiet")}
    cloudwatch.set_state("both", "ALARM")
    cloudwatch.alarms["quiet"]["StateValue"] = "ALARM"
    cloudwatch.set_state("both", "OK")
    assert [message["NewStateValue"] for message in cloudwatch.published] == ["ALARM"]
    assert f"Suppressed action {TOPIC}: suppressed by Alarm" in cloudwatch.summaries()
