"""From a permission that is taken away to the message that arrives, and back."""

from __future__ import annotations

import pytest

from infra.local.aws import LocalAws
from tests.local.deployed import Canary, Mailbox, eventually


@pytest.fixture(scope="module")
def failed_connects(canary: Canary) -> str:
    """The alarm on failed connects."""
    return canary.alarm("FailedConnectsAlarm")


@pytest.fixture(scope="module")
def silent(canary: Canary) -> str:
    """The alarm on a canary that sends nothing any more."""
    return canary.alarm("SilentCanaryAlarm")


def test_schedule_runs_the_canary(aws: LocalAws, canary: Canary) -> None:
    """The schedule alone makes runs, and each leaves metrics of the canary and of Lambda."""
    own = {"FunctionName": canary.function}

    def invocations() -> int:
        return len(aws.metric_points("AWS/Lambda", "Invocations", own))

    before, metrics_before = invocations(), len(canary.samples("ConnectSuccess", Target="role"))
    eventually(lambda: invocations() > before)
    eventually(lambda: len(canary.samples("ConnectSuccess", Target="role")) > metrics_before)
    assert aws.metric_points("AWS/Lambda", "Duration", own)


def test_permission_taken_and_restored(canary: Canary, failed_connects: str, silent: str, mailbox: Mailbox) -> None:
    """Without iot:Connect the alarm rings and its message arrives; with it, so does the recovery."""
    assert canary.reaches(failed_connects, "OK")
    with canary.without_permission("iot:Connect"):
        eventually(lambda: canary.samples("ConnectSuccess", Target="role")[-1] == 0)
        message = mailbox.receives(failed_connects, "ALARM")
        assert message["OldStateValue"] == "OK"
        assert message["Trigger"]["Namespace"] == "IoTConnectCanary"
        assert eventually(lambda: canary.samples("ConnectFailures", Target="role", Failure="NotAuthorized"))
        assert canary.reaches(silent, "OK")
    assert mailbox.receives(failed_connects, "OK")["OldStateValue"] == "ALARM"
    assert canary.samples("ConnectSuccess", Target="unsigned")[-1] == 1


def test_own_errors_ring_another_alarm(canary: Canary, failed_connects: str, mailbox: Mailbox) -> None:
    """Runs that raise are the canary's own errors, not failed connects."""
    own = canary.alarm("CanaryErrorsAlarm")
    assert canary.reaches(own, "OK")

    def rings() -> bool:
        invocation = canary.aws.invoke(canary.function, {"only": ["nobody"]})
        assert invocation.failed
        assert "nobody" in invocation.payload["errorMessage"]
        return canary.aws.alarm_states(own)[own] == "ALARM"

    eventually(rings)
    assert mailbox.receives(own, "ALARM")["Trigger"]["MetricName"] == "Errors"
    assert canary.aws.alarm_states(failed_connects)[failed_connects] == "OK"


def test_schedule_disabled(aws: LocalAws, canary: Canary, silent: str, mailbox: Mailbox) -> None:
    """A canary that is not run any more is an alarm too, and its return a recovery."""
    assert canary.reaches(silent, "OK")
    scheduler = aws.client("scheduler")
    name = next(s["Name"] for s in scheduler.list_schedules()["Schedules"] if canary.function in s["Target"]["Arn"])
    schedule = scheduler.get_schedule(Name=name)
    known = ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")
    update = {key: schedule[key] for key in known}
    scheduler.update_schedule(**update, State="DISABLED")
    try:
        assert mailbox.receives(silent, "ALARM")["OldStateValue"] == "OK"
    finally:
        scheduler.update_schedule(**update, State="ENABLED")
    assert mailbox.receives(silent, "OK")
