"""The alarms are on metrics that exist, and tell somebody."""

import re
from typing import Any

import pytest

from connect_canary.model.failures import Failure
from connect_canary.model.outcome import Outcome
from infra.local.server.alarm_metrics import check_metrics
from infra.local.server.metrics_insights import MAX_SERIES, is_query, parse_query
from tests.template.alarm_metrics import watched_metrics
from tests.template.cloudformation import STACK, canary, read
from tests.template.deployed_alarms import ALARM, TOPIC, canary_alarms
from tests.template.emitted_metrics import CANARY, OF_LAMBDA, metric_identities

PRINTED = metric_identities()
ALL_ALARMS = {"LatencyThresholdMilliseconds": "500"}
EVERY = list(canary_alarms(**ALL_ALARMS).items())
CLOCK = read("template.yaml")["Mappings"]["Clock"]
every_alarm = pytest.mark.parametrize(("name", "alarm"), EVERY, ids=[name for name, _ in EVERY])
QUERIES = {
    name: metric["Expression"]
    for name, alarm in EVERY
    for metric in alarm.get("Metrics", ())
    if is_query(metric.get("Expression", ""))
}
# What a query can look back at, in minutes (user guide, "Limits that apply to alarms based on Metrics Insights").
QUERIED_MINUTES = 180


def test_alarms_by_default() -> None:
    """Slow connects and an expiring certificate have an alarm only with a threshold, the others always."""
    default = {"TargetsFailingAlarm", "UnexpectedAcceptAlarm", "SilentCanaryAlarm", "CanaryErrorsAlarm"}
    assert set(canary_alarms()) == {*default, "CertificateAlarm"}
    assert set(canary_alarms(**ALL_ALARMS)) - set(canary_alarms()) == {"SlowConnectAlarm"}
    assert set(canary_alarms(CertificateDaysThreshold="")) == default


@pytest.mark.parametrize("targets", ["", "ssm:/iot-connect-canary/c/targets"])
def test_alarms_do_not_depend_on_targets(targets: str) -> None:
    """One target or many, the alarms are the same: nothing is listed by hand."""
    assert canary_alarms(Targets=targets, **ALL_ALARMS) == dict(EVERY)


@every_alarm
def test_alarm_metric_exists(name: str, alarm: dict[str, Any]) -> None:
    """An alarm on a metric or dimensions that are never emitted would never go to ALARM."""
    watched = list(watched_metrics(alarm))
    assert watched
    for metric in watched:
        assert (metric.namespace, metric.name, metric.dimensions) in PRINTED | OF_LAMBDA, name
        assert set(metric.by) <= metric.dimensions


@every_alarm
def test_alarm_dimensions_are_the_canarys(name: str, alarm: dict[str, Any]) -> None:
    """Dimensions have the values that this very stack's canary emits; only a target is left open, or a failure."""
    for metric in watched_metrics(alarm):
        possible = {"Canary": CANARY, "FunctionName": "<CanaryFunction>", "Failure": str(Failure.UNEXPECTED_ACCEPT)}
        assert metric.values.items() <= possible.items(), name
        assert metric.dimensions - metric.values.keys() <= {"Target", "Failure"}


def test_failures_have_one_alarm() -> None:
    """Every failure name is paged by one alarm, but for the one that comes after a successful connect."""
    (failing,), (accept,) = (
        watched_metrics(dict(EVERY)[name]) for name in ("TargetsFailingAlarm", "UnexpectedAcceptAlarm")
    )
    assert failing.by == accept.by == ("Target",)
    excluded = {value for key, value in failing.excluded if key == "Failure"}
    assert excluded == {Failure.DISCONNECT_FAILED, Failure.UNEXPECTED_ACCEPT}
    assert accept.values["Failure"] == Failure.UNEXPECTED_ACCEPT


@pytest.mark.parametrize("name", QUERIES)
def test_query_is_an_alarms(name: str) -> None:
    """A query has the clauses that an alarm on it must have, and as many series as it may have, the worst first."""
    check_metrics(dict(EVERY)[name])
    query = parse_query(QUERIES[name])
    assert (query.limit, query.descending) == (MAX_SERIES, True)
    assert query.order_by == query.statistic


@pytest.mark.parametrize("minutes", CLOCK)
def test_queries_look_back_three_hours_at_most(minutes: str) -> None:
    """CloudWatch evaluates a query over the latest three hours only."""
    alarms = canary_alarms(EveryMinutes=minutes, **ALL_ALARMS)
    assert {int(alarms[name]["EvaluationPeriods"]) <= QUERIED_MINUTES for name in QUERIES} == {True}


@pytest.mark.parametrize("minutes", CLOCK)
def test_windows_follow_from_minutes(minutes: str) -> None:
    """Silence is two runs long, slow connects are counted over six, and a new stack is quiet for ten minutes more."""
    every, alarms = int(minutes), canary_alarms(EveryMinutes=minutes, **ALL_ALARMS)
    assert int(alarms["SilentCanaryAlarm"]["EvaluationPeriods"]) == 2 * every + 1
    # Two minutes less than a query can look back at.
    assert int(alarms["SlowConnectAlarm"]["EvaluationPeriods"]) == min(6 * every + 2, QUERIED_MINUTES - 2)
    warm_up = alarms["SilentCanaryAlarm"]["WarmUpConfiguration"]["WarmUpPeriodDurationInMinutes"]
    assert int(warm_up) == 2 * every + 10


@pytest.mark.parametrize("minutes", CLOCK)
def test_alarm_numbers_are_possible(minutes: str) -> None:
    """An alarm looks at no more than a day, and needs no more bad minutes than it looks at."""
    for alarm in canary_alarms(EveryMinutes=minutes, **ALL_ALARMS).values():
        assert 1 <= int(alarm["DatapointsToAlarm"]) <= int(alarm["EvaluationPeriods"]) <= 24 * 60


@every_alarm
def test_alarm_has_periods_of_a_minute(name: str, alarm: dict[str, Any]) -> None:
    """Only the numbers of periods follow from the schedule, so no schedule falls between the periods."""
    periods = {
        metric.get("Period", metric.get("MetricStat", {}).get("Period", 60)) for metric in alarm.get("Metrics", ())
    }
    assert (periods or {alarm["Period"]}) == {60}, name


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
    """Both the alarm and its end go to the stack's topic, and INSUFFICIENT_DATA to none."""
    assert alarm["AlarmActions"] == alarm["OKActions"] == ["<AlarmTopic>"], name
    assert "InsufficientDataActions" not in alarm
    assert canary(AlarmTopicArn=TOPIC, **ALL_ALARMS).of_type(ALARM)[name] == alarm


def test_stack_name_is_the_canarys() -> None:
    """The names that the tests above compare are the stack's."""
    assert STACK == CANARY
