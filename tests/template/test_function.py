"""The function, its schedule and its events: what runs, when, and for how long."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from connect_canary import handler
from connect_canary.config.settings import BY_KEY
from connect_canary.run import plan_run
from tests.template.cloudformation import ROOT, canary, read

EVENTS = sorted(path for path in (ROOT / "events").glob("*.json") if not path.stem.startswith("env"))
CLOCK = read("template.yaml")["Mappings"]["Clock"]
# Seconds that a function needs beside its attempts: to load, to read references, to report.
MARGIN_S = 10
QUERIES = ("FailedAttemptsQuery", "FailuresByTargetQuery", "SlowAttemptsQuery", "CanaryProblemsQuery")
ATTRIBUTES = {"Type", "Properties", "Condition", "Metadata", "DeletionPolicy", "UpdateReplacePolicy"}
ENVIRONMENT = {"AWS_REGION": "eu-west-1", "CANARY_ENDPOINT": "host.example"}


def _function(**values: str) -> dict[str, Any]:
    function = canary(**values).resources["CanaryFunction"]["Properties"]
    assert isinstance(function, dict)
    return function


def _schedule(**values: str) -> dict[str, Any]:
    (event,) = _function(**values)["Events"].values()
    assert event["Type"] == "ScheduleV2"
    return dict(event["Properties"])


def test_handler_exists() -> None:
    """The template names the code's handler, and SAM builds it with the function's Makefile."""
    function = _function()
    module, _, name = function["Handler"].rpartition(".")
    assert (module, function["CodeUri"]) == (handler.__name__, "function/")
    assert callable(getattr(handler, name))
    assert read("template.yaml")["Resources"]["CanaryFunction"]["Metadata"]["BuildMethod"] == "makefile"
    assert "build-CanaryFunction:" in (ROOT / "function" / "Makefile").read_text()


@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
def test_architecture(architecture: str) -> None:
    """The architecture is a parameter, arm64 unless given."""
    assert _function(Architecture=architecture)["Architectures"] == [architecture]
    assert _function()["Architectures"] == ["arm64"]
    assert _function()["Runtime"] == "python3.13"


@pytest.mark.parametrize("minutes", CLOCK)
def test_timeouts_nested(minutes: str) -> None:
    """Two attempts and the wait between them end before the function's timeout, and that before the next run."""
    target = float(canary().parameter("TimeoutSeconds"))
    assert str(target).removesuffix(".0") == BY_KEY["timeout_seconds"].default
    confirmed = target + int(CLOCK[minutes]["ConfirmAfterSeconds"]) + target
    assert confirmed + MARGIN_S <= float(_function(EveryMinutes=minutes)["Timeout"]) < CLOCK[minutes]["PeriodSeconds"]


@pytest.mark.parametrize("minutes", CLOCK)
def test_schedule_follows_from_minutes(minutes: str) -> None:
    """Rate and period are the minutes, in the words of a schedule and in seconds."""
    unit = "minute" if minutes == "1" else "minutes"
    assert _schedule(EveryMinutes=minutes)["ScheduleExpression"] == f"rate({minutes} {unit})"
    assert CLOCK[minutes]["PeriodSeconds"] == int(minutes) * 60


def test_clock_is_complete() -> None:
    """Every choice of minutes has its row, and every row the same columns."""
    assert list(CLOCK) == [
        str(minutes) for minutes in read("template.yaml")["Parameters"]["EveryMinutes"]["AllowedValues"]
    ]
    assert len({tuple(row) for row in CLOCK.values()}) == 1


def test_schedule_once_a_run() -> None:
    """A run that failed is not repeated: the next one comes anyway, and a late one would measure nothing."""
    retries = {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}
    assert _schedule() == {
        "Description": "Runs the canary.",
        "OmitName": True,
        "RoleArn": "<ScheduleRole.Arn>",
        "ScheduleExpression": "rate(1 minute)",
        "State": "ENABLED",
        "Input": "{}",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "RetryPolicy": retries,
    }
    assert {**_function()["EventInvokeConfig"], "DestinationConfig": None} == {**retries, "DestinationConfig": None}


def test_failed_runs_are_reported_to_the_pager() -> None:
    """What Lambda says of a run that failed or never began goes where the pager listens, and not to people."""
    destination = {"OnFailure": {"Type": "SNS", "Destination": "<AlarmTopic>"}}
    assert _function()["EventInvokeConfig"]["DestinationConfig"] == destination


def test_schedule_by_parameters() -> None:
    """State and input are parameters; the default input runs every target."""
    values = {"ScheduleState": "DISABLED", "ScheduleInput": '{"only": ["prod"]}'}
    schedule = _schedule(**values)
    assert [schedule[key] for key in ("State", "Input")] == list(values.values())
    assert json.loads(_schedule()["Input"]) == json.loads((ROOT / "events" / "every.json").read_text())


def test_function_has_nothing_else() -> None:
    """No URL, no permission besides the role's, no reserved concurrency, no layer: each would change what it can do."""
    basic = ("Description", "CodeUri", "Handler", "Runtime", "Architectures", "MemorySize", "Timeout", "Role")
    assert _function().keys() == {*basic, "LoggingConfig", "EventInvokeConfig", "Events", "Environment"}
    assert _function()["Environment"].keys() == {"Variables"}


def test_function_has_its_role() -> None:
    """Without it SAM would make a role of its own, which may not connect."""
    assert _function()["Role"] == "<CanaryRole.Arn>"


def test_function_size() -> None:
    """Memory and timeout are parameters."""
    function = _function(MemorySize="1024", FunctionTimeoutSeconds="60")
    assert (function["MemorySize"], function["Timeout"]) == ("1024", "60")
    assert (_function()["MemorySize"], _function()["Timeout"]) == ("512", "50")


def test_network_by_default() -> None:
    """Without subnets and a proxy the function connects from Lambda's own network, directly."""
    function = _function()
    assert "VpcConfig" not in function
    assert not {"HTTPS_PROXY", "NO_PROXY"} & function["Environment"]["Variables"].keys()


def test_network_given() -> None:
    """Subnets, security groups and a proxy are passed on as they are."""
    subnets, groups = ["subnet-01234567", "subnet-12345678"], ["sg-01234567"]
    proxy = {"HttpsProxy": "http://proxy.example:3128", "NoProxy": ".example"}
    function = _function(SubnetIds=",".join(subnets), SecurityGroupIds=",".join(groups), **proxy)
    assert function["VpcConfig"] == {"SubnetIds": subnets, "SecurityGroupIds": groups}
    variables = function["Environment"]["Variables"]
    assert [variables["HTTPS_PROXY"], variables["NO_PROXY"]] == list(proxy.values())


def test_two_stacks_side_by_side() -> None:
    """Nothing has a name that a second stack in the account would take as well."""
    named = re.compile(r"(\w*Name)$")
    for logical_id, resource in canary().resources.items():
        for key, value in resource["Properties"].items():
            if named.search(key) and isinstance(value, str) and key != "MetricName":
                assert "stack-name" in value, (logical_id, key)
    assert _schedule()["OmitName"] is True


def test_log_group_is_the_functions() -> None:
    """The function writes to the stack's log group, as text, because Powertools writes JSON already."""
    assert _function()["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": "<CanaryLogGroup>"}
    for days in ("14", "30"):
        group = canary(LogRetentionDays=days).of_type("AWS::Logs::LogGroup")["CanaryLogGroup"]
        assert group == {"RetentionInDays": days}


@pytest.mark.parametrize(
    ("values", "missing", "more"),
    [
        ({}, set(), set()),
        ({"AlarmEmail": "a@example.com"}, set(), {"AlarmEmailSubscription"}),
        ({"AlarmTopicArn": "arn:aws:sns:eu-west-1:123456789012:mine"}, {"PageTopic", "PageTopicPolicy"}, set()),
        ({"DashboardEnabled": "false"}, {"CanaryDashboard", "StatusWidgetFunction", "StatusWidgetRole"}, set()),
        ({"CertificateDaysThreshold": ""}, {"CertificateAlarm"}, set()),
        ({"LatencyThresholdMilliseconds": "500"}, set(), {"SlowConnectAlarm"}),
        ({"Targets": "ssm:/targets"}, set(), set()),
    ],
)
def test_resources(values: dict[str, str], missing: set[str], more: set[str]) -> None:
    """A stack has these resources and no others."""
    stack = canary(**values)
    always = {
        "CanaryFunction": "AWS::Serverless::Function",
        "CanaryLogGroup": "AWS::Logs::LogGroup",
        "CanaryRole": "AWS::IAM::Role",
        "ScheduleRole": "AWS::IAM::Role",
        "AlarmTopicPolicy": "AWS::SNS::TopicPolicy",
        "PageTopicPolicy": "AWS::SNS::TopicPolicy",
        "ClientPolicy": "AWS::IoT::Policy",
        "AlarmTopic": "AWS::SNS::Topic",
        "PageTopic": "AWS::SNS::Topic",
        "PagerFunction": "AWS::Serverless::Function",
        "PagerLogGroup": "AWS::Logs::LogGroup",
        "PagerRole": "AWS::IAM::Role",
        "StatusWidgetFunction": "AWS::Serverless::Function",
        "StatusWidgetRole": "AWS::IAM::Role",
        "CanaryDashboard": "AWS::CloudWatch::Dashboard",
        "AlarmEmailSubscription": "AWS::SNS::Subscription",
        **dict.fromkeys(QUERIES, "AWS::Logs::QueryDefinition"),
    }
    alarms = {
        *("TargetsFailingAlarm", "UnexpectedAcceptAlarm", "SilentCanaryAlarm", "CanaryErrorsAlarm", "CertificateAlarm"),
        "NotificationsFailingAlarm",
    }
    names = (always.keys() | alarms) - {"AlarmEmailSubscription"} - missing | more
    assert {n: made["Type"] for n, made in stack.resources.items()} == {
        name: always.get(name, "AWS::CloudWatch::Alarm") for name in names
    }
    assert {key for made in stack.resources.values() for key in made} <= ATTRIBUTES


def test_topics_are_plain() -> None:
    """The topics have no names of their own, so two stacks can stand side by side."""
    assert canary().of_type("AWS::SNS::Topic") == {"AlarmTopic": {}, "PageTopic": {}}


def _outputs(**values: str) -> dict[str, str]:
    stack = canary(**values)
    outputs = read("template.yaml")["Outputs"]
    made = [name for name, each in outputs.items() if "Condition" not in each or stack.condition(each["Condition"])]
    return {name: stack.resolve(outputs[name]["Value"]) for name in made}


def test_outputs() -> None:
    """The outputs are what people and other stacks need from this one."""
    console = "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1"
    assert _outputs() == {
        "CanaryName": "stack-name",
        "FunctionName": "<CanaryFunction>",
        "LogGroupName": "<CanaryLogGroup>",
        "RoleName": "<CanaryRole>",
        "ClientPolicyName": "<ClientPolicy>",
        "AlarmTopicArn": "<AlarmTopic>",
        "PageTopicArn": "<PageTopic>",
        "PagesGoTo": "NOBODY: set AlarmEmail, AlarmTopicArn or PageWebhookUrl",
        "DashboardName": "<CanaryDashboard>",
        "DashboardUrl": f"{console}#dashboards:name=<CanaryDashboard>",
    }


def test_outputs_by_parameters() -> None:
    """The names and the topic are those that were given, and what was left out has no output."""
    topic = "arn:aws:sns:eu-west-1:123456789012:mine"
    outputs = _outputs(Name="fleet", AlarmTopicArn=topic, DashboardEnabled="false")
    assert outputs == {
        **{name: value for name, value in _outputs().items() if not name.startswith("Dashboard")},
        "CanaryName": "fleet",
        "PageTopicArn": topic,
        "PagesGoTo": f"whoever is subscribed to {topic}",
    }


def test_outputs_explained() -> None:
    """Every output has a sentence."""
    assert all(re.fullmatch(r"[A-Z].+\.", each["Description"]) for each in read("template.yaml")["Outputs"].values())


@pytest.mark.parametrize("event", EVENTS, ids=lambda path: path.stem)
def test_event_is_the_handlers(event: Path) -> None:
    """An event for `sam local invoke` makes a plan."""
    plan = plan_run(json.loads(event.read_text()), ENVIRONMENT)
    assert [planned.target.name for planned in plan.planned] == ["default"]
    assert plan.dry_run is (event.stem == "dry-run")


def test_environment_example() -> None:
    """The example for --env-vars sets variables that the template declares; sam drops others without a word."""
    example = json.loads((ROOT / "events" / "env.example.json").read_text())
    assert example.keys() == {"CanaryFunction"}
    assert example["CanaryFunction"].keys() <= _function()["Environment"]["Variables"].keys()
    assert plan_run({}, {"AWS_REGION": "eu-west-1", **example["CanaryFunction"]}).planned
