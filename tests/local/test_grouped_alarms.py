"""Alarms of every kind that a canary's stack uses, with their actions, on the local AWS with its real MiniStack."""

import json
import re
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local.client.local_aws import LocalAws
from infra.local.client.process import LocalAwsError
from infra.local.client.stacks import DeployedStack
from tests.local.deployed import SqsSubscriber, contributor_states, eventually

TEMPLATE = Path(__file__).parent / "alarm_stack" / "template.yaml"
NAMESPACE = "AlarmStack"
# Targets of other tests may be ill too.
_REASON = re.compile(r"[2-9] out of [3-9] time series evaluated to ALARM")


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """Puts the same values again and again; `values` are those of the metric Healthy by target."""

    aws: LocalAws
    values: dict[str, float] = field(default_factory=dict)

    def put(self, metric: str, value: float, **dimensions: str) -> None:
        """Put one value."""
        found = [{"Name": name, "Value": text} for name, text in dimensions.items()]
        datum = {"MetricName": metric, "Value": value, "Dimensions": found}
        self.aws.client("cloudwatch").put_metric_data(Namespace=NAMESPACE, MetricData=[datum])

    @contextmanager
    def running(self) -> Iterator[None]:
        """Put the values four times a second for the duration of the context."""
        stop = threading.Event()

        def run() -> None:
            while not stop.wait(0.25):
                for target, value in list(self.values.items()):
                    self.put("Healthy", value, Canary="tested", Target=target)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarms:
    """The deployed stack, subscribers of its topics, and what feeds its metric."""

    aws: LocalAws
    stack: DeployedStack
    messages: SqsSubscriber
    failures: SqsSubscriber
    feed: Feed

    @property
    def grouped(self) -> str:
        """The name of the grouped alarm."""
        return self.stack.resources["GroupedAlarm"]

    def message(self, target: str, state: str) -> dict[str, Any]:
        """Wait for the newest message that a target is in a state."""

        def find() -> dict[str, Any] | None:
            of_target = (
                m for m in reversed(self.messages.read()) if m["AlarmContributorAttributes"]["Target"] == target
            )
            return next((m for m in of_target if m["NewStateValue"] == state), None)

        return eventually(find)

    def has_state(self, target: str, state: str) -> bool:
        """Wait until a target's contributor is in a state."""
        return eventually(lambda: contributor_states(self.aws, self.grouped).get(target) == state)

    def events(self, pattern: str) -> list[dict[str, Any]]:
        """Return what the receiver logged and the pattern matches."""
        group, logs = self.aws.log_group(self.stack.resources["Receiver"]), self.aws.client("logs")
        try:
            events = logs.filter_log_events(logGroupName=group, filterPattern=pattern)["events"]
        except logs.exceptions.ResourceNotFoundException:  # it has not run yet
            return []
        return [json.loads(event["message"]) for event in events]

    def metric(self, namespace: str, name: str, **dimensions: str) -> int:
        """Return how often a metric was counted."""
        return sum(int(point["Sum"]) for point in self.aws.metric_points(namespace, name, dimensions))


@pytest.fixture(scope="module")
def alarms(aws: LocalAws) -> Iterator[Alarms]:
    """The stack, with one healthy target."""
    stack = aws.deploy(TEMPLATE, name="alarm-stack")
    subscribers = [
        SqsSubscriber.subscribe(aws, stack.resources[topic], f"{topic}-{uuid.uuid4()}", failed_runs=True)
        for topic in ("AlarmTopic", "FailureTopic")
    ]
    feed = Feed(aws=aws, values={"healthy": 1})
    deployed = Alarms(aws=aws, stack=stack, messages=subscribers[0], failures=subscribers[1], feed=feed)
    with feed.running():
        yield deployed
    aws.delete("alarm-stack")


def test_each_target_has_its_own_state(aws: LocalAws, alarms: Alarms) -> None:
    """A second ill target is told while the first one is still ill, and each recovery by itself."""
    alarms.feed.values["first"] = 0
    message = alarms.message("first", "ALARM")
    assert (message["AlarmName"], message["OldStateValue"]) == (alarms.grouped, "OK")
    assert message["NewStateReason"].startswith("Threshold Crossed: ")
    alarms.feed.values["second"] = 0
    identifier = alarms.message("second", "ALARM")["AlarmContributorId"]
    described = aws.client("cloudwatch").describe_alarm_contributors(AlarmName=alarms.grouped)["AlarmContributors"]
    in_alarm = {each["ContributorId"]: each["ContributorAttributes"] for each in described}
    assert in_alarm[message["AlarmContributorId"]] == {"Target": "first"}
    assert in_alarm[identifier] == {"Target": "second"}
    assert {"Target": "healthy"} not in in_alarm.values()
    eventually(lambda: _REASON.fullmatch(aws.alarms(alarms.grouped)[alarms.grouped]["StateReason"]))
    alarms.feed.values["first"] = 1
    assert alarms.message("first", "OK")["OldStateValue"] == "ALARM"
    states = contributor_states(aws, alarms.grouped)
    assert (states["first"], states["second"]) == ("OK", "ALARM")
    history = aws.client("cloudwatch").describe_alarm_history(AlarmContributorId=identifier)["AlarmHistoryItems"]
    assert {item["HistoryItemType"] for item in history} == {"AlarmContributorStateUpdate", "AlarmContributorAction"}
    # A target without data is no longer a series, so it recovers.
    del alarms.feed.values["second"]
    assert alarms.message("second", "OK")["NewStateReason"] == "No data was returned for this contributor"
    eventually(lambda: aws.alarm_states(alarms.grouped)[alarms.grouped] == "OK")
    assert not [m for m in alarms.messages.read() if "AlarmContributorId" not in m]


def test_function_behind_topic_and_alarm(alarms: Alarms) -> None:
    """It gets the topic's record and the alarm's own event; when it raises, each event goes to its destination."""
    alarms.feed.values["raises"] = 0
    alarms.message("raises", "ALARM")
    by_topic = eventually(lambda: alarms.events('{ $.event.Records[0].EventSource = "aws:sns" }'))
    assert json.loads(by_topic[-1]["event"]["Records"][0]["Sns"]["Message"])["AlarmName"] == alarms.grouped
    pattern = '{ $.event.source = "aws.cloudwatch" && $.event.alarmData.alarmContributor.attributes.Target = "rai*" }'
    (by_alarm,) = eventually(lambda: alarms.events(pattern))
    assert by_alarm["event"]["alarmData"]["state"]["value"] == "ALARM"
    eventually(lambda: len(alarms.failures.read()) >= 2)
    sent = [failure["requestPayload"] for failure in alarms.failures.messages]
    assert any(payload.get("source") == "aws.cloudwatch" for payload in sent)
    assert any("Records" in payload for payload in sent)
    function, topic = alarms.stack.resources["Receiver"], alarms.stack.resources["AlarmTopic"].rpartition(":")[2]
    assert alarms.metric("AWS/Lambda", "Errors", FunctionName=function) >= 2
    assert alarms.metric("AWS/SNS", "NumberOfNotificationsDelivered", TopicName=topic) >= 2
    del alarms.feed.values["raises"]


def test_topic_that_may_not_invoke(aws: LocalAws, alarms: Alarms) -> None:
    """Without its permission a function is not invoked, and the topic counts a failed notification."""
    function = alarms.stack.resources["Receiver"]
    policy = json.loads(aws.client("lambda").get_policy(FunctionName=function)["Policy"])
    topic = aws.client("sns").create_topic(Name="unpermitted")["TopicArn"]
    arn = aws.client("lambda").get_function_configuration(FunctionName=function)["FunctionArn"]
    assert "unpermitted" not in json.dumps(policy)
    aws.client("sns").subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn)
    aws.client("sns").publish(TopicArn=topic, Message="unpermitted")
    eventually(lambda: alarms.metric("AWS/SNS", "NumberOfNotificationsFailed", TopicName="unpermitted") == 1)
    assert alarms.events('{ $.event.Records[0].Sns.Message = "unpermitted" }') == []


def test_muted_alarm_is_told_afterwards(aws: LocalAws, alarms: Alarms) -> None:
    """No message while the rule is active; the target that is still ill is told when it ends."""
    cloudwatch = aws.client("cloudwatch")
    schedule = {"Expression": f"at({datetime.now(UTC):%Y-%m-%dT%H:%M})", "Duration": "P15D"}
    rule = {"Name": "maintenance", "Rule": {"Schedule": schedule}}
    cloudwatch.put_alarm_mute_rule(**rule, MuteTargets={"AlarmNames": [alarms.grouped]})
    assert cloudwatch.get_alarm_mute_rule(AlarmMuteRuleName="maintenance")["Status"] == "ACTIVE"
    alarms.feed.values["muted"] = 0
    assert alarms.has_state("muted", "ALARM")
    told = [message for message in alarms.messages.read() if message["AlarmContributorAttributes"]["Target"] == "muted"]
    assert told == []
    cloudwatch.delete_alarm_mute_rule(AlarmMuteRuleName="maintenance")
    assert alarms.message("muted", "ALARM")["ActionExecutedAfterMuteWindow"] is True
    alarms.feed.values["muted"] = 1
    assert alarms.message("muted", "OK")["ActionExecutedAfterMuteWindow"] is False


def test_mute_rule_of_the_stack(aws: LocalAws, alarms: Alarms) -> None:
    """CloudFormation makes it for the alarm."""
    listed = aws.client("cloudwatch").list_alarm_mute_rules(AlarmName=alarms.grouped)["AlarmMuteRuleSummaries"]
    assert [(rule["AlarmMuteRuleArn"], rule["Status"]) for rule in listed] == [
        (alarms.stack.resources["Maintenance"], "SCHEDULED")
    ]


def test_sum_of_metrics(aws: LocalAws, alarms: Alarms) -> None:
    """One of two metrics is enough, also while the other has no data at all; afterwards all is well."""
    name = alarms.stack.resources["SumAlarm"]
    eventually(lambda: aws.alarm_states(name)[name] == "OK")
    alarms.feed.put("Counted", 1, Kind="b")
    eventually(lambda: aws.alarm_states(name)[name] == "ALARM")
    eventually(lambda: aws.alarm_states(name)[name] == "OK")


def test_warm_up(aws: LocalAws, alarms: Alarms) -> None:
    """Of two alarms on missing data the one that warms up waits."""
    waiting, hasty = (alarms.stack.resources[name] for name in ("WaitingAlarm", "HastyAlarm"))
    eventually(lambda: aws.alarm_states(hasty)[hasty] == "ALARM")
    assert aws.alarm_states(waiting)[waiting] == "INSUFFICIENT_DATA"
    assert aws.alarms(waiting)[waiting]["WarmUpConfiguration"]["WarmUpPeriodDurationInMinutes"] == 2880


ALARM: Mapping[str, Any] = {
    "AlarmName": "refused",
    "EvaluationPeriods": 1,
    "Threshold": 1,
    "ComparisonOperator": "LessThanThreshold",
    "Namespace": "N",
    "MetricName": "M",
    "Statistic": "Sum",
    "Period": 60,
}


def test_alarm_that_cannot_be_evaluated(aws: LocalAws, tmp_path: Path) -> None:
    """A request and a template with settings that would be ignored are refused."""
    with pytest.raises(ClientError, match="EvaluationCriteria"):
        aws.client("cloudwatch").put_metric_alarm(**ALARM, EvaluationCriteria={})
    template = tmp_path / "template.yaml"
    properties = {key: value for key, value in ALARM.items() if key != "AlarmName"} | {"EvaluationCriteria": {}}
    resources = {"Refused": {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}}
    template.write_text(json.dumps({"Resources": resources}))
    with pytest.raises(LocalAwsError, match="EvaluationCriteria"):
        aws.deploy(template, name="refused-alarm")


def test_pattern_that_is_not_understood(alarms: Alarms) -> None:
    """It is refused instead of matching everything."""
    with pytest.raises(ClientError, match="InvalidParameterException"):
        alarms.events("{ $.event }")
