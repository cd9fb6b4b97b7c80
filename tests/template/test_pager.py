"""The pager's resources: what it may do, what reaches it, and that people are reached when it fails."""

import json
from typing import Any

import pytest

from pager.failed_tick import is_told_at
from pager.kinds import KINDS, Subject, kind_of
from pager.settings import read_settings
from tests.template.alarm_metrics import WatchedMetric, watched_metrics
from tests.template.alarm_simulation import Datum, Metric, simulate
from tests.template.cloudformation import ROOT, STACK, canary, read
from tests.template.deployed_alarms import ALARM, OF_PAGER, TOPIC, canary_alarms
from tests.template.test_transformed import resources as transformed

__all__ = ["transformed"]

LOGS = "arn:aws:logs:eu-west-1:123456789012:log-group"
EVERYTHING = {"LatencyThresholdMilliseconds": "500"}
WAYS = [({}, "<PageTopic>"), ({"AlarmTopicArn": TOPIC}, TOPIC)]
ways = pytest.mark.parametrize(("values", "topic"), WAYS, ids=["own-topic", "existing-topic"])


def _pager(**values: str) -> dict[str, Any]:
    return dict(canary(**values).resources["PagerFunction"]["Properties"])


def _variables(**values: str) -> dict[str, str]:
    return {"AWS_REGION": "eu-west-1", **_pager(**values)["Environment"]["Variables"]}


def _allowed(**values: str) -> dict[str, list[str]]:
    """Return the resources that the pager's role may use, by action."""
    allowed: dict[str, list[str]] = {}
    for policy in canary(**values).resources["PagerRole"]["Properties"]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            resources, actions = statement["Resource"], statement["Action"]
            for action in [actions] if isinstance(actions, str) else actions:
                allowed.setdefault(action, []).extend([resources] if isinstance(resources, str) else resources)
    return allowed


def test_role_is_lambdas() -> None:
    """Only Lambda may assume it."""
    (trust,) = canary().resources["PagerRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust == {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}


def test_role() -> None:
    """It reads the canary's log and its own, the history of this stack's alarms, and publishes to one topic."""
    assert _allowed() == {
        "logs:CreateLogStream": ["<PagerLogGroup.Arn>"],
        "logs:PutLogEvents": ["<PagerLogGroup.Arn>"],
        "logs:FilterLogEvents": [
            *("<CanaryLogGroup.Arn>", f"{LOGS}:<CanaryLogGroup>"),
            *("<PagerLogGroup.Arn>", f"{LOGS}:<PagerLogGroup>"),
        ],
        "cloudwatch:DescribeAlarmHistory": [f"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:{STACK}-*"],
        "cloudwatch:ListAlarmMuteRules": ["*"],
        "sns:Publish": ["<PageTopic>"],
    }


@pytest.mark.parametrize(
    "reference", ["ssm:/iot-connect-canary/c/webhook", "secretsmanager:iot-connect-canary/c/chat#webhook"]
)
def test_role_with_webhook(reference: str) -> None:
    """With a webhook it may read that one value and no other, and decrypt it where there is a key."""
    key = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd"
    allowed = _allowed(PageWebhookUrl=reference, KmsKeyArn=key)
    name = reference.partition(":")[2].partition("#")[0]
    arns = {
        "ssm": [f"arn:aws:ssm:eu-west-1:123456789012:parameter{name}"],
        "secretsmanager": [f"arn:aws:secretsmanager:eu-west-1:123456789012:secret:{name}-??????"],
    }
    action = {"ssm": "ssm:GetParameter", "secretsmanager": "secretsmanager:GetSecretValue"}
    source = reference.partition(":")[0]
    assert allowed[action[source]] == arns[source]
    assert allowed.keys() - _allowed().keys() == {*action.values(), "kms:Decrypt", "kms:GenerateDataKey"}
    assert {*allowed["kms:Decrypt"], *allowed["kms:GenerateDataKey"]} == {key}


@ways
def test_one_topic_for_people(values: dict[str, str], topic: str) -> None:
    """Pages, what the pager cannot page, and the alarm on the pager go to the same topic, past the alarms' topic."""
    pager, alarm = _pager(**values), canary(**values).of_type(ALARM)[OF_PAGER]
    assert pager["Environment"]["Variables"]["PAGER_TOPIC"] == topic
    assert pager["EventInvokeConfig"]["DestinationConfig"] == {"OnFailure": {"Type": "SNS", "Destination": topic}}
    assert (alarm["AlarmActions"], alarm["OKActions"]) == ([topic], [topic])
    assert _allowed(**values)["sns:Publish"] == [topic]


@ways
def test_alarms_send_to_the_pager(values: dict[str, str], topic: str) -> None:
    """Every other alarm sends to the stack's own topic, whose only subscriber is the pager."""
    for alarm in canary_alarms(**EVERYTHING, **values).values():
        assert (alarm["AlarmActions"], alarm["OKActions"]) == (["<AlarmTopic>"], ["<AlarmTopic>"]) != ([topic], [topic])
    assert _pager(**values)["Events"]["Alarms"] == {"Type": "SNS", "Properties": {"Topic": "<AlarmTopic>"}}


def test_email_subscribed() -> None:
    """An address is subscribed to the people's topic."""
    (subscription,) = canary(AlarmEmail="a@example.com").of_type("AWS::SNS::Subscription").values()
    assert subscription == {"TopicArn": "<PageTopic>", "Protocol": "email", "Endpoint": "a@example.com"}
    assert canary().of_type("AWS::SNS::Subscription") == {}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "NOBODY: set AlarmEmail, AlarmTopicArn or PageWebhookUrl"),
        ({"AlarmEmail": "a@example.com"}, "a@example.com, once its owner has confirmed the subscription"),
        ({"AlarmTopicArn": TOPIC}, f"whoever is subscribed to {TOPIC}"),
        ({"PageWebhookUrl": "ssm:/a"}, "the webhook only"),
    ],
)
def test_output_says_who_is_told(values: dict[str, str], told: str) -> None:
    """A stack that tells nobody says so."""
    assert canary(**values).resolve(read("template.yaml")["Outputs"]["PagesGoTo"]["Value"]) == told


def test_settings_are_what_the_pager_reads() -> None:
    """The environment is complete, and each parameter reaches its setting."""
    settings = read_settings(_variables())
    assert (settings.canary, settings.stack, settings.partition) == (STACK, STACK, "aws")
    assert (settings.settle_s, settings.remind_s, settings.period_s) == (900, 14_400, 60)
    assert (settings.runbook, settings.webhook) == ("docs/runbook.md", "")
    assert (settings.log_group, settings.own_log_group) == ("<CanaryLogGroup>", "<PagerLogGroup>")
    values = {"RunbookUrl": "https://wiki.example/r", "PageWebhookUrl": "ssm:/w", "Name": "fleet"}
    changed = read_settings(_variables(RemindEveryMinutes="0", SettleMinutes="1", DashboardEnabled="false", **values))
    assert (changed.settle_s, changed.remind_s, changed.dashboard) == (60, 0, "")
    assert (changed.runbook, changed.webhook, changed.canary) == ("https://wiki.example/r", "ssm:/w", "fleet")


@pytest.mark.parametrize("variable", [name for name in _variables() if name != "AWS_REGION"])
def test_every_variable_is_read(variable: str) -> None:
    """A variable that nobody reads, or that is missing, would be a page that nobody gets."""
    environment = {name: value for name, value in _variables().items() if name != variable}
    with pytest.raises(KeyError, match=variable):
        read_settings(environment)


@pytest.mark.parametrize("values", [{}, EVERYTHING, {"CertificateDaysThreshold": ""}])
def test_pager_looks_after_every_alarm(values: dict[str, str]) -> None:
    """Its list has every alarm that sends to it, so that none stays untold."""
    assert set(read_settings(_variables(**values)).alarms) == {f"<{name}>" for name in canary_alarms(**values)}


@pytest.mark.parametrize("logical_id", canary_alarms(**EVERYTHING))
def test_every_alarm_has_its_kind(logical_id: str) -> None:
    """Each alarm of the template is in the pager's table, found by the name that CloudFormation makes."""
    assert kind_of(f"{STACK}-{logical_id}-1A2B3C4D5E6F", STACK) == KINDS[logical_id]
    assert KINDS[logical_id].subject is not Subject.OTHER


def test_alarm_on_the_pager() -> None:
    """It is on one metric, because each costs ten cents a month: the errors of the pager that it cannot tell itself."""
    alarm = canary().of_type(ALARM)[OF_PAGER]
    assert list(watched_metrics(alarm)) == [
        WatchedMetric(
            namespace="AWS/Lambda",
            name="Errors",
            dimensions=frozenset({"FunctionName"}),
            values={"FunctionName": "<PagerFunction>"},
        )
    ]
    assert (alarm["Threshold"], alarm["TreatMissingData"]) == (0, "notBreaching")
    assert len(alarm["AlarmDescription"]) < 1024


@pytest.mark.parametrize("phase_s", range(0, 3600, 420))
def test_pager_that_fails_at_every_tick_is_one_alarm(phase_s: int) -> None:
    """Its ticks raise once an hour, wherever the hour begins; the alarm does not come and go, and does not stay."""
    identity = Metric(
        namespace="AWS/Lambda", name="Errors", dimensions=frozenset({("FunctionName", "<PagerFunction>")})
    )
    # Each minute of a tick has a second run, which ends well.
    data = [
        Datum(metric=identity, value=float(error), unit="Count", timestamp=float(tick), arrival=tick + 60.0)
        for tick in range(0, 12 * 3600, 300)
        for error in (3 * 3600 <= tick < 9 * 3600 and is_told_at(tick + phase_s), False)
    ]
    alarm = canary().of_type(ALARM)[OF_PAGER]
    changes = simulate({OF_PAGER: alarm}, data, minutes=range(120, 720))[OF_PAGER]
    assert [change.state for change in changes] == ["ALARM", "OK"]
    assert 180 <= changes[0].minute <= 180 + 63
    assert changes[1].minute <= 540 + 80


def test_pager_is_a_small_function_of_its_own() -> None:
    """Built by copying, from its own folder, without the canary's packages."""
    pager = _pager()
    assert (pager["CodeUri"], pager["Handler"]) == ("infra/pager/function/", "pager.handler.lambda_handler")
    assert (pager["Runtime"], pager["Role"], pager["Architectures"]) == ("python3.13", "<PagerRole.Arn>", ["arm64"])
    # It waits for targets that fail together, and then reads logs within time limits of its own.
    assert (pager["MemorySize"], pager["Timeout"]) == (256, 120)
    # The log is the pager's own memory; Lambda's JSON would wrap its records.
    assert pager["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": "<PagerLogGroup>"}
    assert read("template.yaml")["Resources"]["PagerFunction"]["Metadata"]["BuildMethod"] == "makefile"
    assert "build-PagerFunction:" in (ROOT / pager["CodeUri"] / "Makefile").read_text()


def test_pager_is_not_repeated() -> None:
    """What it could not do goes to people at once instead of being tried again, and a tick that is late is left out."""
    asynchronous = {name: value for name, value in _pager()["EventInvokeConfig"].items() if name.startswith("Max")}
    assert asynchronous == {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 300}
    tick = _pager()["Events"]["Tick"]
    assert (tick["Type"], json.loads(tick["Properties"].pop("Input"))) == ("ScheduleV2", {"tick": True})
    assert tick["Properties"] == {
        "Description": "Lets the pager tell recoveries, reminders and what was left untold.",
        "OmitName": True,
        "RoleArn": "<ScheduleRole.Arn>",
        "ScheduleExpression": "rate(5 minutes)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "RetryPolicy": {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60},
    }


def test_topic_may_invoke_the_pager(transformed: dict[str, Any]) -> None:
    """SAM lets the alarms' topic, and no other, invoke the pager."""
    permission = transformed["PagerFunctionAlarmsPermission"]["Properties"]
    assert permission["Principal"] == "sns.amazonaws.com"
    assert permission["SourceArn"] == {"Ref": "AlarmTopic"}
    subscription = transformed["PagerFunctionAlarms"]["Properties"]
    assert (subscription["Protocol"], subscription["TopicArn"]) == ("lambda", {"Ref": "AlarmTopic"})
