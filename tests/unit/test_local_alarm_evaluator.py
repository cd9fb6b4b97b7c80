"""The alarm evaluator over a store of metrics; MiniStack is a stand-in here and real in tests/local."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from infra.local.server import ministack_patches
from infra.local.server.alarm_evaluator import AlarmEvaluator
from tests.unit.stand_in_ministack import PutInPlace, stand_in

__all__ = ["stand_in"]

EVALUATOR = AlarmEvaluator(account_id="123456789012", region="eu-west-1", speed=12.0)
RIGHT: dict[str, Any] = {
    "AlarmName": "right",
    "Namespace": "N",
    "MetricName": "Value",
    "Dimensions": [{"Name": "Letter", "Value": "a"}],
    "Statistic": "Maximum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 5,
    "ComparisonOperator": "GreaterThanThreshold",
    "StateValue": "OK",
}
POINT = {"Value": 8.0, "Dimensions": {"Letter": "a"}, "Unit": "Count"}


class CloudWatch:
    """MiniStack's CloudWatch, in which a test puts alarms and datapoints."""

    def __init__(self, stand_in: PutInPlace) -> None:
        self.alarms: list[dict[str, Any]] = []
        self.changes: list[dict[str, Any]] = []
        self.scopes: list[tuple[str, str]] = []
        self.evaluations = 0
        self.evaluated_thrice = asyncio.Event()
        self.store: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
        stand_in(ministack_patches.REQUEST_SCOPE, self.scope)
        stand_in(ministack_patches.CLOUDWATCH_REQUESTS, self.answer)
        stand_in(ministack_patches.METRIC_STORE, self.store)

    @contextmanager
    def scope(self, account_id: str, region: str) -> Iterator[None]:
        """Keep the scope that a request is made in."""
        self.scopes.append((account_id, region))
        yield
        self.scopes.append(("", ""))

    async def answer(self, *request: Any) -> tuple[int, dict[str, str], bytes]:
        """Describe the alarms, or keep a change of state."""
        assert self.scopes[-1] == ("123456789012", "eu-west-1")
        operation, asked = request[2]["x-amz-target"].rpartition(".")[2], json.loads(request[3])
        if operation == "DescribeAlarms":
            self.evaluations += 1
            if self.evaluations == 3:
                self.evaluated_thrice.set()
            assert asked == {"AlarmTypes": ["MetricAlarm"]}
            return 200, {}, json.dumps({"MetricAlarms": self.alarms}).encode()
        assert operation == "SetAlarmState"
        self.changes.append(asked)
        return 200, {}, b""

    def has_point(self, namespace: str = "N", name: str = "Value", **changes: Any) -> None:
        """Store a datapoint of the last whole period."""
        point = {**POINT, "Timestamp": time.time() - 5.0, **changes}
        self.store.setdefault((namespace, name, str(len(self.store))), []).append(point)

    def states(self, *alarms: Mapping[str, Any]) -> dict[str, str]:
        """Return the states that alarms are brought to by one evaluation."""
        self.alarms = [dict(alarm) for alarm in alarms]
        EVALUATOR.evaluate_all()
        return {change["AlarmName"]: change["StateValue"] for change in self.changes}


@pytest.fixture
def cloudwatch(stand_in: PutInPlace) -> CloudWatch:
    """CloudWatch without alarms and metrics."""
    return CloudWatch(stand_in)


def test_alarm_is_brought_up_to_date(cloudwatch: CloudWatch) -> None:
    """A state that changes is set with its reason; one that does not is left alone."""
    cloudwatch.has_point()
    assert cloudwatch.states(RIGHT, {**RIGHT, "AlarmName": "already", "StateValue": "ALARM"}) == {"right": "ALARM"}
    (change,) = cloudwatch.changes
    assert change.keys() == {"AlarmName", "StateValue", "StateReason"}
    assert change["StateReason"]


OTHERS: dict[str, dict[str, Any]] = {
    "namespace": {"Namespace": "M"},
    "metric": {"MetricName": "Other"},
    "dimension": {"Dimensions": [{"Name": "Letter", "Value": "b"}]},
    "no-dimension": {"Dimensions": []},
    "dimensions-missing": {"Dimensions": None},
    "dimension-more": {"Dimensions": [*RIGHT["Dimensions"], {"Name": "B", "Value": "b"}]},
    "unit": {"Unit": "Seconds"},
}


@pytest.mark.parametrize("case", OTHERS)
def test_datapoint_of_another_metric(cloudwatch: CloudWatch, case: str) -> None:
    """Namespace, name, all dimensions and the unit must be the alarm's."""
    cloudwatch.has_point()
    assert cloudwatch.states({**RIGHT, **OTHERS[case], "TreatMissingData": "ignore"}) == {}


@pytest.mark.parametrize("unit", [{}, {"Unit": ""}, {"Unit": "Count"}])
def test_datapoint_of_the_alarms_unit(cloudwatch: CloudWatch, unit: dict[str, str]) -> None:
    """Without a unit an alarm sees datapoints of any; with one only those."""
    cloudwatch.has_point()
    assert cloudwatch.states({**RIGHT, **unit}) == {"right": "ALARM"}


def test_alarm_without_dimensions(cloudwatch: CloudWatch) -> None:
    """A metric without dimensions is one of its own."""
    cloudwatch.has_point(Dimensions={})
    assert cloudwatch.states({**RIGHT, "Dimensions": None}) == {"right": "ALARM"}


@pytest.mark.parametrize(("count", "threshold", "expected"), [({}, 0.5, True), ({}, 1, False), ({"Count": 3}, 2, True)])
def test_samples_of_a_datapoint(
    cloudwatch: CloudWatch, count: dict[str, Any], threshold: float, *, expected: bool
) -> None:
    """A datapoint is one sample unless it says how many."""
    cloudwatch.has_point(**count)
    counting = {**RIGHT, "Statistic": "SampleCount", "Threshold": threshold}
    assert bool(cloudwatch.states(counting)) is expected


def test_speed_shortens_periods(cloudwatch: CloudWatch) -> None:
    """At speed 12 a minute is five seconds, so that a datapoint of half a minute ago is long gone."""
    cloudwatch.has_point(Timestamp=time.time() - 30)
    assert cloudwatch.states({**RIGHT, "TreatMissingData": "notBreaching"}) == {}


async def test_evaluator_goes_on(
    cloudwatch: CloudWatch, stand_in: PutInPlace, caplog: pytest.LogCaptureFixture
) -> None:
    """It replaces MiniStack's own evaluation, and an alarm that it cannot read does not end it."""
    stand_in(ministack_patches.ALARM_ON_PUT, None)
    stand_in(ministack_patches.ALARM_ON_CREATE, None)
    cloudwatch.alarms = [{"AlarmName": "broken"}]
    task = asyncio.create_task(EVALUATOR.run())
    await cloudwatch.evaluated_thrice.wait()
    assert ministack_patches.ALARM_ON_PUT.original()() is None
    assert ministack_patches.ALARM_ON_CREATE.original()("alarm") is None
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert len(caplog.records) >= 2
