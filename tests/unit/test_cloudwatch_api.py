"""The settings of alarms, contributors, mute rules and history that the local AWS adds to MiniStack's CloudWatch."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from infra.local.server import ministack_patches
from infra.local.server.action_suppression import Suppressions
from infra.local.server.alarm_memory import AlarmMemory
from infra.local.server.alarm_rules import State
from infra.local.server.alarm_settings import check_settings, install_settings
from infra.local.server.cloudwatch_api import install_cloudwatch_api
from infra.local.server.grouped_alarms import Contributor
from infra.local.server.mute_rule_api import MuteRules
from tests.unit.stand_in_cloudwatch import ACCOUNT, ALARM, REGION
from tests.unit.stand_in_ministack import PutInPlace, stand_in

__all__ = ["stand_in"]

ARN = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:right"
QUERY = {
    "Id": "q",
    "Expression": "SELECT MIN(M) FROM N GROUP BY T ORDER BY MIN()",
    "Period": "60",
    "ReturnData": "true",
}
SETTINGS: dict[str, Any] = {
    "AlarmName": "right",
    "EvaluationPeriods": 1,
    "Threshold": 5,
    "ComparisonOperator": "GreaterThanThreshold",
}
PLAIN: dict[str, Any] = {**SETTINGS, "Namespace": "N", "MetricName": "M", "Statistic": "Sum", "Period": 60}
GROUPED: dict[str, Any] = {**SETTINGS, "Metrics": [QUERY]}
RULE = {"Schedule": {"Expression": "at(2099-01-01T00:00)", "Duration": "PT1H"}}


class Api:
    """MiniStack's functions for alarms, which keep what they know and forget the rest, with the patches around them."""

    def __init__(self, stand_in: PutInPlace) -> None:
        self.alarms: dict[str, dict[str, Any]] = {}
        self.composites: dict[str, dict[str, Any]] = {}
        self.history: list[dict[str, Any]] = []
        self.memory, self.rules, self.suppressions = AlarmMemory(), MuteRules(), Suppressions(speed=1.0)
        for patch, value in (
            (ministack_patches.ALARMS, self.alarms),
            (ministack_patches.COMPOSITE_ALARMS, self.composites),
            (ministack_patches.ACCOUNT_ID, lambda: ACCOUNT),
            (ministack_patches.REGION, lambda: REGION),
            (ministack_patches.PUT_METRIC_ALARM, self._put),
            (ministack_patches.PUT_COMPOSITE_ALARM, self._put_composite),
            (ministack_patches.PUT_TEMPLATE_ALARM, lambda record: self.alarms.update({record["AlarmName"]: record})),
            (ministack_patches.ALARM_RECORD, self._record),
            (ministack_patches.CLOUDWATCH_REQUESTS, self._requests),
            (ministack_patches.CLOUDWATCH_JSON, lambda answer: (200, {}, json.dumps(answer).encode())),
            (
                ministack_patches.CLOUDWATCH_ERROR,
                lambda code, text, status, **_: (status, {}, f"{code}: {text}".encode()),
            ),
        ):
            stand_in(patch, value)
        install_settings(self.memory)
        install_cloudwatch_api(self.memory, self.rules, self.suppressions)

    def _record(self, name: str, settings: dict[str, Any]) -> dict[str, Any]:
        assert settings["Namespace"]
        assert "Metrics" not in settings
        arn = ARN.replace("right", name)
        kept = {key: settings[key] for key in ALARM if key in settings}
        return {**ALARM, **kept, "AlarmName": name, "AlarmArn": arn, "StateValue": "INSUFFICIENT_DATA"}

    def _put(self, _params: Any, body: dict[str, Any], *_: bool) -> tuple[int, dict[str, str], bytes]:
        name = body.get("AlarmName", "of-a-form")
        self.alarms[name] = self._record(name, {"Namespace": "-"} | {k: v for k, v in body.items() if k != "Metrics"})
        return 200, {}, b""

    def _put_composite(self, _params: Any, body: dict[str, Any], *_: bool) -> tuple[int, dict[str, str], bytes]:
        self.composites[body["AlarmName"]] = {"known": self.suppressions.settings.get(body["AlarmName"])}
        return 200, {}, b""

    async def _requests(self, *request: Any) -> tuple[int, dict[str, str], bytes]:
        """Answer DescribeAlarmHistory in pages of two."""
        asked = json.loads(request[3])
        assert "AlarmContributorId" not in asked
        first = int(asked.get("NextToken", 0))
        more = {"NextToken": str(first + 2)} if first + 2 < len(self.history) else {}
        return 200, {}, json.dumps({"AlarmHistoryItems": self.history[first : first + 2], **more}).encode()

    def put(self, settings: dict[str, Any], *, params: Iterable[str] = ()) -> tuple[int, str]:
        """Put an alarm as a request in JSON, or as a form with `params`; return status and body."""
        put = ministack_patches.PUT_METRIC_ALARM.original()
        status, _, body = put({key: [""] for key in params}, settings, False, True)  # noqa: FBT003 - MiniStack's
        return status, body.decode()

    async def call(self, operation: str, **request: Any) -> tuple[int, Any]:
        """Return status and answer of an operation."""
        headers = {"x-amz-target": f"GraniteServiceVersion20100801.{operation}"}
        body = json.dumps(request).encode()
        status, _, answer = await ministack_patches.CLOUDWATCH_REQUESTS.original()("POST", "/", headers, body, {})
        return status, json.loads(answer) if status == 200 else answer.decode()


@pytest.fixture
def api(stand_in: PutInPlace) -> Api:
    """CloudWatch without alarms."""
    return Api(stand_in)


@pytest.mark.parametrize("of_template", [False, True])
def test_alarm_on_a_query(api: Api, *, of_template: bool) -> None:
    """It keeps its query, with numbers and booleans, and has nothing of an alarm on one metric."""
    if of_template:
        record = ministack_patches.ALARM_RECORD.original()("right", GROUPED)
        ministack_patches.PUT_TEMPLATE_ALARM.original()(record)
    else:
        assert api.put(GROUPED) == (200, "")
    alarm = api.alarms["right"]
    assert alarm["Metrics"] == [{**QUERY, "Period": 60, "ReturnData": True}]
    assert not alarm.keys() & {"Namespace", "MetricName", "Dimensions", "Statistic", "Period"}
    assert ARN in api.memory.created


def test_alarm_on_metric_math(api: Api) -> None:
    """The periods of its metrics are numbers too."""
    stat = {"Metric": {"Namespace": "N", "MetricName": "M"}, "Period": "300", "Stat": "Sum"}
    summed = {"Id": "e", "Expression": "SUM(METRICS())"}
    api.put({**SETTINGS, "Metrics": [{"Id": "m", "MetricStat": stat, "ReturnData": "false"}, summed]})
    metric, expression = api.alarms["right"]["Metrics"]
    assert (metric["MetricStat"]["Period"], metric["ReturnData"]) == (300, False)
    assert expression == {**summed, "ReturnData": True}


def test_warm_up_is_kept(api: Api) -> None:
    """So are states that MiniStack forgets when settings change, and the alarm's age."""
    configuration = {"WarmUpPeriodDurationInMinutes": "5"}
    api.put({**PLAIN, "WarmUpConfiguration": configuration})
    assert api.alarms["right"]["WarmUpConfiguration"]["WarmUpPeriodDurationInMinutes"] == 5
    api.alarms["right"] |= {"StateReasonData": "data", "StateTransitionedTimestamp": 1.5}
    api.memory.created[ARN] = 7.0
    api.put(PLAIN)
    alarm = api.alarms["right"]
    assert (alarm["StateReasonData"], alarm["StateTransitionedTimestamp"]) == ("data", 1.5)
    assert "WarmUpConfiguration" not in alarm
    assert api.memory.created[ARN] == 7.0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"EvaluationCriteria": {}}, "EvaluationCriteria"),
        ({"ThresholdMetricId": "m"}, "ThresholdMetricId"),
        ({"Metrics": [QUERY], "Namespace": "N"}, "either Metrics or Namespace"),
        ({"Metrics": [{**QUERY, "AccountId": "1"}]}, "AccountId"),
        ({"Metrics": [{**QUERY, "Expression": "SELECT"}]}, "Metrics Insights"),
        ({"WarmUpConfiguration": {"Minutes": 1}}, "WarmUpConfiguration"),
    ],
)
def test_setting_that_is_not_evaluated(api: Api, changes: dict[str, Any], words: str) -> None:
    """It is refused, from a request and from a template, instead of being dropped."""
    status, body = api.put({**SETTINGS, **changes})
    assert (status, words in body, api.alarms) == (400, True, {})
    with pytest.raises(ValueError, match=words):
        ministack_patches.ALARM_RECORD.original()("right", {**SETTINGS, **changes})


@pytest.mark.parametrize(("parameter", "status"), [("Metrics.member.1.Id", 400), ("Dimensions.member.1.Name", 200)])
def test_settings_of_a_form(api: Api, parameter: str, status: int) -> None:
    """MiniStack does not read a query from a form, so such a request is refused."""
    assert api.put({}, params=[parameter, "AlarmName", "Action", "Version"])[0] == status


def test_plain_settings_are_known() -> None:
    """What an alarm on one metric has is evaluated."""
    check_settings({**PLAIN, "Tags": [], "AlarmDescription": "", "ExtendedStatistic": "p90", "Unit": "Count"})


async def test_contributors_in_alarm(api: Api) -> None:
    """Those in ALARM are described; an alarm that is not there is an error."""
    api.put(GROUPED)
    states = {"a": State.ALARM, "b": State.OK}
    contributors = [Contributor(attributes={"T": t}, state=s, reason="r", since=2.5) for t, s in states.items()]
    api.memory.contributors[ARN] = tuple(contributors)
    described = {"ContributorId": contributors[0].id, "ContributorAttributes": {"T": "a"}, "StateReason": "r"}
    answer = {"AlarmContributors": [{**described, "StateTransitionedTimestamp": 2.5}]}
    assert await api.call("DescribeAlarmContributors", AlarmName="right") == (200, answer)
    status, text = await api.call("DescribeAlarmContributors", AlarmName="wrong")
    assert (status, text.partition(":")[0]) == (404, "ResourceNotFoundException")


# What is asked of the list of mute rules, which holds one that is scheduled for an alarm, and how many are found.
LISTED: list[tuple[dict[str, Any], int]] = [
    ({}, 1),
    ({"AlarmName": "right"}, 1),
    ({"AlarmName": "wrong"}, 0),
    ({"Statuses": ["ACTIVE"]}, 0),
    ({"AlarmName": "right", "Statuses": ["ACTIVE", "SCHEDULED"]}, 1),
]


async def test_mute_rule_operations(api: Api) -> None:
    """A rule is put, described, listed by alarm, replaced and deleted."""
    targets = {"AlarmNames": ["right"]}
    assert await api.call("PutAlarmMuteRule", Name="m", Rule=RULE, MuteTargets=targets) == (200, {})
    status, rule = await api.call("GetAlarmMuteRule", AlarmMuteRuleName="m")
    assert (status, rule.pop("LastUpdatedTimestamp") > 0) == (200, True)
    arn = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm-mute-rule:m"
    summary = {"AlarmMuteRuleArn": arn, "Status": "SCHEDULED", "MuteType": "ONE_TIME"}
    assert rule == {"Name": "m", "Rule": RULE, "MuteTargets": targets, **summary}
    for asked, count in LISTED:
        _, listed = await api.call("ListAlarmMuteRules", **asked)
        assert len(listed["AlarmMuteRuleSummaries"]) == count
    assert await api.call("DeleteAlarmMuteRule", AlarmMuteRuleName="m") == (200, {})
    assert (await api.call("GetAlarmMuteRule", AlarmMuteRuleName="m"))[0] == 404


@pytest.mark.parametrize("request_", [{"Name": "m"}, {"Name": "m", "Rule": RULE, "MuteTargets": {}, "Until": 1}])
async def test_mute_rule_that_is_refused(api: Api, request_: dict[str, Any]) -> None:
    """One that is not valid, or has what is unknown, is an error."""
    status, text = await api.call("PutAlarmMuteRule", **request_)
    assert (status, text.partition(":")[0]) == (400, "ValidationError")


async def test_history_of_a_contributor(api: Api) -> None:
    """Of all pages those items that are the contributor's, at most as many as asked for; all else is MiniStack's."""
    api.history = [{"n": number, "AlarmContributorId": "ab"[number % 2]} for number in range(7)]
    _, answer = await api.call("DescribeAlarmHistory", AlarmName="right", AlarmContributorId="a", MaxRecords=3)
    assert [item["n"] for item in answer["AlarmHistoryItems"]] == [0, 2, 4]
    _, answer = await api.call("DescribeAlarmHistory", AlarmName="right")
    assert answer["NextToken"] == "2"


def test_suppressor_of_a_composite_alarm(api: Api) -> None:
    """It counts already when the alarm's rule is evaluated for the first time, and until it is taken away."""
    put = ministack_patches.PUT_COMPOSITE_ALARM.original()
    suppressor = {"ActionsSuppressor": "quiet", "ActionsSuppressorWaitPeriod": 60}
    put({}, {"AlarmName": "both", **suppressor}, False, True)  # noqa: FBT003 - MiniStack's
    assert api.composites["both"] == {"known": suppressor, **suppressor}
    put({}, {"AlarmName": "both"}, False, True)  # noqa: FBT003 - MiniStack's
    assert api.suppressions.settings["both"] == {}


@pytest.mark.usefixtures("api")
async def test_requests_of_other_forms() -> None:
    """No body is an empty request; a form is left to MiniStack as it is, whatever it holds."""
    handle = ministack_patches.CLOUDWATCH_REQUESTS.original()
    headers = {"x-amz-target": "GraniteServiceVersion20100801.ListAlarmMuteRules"}
    status, _, answer = await handle("POST", "/", headers, b"", {})
    assert (status, json.loads(answer)) == (200, {"AlarmMuteRuleSummaries": []})
    with pytest.raises(json.JSONDecodeError):  # the stand-in for MiniStack takes JSON only
        await handle("POST", "/", {}, b"Action=ListAlarmMuteRules", {})


async def test_mute_rule_that_is_not_there(api: Api) -> None:
    """To get it is an error with its name; to delete it is none."""
    assert await api.call("GetAlarmMuteRule", AlarmMuteRuleName="m") == (
        404,
        "ResourceNotFoundException: There is no mute rule m.",
    )
    assert (await api.call("DeleteAlarmMuteRule", AlarmMuteRuleName="m"))[0] == 200
