"""Alarms evaluate metrics that exist, notify a topic, and describe what to do."""

import re
from typing import Any

import pytest

from connect_canary.config.targets_document import DEFAULT_TARGET
from connect_canary.model.outcome import Outcome
from tests.template.cloudformation import STACK, canary
from tests.template.deployed_alarms import ALARM, TOPIC, canary_alarms, target_alarms
from tests.template.emitted_metrics import CANARY, OF_LAMBDA, TARGET, metric_identities

PRINTED = metric_identities()
ALL_ALARMS = {"LatencyThresholdMilliseconds": "500"}
WITH_TARGETS = {"Canary": CANARY, "AlarmTopicArn": TOPIC, **ALL_ALARMS}
EVERY = [*canary_alarms(**ALL_ALARMS).items(), *target_alarms(TARGET, **WITH_TARGETS).items()]
every_alarm = pytest.mark.parametrize(("name", "alarm"), EVERY, ids=[name for name, _ in EVERY])


def test_alarms_by_default() -> None:
    """Failed connects, silent canary, canary errors and an expiring certificate; latency only with a threshold."""
    assert set(canary_alarms()) == {"FailedConnectsAlarm", "SilentCanaryAlarm", "CanaryErrorsAlarm", "CertificateAlarm"}
    assert set(canary_alarms(**ALL_ALARMS)) - set(canary_alarms()) == {"LatencyAlarm"}
    assert "CertificateAlarm" not in canary_alarms(CertificateDaysThreshold="")


def test_alarms_with_targets() -> None:
    """With a document of targets there is no target `default` to monitor."""
    alarms = canary_alarms(Targets="ssm:/iot-connect-canary/c/targets", **ALL_ALARMS)
    assert set(alarms) == {"FailedConnectsAlarm", "SilentCanaryAlarm", "CanaryErrorsAlarm"}


@every_alarm
def test_alarm_metric_exists(name: str, alarm: dict[str, Any]) -> None:
    """An alarm on a metric or dimensions that are never emitted would never go to ALARM."""
    watched = (alarm["Namespace"], alarm["MetricName"], frozenset(d["Name"] for d in alarm["Dimensions"]))
    assert watched in PRINTED | OF_LAMBDA, name


@every_alarm
def test_alarm_dimensions_are_the_canarys(name: str, alarm: dict[str, Any]) -> None:
    """Dimensions have the values that this very stack's canary emits."""
    values = {d["Name"]: d["Value"] for d in alarm["Dimensions"]}
    possible = {"Canary": CANARY, "Target": DEFAULT_TARGET, "FunctionName": "<CanaryFunction>"}
    assert values.items() <= possible.items(), name


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
    """Both the alarm and its end go to the topic, and INSUFFICIENT_DATA to none."""
    assert alarm["AlarmActions"] == alarm["OKActions"], name
    assert alarm["AlarmActions"] in ([TOPIC], ["<AlarmTopic>"])
    assert "InsufficientDataActions" not in alarm


def test_target_alarms_by_default() -> None:
    """Without a topic and thresholds a target has one alarm, without actions."""
    (alarm,) = target_alarms(TARGET).values()
    assert not {"AlarmActions", "OKActions"} & alarm.keys()
    assert {d["Value"] for d in alarm["Dimensions"]} == {"iot-connect-canary", TARGET}


def test_target_alarms_have_names_of_their_own() -> None:
    """Each target has alarms of each kind, named after its letters and digits."""
    alarms = target_alarms("a-1", "b.2", **WITH_TARGETS)
    kinds = ("FailedConnects", "Latency")
    assert set(alarms) == {f"{kind}{target}Alarm" for kind in kinds for target in ("a1", "b2")}


def test_topic_of_ones_own() -> None:
    """An existing topic replaces the stack's for every action of every alarm."""
    stack = canary(AlarmTopicArn=TOPIC, **ALL_ALARMS)
    assert stack.of_type("AWS::SNS::Topic") == {}
    actions = [(alarm["AlarmActions"], alarm["OKActions"]) for alarm in stack.of_type(ALARM).values()]
    assert actions == [([TOPIC], [TOPIC])] * 5


def test_email_subscribed() -> None:
    """An address is subscribed to the stack's topic."""
    (subscription,) = canary(AlarmEmail="a@example.com").of_type("AWS::SNS::Subscription").values()
    assert subscription == {"TopicArn": "<AlarmTopic>", "Protocol": "email", "Endpoint": "a@example.com"}
    assert canary().of_type("AWS::SNS::Subscription") == {}


def test_stack_name_is_the_canarys() -> None:
    """The names that the tests above compare are the stack's."""
    assert STACK == CANARY
