"""Alarms and dashboard look at metrics that exist, and say what to do."""

import json
import re
from typing import Any

import pytest

from connect_canary.outcome import Outcome
from connect_canary.targets import DEFAULT_TARGET
from tests.template.cloudformation import STACK, Stack, canary, read
from tests.template.printed import CANARY, TARGET, metrics_printed

PRINTED = metrics_printed()
# Lambda's own metrics of a function (developer guide, monitoring-metrics-types).
OF_LAMBDA = {
    ("AWS/Lambda", name, frozenset({"FunctionName"})) for name in ("Invocations", "Errors", "Throttles", "Duration")
}
TOPIC = "arn:aws:sns:eu-west-1:123456789012:mine"
ALL_ALARMS = {"LatencyThresholdMilliseconds": "500"}
_SEARCH = re.compile(r"SEARCH\('\{(?P<schema>[^}]+)\} MetricName=\"(?P<name>\w+)\" Canary=\"(?P<canary>[^\"]+)\"', '")


def _alarms(**given: str) -> dict[str, Any]:
    return canary(**given).of_type("AWS::CloudWatch::Alarm")


def _target_alarms(target: str) -> dict[str, Any]:
    """Return the alarms that the loop of infra/target-alarms.yaml makes for one target."""
    template = read("infra/target-alarms.yaml")
    identifier, collection, fragment = template["Resources"]["Fn::ForEach::Targets"]
    assert (identifier, collection) == ("Target", {"Ref": "AlarmTargets"})
    one = {**template["Parameters"], "Target": {"Type": "String", "Default": target}}
    stack = Stack(
        template={**template, "Parameters": one, "Resources": fragment},
        given={"Canary": CANARY, "CertificateDaysThreshold": "14", "AlarmTopicArn": TOPIC, **ALL_ALARMS},
    )
    return {name.replace("&{Target}", target): made for name, made in stack.of_type("AWS::CloudWatch::Alarm").items()}


EVERY = [*_alarms(**ALL_ALARMS).items(), *_target_alarms(TARGET).items()]
every_alarm = pytest.mark.parametrize(("name", "alarm"), EVERY, ids=[name for name, _ in EVERY])


def test_alarms_by_default() -> None:
    """Ill endpoint, silent canary, ill canary and a certificate that ends soon; latency only when asked for."""
    assert set(_alarms()) == {"FailedConnectsAlarm", "SilentCanaryAlarm", "CanaryErrorsAlarm", "CertificateAlarm"}
    assert set(_alarms(**ALL_ALARMS)) - set(_alarms()) == {"LatencyAlarm"}
    assert "CertificateAlarm" not in _alarms(CertificateDaysThreshold="")


def test_alarms_with_targets() -> None:
    """With a document of targets there is no target `default` to watch."""
    found = _alarms(Targets="ssm:/iot-connect-canary/c/targets", **ALL_ALARMS)
    assert set(found) == {"FailedConnectsAlarm", "SilentCanaryAlarm", "CanaryErrorsAlarm"}


@every_alarm
def test_alarm_metric_exists(name: str, alarm: dict[str, Any]) -> None:
    """An alarm whose metric or dimensions nobody emits never rings."""
    watched = (alarm["Namespace"], alarm["MetricName"], frozenset(d["Name"] for d in alarm["Dimensions"]))
    assert watched in PRINTED | OF_LAMBDA, name


@every_alarm
def test_alarm_dimensions_are_the_canarys(name: str, alarm: dict[str, Any]) -> None:
    """Dimensions have the values that this very stack's canary emits."""
    values = {d["Name"]: d["Value"] for d in alarm["Dimensions"]}
    known = {"Canary": CANARY, "Target": DEFAULT_TARGET, "FunctionName": "<CanaryFunction>"}
    assert values.items() <= known.items(), name


@every_alarm
def test_alarm_evaluation(name: str, alarm: dict[str, Any]) -> None:
    """M of N periods, a period the schedule's, missing data treated on purpose."""
    assert alarm["Period"] == "60", name
    assert 1 < int(alarm["DatapointsToAlarm"]) <= int(alarm["EvaluationPeriods"])
    assert alarm["TreatMissingData"] in {"ignore", "breaching"}
    assert alarm["Statistic"] != "Average"


@every_alarm
def test_alarm_says_what_to_do(name: str, alarm: dict[str, Any]) -> None:
    """The page has the symptom and where to look, names the canary, and fits into an alarm."""
    text = alarm["AlarmDescription"]
    assert name.endswith("Alarm")
    assert CANARY in text
    assert "Look " in text
    assert len(text) < 1024


def test_alarm_named_keys_exist() -> None:
    """Keys that the pages send their reader to are in the record."""
    texts = " ".join(alarm["AlarmDescription"] for _, alarm in EVERY)
    named = {key for key in Outcome.__dataclass_fields__ if re.search(rf"\b{key}\b", texts)}
    assert named >= {"failure", "phase", "hint", "phases_ms", "certificate"}
    assert set(re.findall(r"\b[a-z]+_[a-z_]+\b", texts)) <= named


@every_alarm
def test_alarm_tells_somebody(name: str, alarm: dict[str, Any]) -> None:
    """Both the alarm and its end go to the topic."""
    assert alarm["AlarmActions"] == alarm["OKActions"], name
    assert alarm["AlarmActions"] in ([TOPIC], ["<AlarmTopic>"])


def test_silent_canary_alarm() -> None:
    """Missing data is what this one waits for; only this one may ring without a datapoint."""
    breaching = {name for name, alarm in _alarms(**ALL_ALARMS).items() if alarm["TreatMissingData"] == "breaching"}
    assert breaching == {"SilentCanaryAlarm"}


def test_period_follows_schedule() -> None:
    """A slower schedule has longer periods."""
    found = _alarms(Schedule="rate(5 minutes)", SchedulePeriodSeconds="300", **ALL_ALARMS)
    assert {alarm["Period"] for alarm in found.values()} == {"300"}


def test_topic_of_ones_own() -> None:
    """An existing topic takes the place of the stack's."""
    stack = canary(AlarmTopicArn=TOPIC)
    assert stack.of_type("AWS::SNS::Topic") == {}
    assert all(alarm["AlarmActions"] == [TOPIC] for alarm in stack.of_type("AWS::CloudWatch::Alarm").values())


def test_email_subscribed() -> None:
    """An address is subscribed to the stack's topic."""
    (subscription,) = canary(AlarmEmail="a@example.com").of_type("AWS::SNS::Subscription").values()
    assert subscription == {"TopicArn": "<AlarmTopic>", "Protocol": "email", "Endpoint": "a@example.com"}
    assert canary().of_type("AWS::SNS::Subscription") == {}


def _dashboard(**given: str) -> list[dict[str, Any]]:
    (dashboard,) = canary(**given).of_type("AWS::CloudWatch::Dashboard").values()
    widgets = json.loads(dashboard["DashboardBody"])["widgets"]
    assert isinstance(widgets, list)
    return widgets


def _watched(metric: list[Any]) -> tuple[str, str, frozenset[str]]:
    """Return namespace, name and dimensions of a widget's row, be it a metric or a search."""
    if isinstance(metric[0], dict):
        search = _SEARCH.match(metric[0]["expression"])
        assert search is not None, metric
        assert search["canary"] == CANARY
        namespace, *dimensions = search["schema"].split(",")
        return namespace, search["name"], frozenset(dimensions)
    namespace, name, *dimensions = [part for part in metric if isinstance(part, str)]
    return namespace, name, frozenset(dimensions[::2])


def test_dashboard_metrics_exist() -> None:
    """Every row of every widget shows a metric that exists, and every metric of the canary is shown."""
    rows = [row for widget in _dashboard() for row in widget["properties"].get("metrics", [])]
    watched = {_watched(row) for row in rows}
    assert watched <= PRINTED | OF_LAMBDA
    assert {name for _, name, _ in PRINTED} <= {name for _, name, _ in watched}


def test_dashboard_periods() -> None:
    """Success and failures have the schedule's period."""
    widgets = _dashboard(Schedule="rate(5 minutes)", SchedulePeriodSeconds="300")
    periods = {w["properties"]["title"]: w["properties"].get("period") for w in widgets if w["type"] == "metric"}
    assert periods["Success by target (0 or 1)"] == periods["Failures by name"] == 300


def test_dashboard_log_query() -> None:
    """The query reads the canary's log group and keys that the record has."""
    (query,) = [w["properties"]["query"] for w in _dashboard() if w["type"] == "log"]
    keys = re.search(r"fields @timestamp, ([a-z_, ]+) \|", query)
    assert query.startswith("SOURCE '<CanaryLogGroup>' | filter message = \"connect attempt finished\" and healthy = 0")
    assert keys is not None
    assert set(keys[1].split(", ")) <= set(Outcome.__dataclass_fields__)


def test_dashboard_widgets_do_not_overlap() -> None:
    """Widgets fill the grid of 24 columns side by side."""
    cells = [
        (x, y)
        for widget in _dashboard()
        for x in range(widget["x"], widget["x"] + widget["width"])
        for y in range(widget["y"], widget["y"] + widget["height"])
    ]
    assert len(cells) == len(set(cells))
    assert all(x < 24 for x, _ in cells)


def test_dashboard_left_out() -> None:
    """An account has three dashboards free; who has more may do without."""
    stack = canary(DashboardEnabled="false")
    assert stack.of_type("AWS::CloudWatch::Dashboard") == {}


def test_stack_name_is_the_canarys() -> None:
    """The names that the tests above compare are the stack's."""
    assert STACK == CANARY
