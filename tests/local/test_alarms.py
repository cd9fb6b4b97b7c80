"""Alarms end to end: from a removed permission or schedule to the message, and back to OK."""

import pytest

from infra.local.client.local_aws import LocalAws
from tests.local.deployed import DeployedCanary, SqsSubscriber, eventually


@pytest.fixture(scope="module")
def failed_connects(canary: DeployedCanary) -> str:
    """The name of the alarm on failed connects."""
    return canary.alarm("TargetsFailingAlarm")


@pytest.fixture(scope="module")
def silent(canary: DeployedCanary) -> str:
    """The name of the alarm on missing metrics."""
    return canary.alarm("SilentCanaryAlarm")


def test_schedule_runs_the_canary(aws: LocalAws, canary: DeployedCanary) -> None:
    """The schedule runs the canary, and each run has metrics of the canary and of Lambda."""
    own = {"FunctionName": canary.function}

    def invocations() -> int:
        return len(aws.metric_points("AWS/Lambda", "Invocations", own))

    before, metrics_before = invocations(), len(canary.samples("ConnectSuccess", Target="role"))
    eventually(lambda: invocations() > before)
    eventually(lambda: len(canary.samples("ConnectSuccess", Target="role")) > metrics_before)
    assert aws.metric_points("AWS/Lambda", "Duration", own)


def test_permission_taken_and_restored(canary: DeployedCanary, failed_connects: str, subscriber: SqsSubscriber) -> None:
    """Without iot:Connect one alarm goes to ALARM, with it back to OK, and no other alarm sends a message."""
    since = subscriber.wait_until_ok(canary.alarms)
    with canary.without_permission("iot:Connect"):
        message = subscriber.wait_for_message(failed_connects, "ALARM", since)
        assert message["OldStateValue"] == "OK"
        assert canary.samples("ConnectSuccess", Target="role")[-1] == 0
        assert canary.samples("ConnectFailures", Target="role", Failure="NotAuthorized")
    assert subscriber.wait_for_message(failed_connects, "OK", since)["OldStateValue"] == "ALARM"
    assert canary.samples("ConnectSuccess", Target="unsigned")[-1] == 1
    assert subscriber.states(since).keys() == {failed_connects}


def test_own_errors_have_their_own_alarm(canary: DeployedCanary, subscriber: SqsSubscriber) -> None:
    """Runs that raise are the canary's own errors, not failed connects."""
    own = canary.alarm("CanaryErrorsAlarm")
    since = subscriber.wait_until_ok(canary.alarms)

    def is_in_alarm() -> bool:
        invocation = canary.aws.invoke(canary.function, {"only": ["nobody"]})
        assert invocation.failed
        assert "nobody" in invocation.payload["errorMessage"]
        return canary.aws.alarm_states(own)[own] == "ALARM"

    eventually(is_in_alarm)
    assert subscriber.wait_for_message(own, "ALARM", since)["Trigger"]["MetricName"] == "Errors"
    assert subscriber.wait_for_message(own, "OK", since)["OldStateValue"] == "ALARM"
    assert subscriber.states(since) == {own: ["ALARM", "OK"]}


def test_schedule_disabled(aws: LocalAws, canary: DeployedCanary, silent: str, subscriber: SqsSubscriber) -> None:
    """Without a schedule SilentCanaryAlarm goes to ALARM; with it, back to OK."""
    since = subscriber.wait_until_ok(canary.alarms)
    scheduler = aws.client("scheduler")
    name = next(s["Name"] for s in scheduler.list_schedules()["Schedules"] if canary.function in s["Target"]["Arn"])
    schedule = scheduler.get_schedule(Name=name)
    required = ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")
    update = {key: schedule[key] for key in required}
    scheduler.update_schedule(**update, State="DISABLED")
    try:
        assert subscriber.wait_for_message(silent, "ALARM", since)["OldStateValue"] == "OK"
    finally:
        scheduler.update_schedule(**update, State="ENABLED")
    assert subscriber.wait_for_message(silent, "OK", since)["OldStateValue"] == "ALARM"
    assert subscriber.states(since) == {silent: ["ALARM", "OK"]}
