"""The alarm evaluator over a store of metrics; MiniStack is a stand-in here and real in tests/local."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any

import pytest

from infra.local.server import ministack_patches
from tests.unit.stand_in_cloudwatch import ALARM, StandInCloudWatch
from tests.unit.stand_in_ministack import PutInPlace, stand_in

__all__ = ["stand_in"]

QUERY = "SELECT MAX(Value) FROM SCHEMA(N, Letter) GROUP BY Letter ORDER BY MAX() DESC"
ONE_METRIC = ("Namespace", "MetricName", "Dimensions", "Statistic", "Period")
GROUPED: dict[str, Any] = {
    **dict.fromkeys(ONE_METRIC),
    "Metrics": [{"Id": "q", "Expression": QUERY, "Period": 60, "ReturnData": True}],
    "TreatMissingData": "notBreaching",
}


@pytest.fixture
def cloudwatch(stand_in: PutInPlace) -> StandInCloudWatch:
    """CloudWatch without alarms and metrics."""
    return StandInCloudWatch(stand_in)


def evaluated(cloudwatch: StandInCloudWatch) -> dict[str, str]:
    """Return the states that alarms are brought to by one evaluation."""
    cloudwatch.evaluator.evaluate_all()
    return {change["AlarmName"]: change["StateValue"] for change in cloudwatch.changes}


def test_alarm_is_brought_up_to_date(cloudwatch: StandInCloudWatch) -> None:
    """A state that changes is set with its reason; one that does not is left alone."""
    cloudwatch.has_point()
    cloudwatch.put()
    cloudwatch.put("already", StateValue="ALARM")
    assert evaluated(cloudwatch) == {"right": "ALARM"}
    (change,) = cloudwatch.changes
    assert change.keys() == {"AlarmName", "StateValue", "StateReason"}
    assert change["StateReason"]
    assert [message["NewStateValue"] for message in cloudwatch.published] == ["ALARM"]


OTHERS: dict[str, dict[str, Any]] = {
    "namespace": {"Namespace": "M"},
    "metric": {"MetricName": "Other"},
    "dimension": {"Dimensions": [{"Name": "Letter", "Value": "b"}]},
    "no-dimension": {"Dimensions": []},
    "dimensions-missing": {"Dimensions": None},
    "dimension-more": {"Dimensions": [*ALARM["Dimensions"], {"Name": "B", "Value": "b"}]},
    "unit": {"Unit": "Seconds"},
}


@pytest.mark.parametrize("case", OTHERS)
def test_datapoint_of_another_metric(cloudwatch: StandInCloudWatch, case: str) -> None:
    """Namespace, name, all dimensions and the unit must be the alarm's."""
    cloudwatch.has_point()
    cloudwatch.put(**{**OTHERS[case], "TreatMissingData": "ignore"})
    assert evaluated(cloudwatch) == {}


@pytest.mark.parametrize("unit", [{}, {"Unit": ""}, {"Unit": "Count"}])
def test_datapoint_of_the_alarms_unit(cloudwatch: StandInCloudWatch, unit: dict[str, str]) -> None:
    """Without a unit an alarm sees datapoints of any; with one only those."""
    cloudwatch.has_point()
    cloudwatch.put(**unit)
    assert evaluated(cloudwatch) == {"right": "ALARM"}


def test_alarm_without_dimensions(cloudwatch: StandInCloudWatch) -> None:
    """A metric without dimensions is one of its own."""
    cloudwatch.has_point(Dimensions={})
    cloudwatch.put(Dimensions=None)
    assert evaluated(cloudwatch) == {"right": "ALARM"}


@pytest.mark.parametrize(("count", "threshold", "expected"), [({}, 0.5, True), ({}, 1, False), ({"Count": 3}, 2, True)])
def test_samples_of_a_datapoint(
    cloudwatch: StandInCloudWatch, count: dict[str, Any], threshold: float, *, expected: bool
) -> None:
    """A datapoint is one sample unless it says how many."""
    cloudwatch.has_point(**count)
    cloudwatch.put(Statistic="SampleCount", Threshold=threshold)
    assert bool(evaluated(cloudwatch)) is expected


def test_speed_shortens_periods(cloudwatch: StandInCloudWatch) -> None:
    """At speed 12 a minute is five seconds, so that a datapoint of half a minute ago is long gone."""
    cloudwatch.has_point(Timestamp=time.time() - 30)
    cloudwatch.put(TreatMissingData="notBreaching")
    assert evaluated(cloudwatch) == {}


def test_more_alarms_than_a_page(cloudwatch: StandInCloudWatch) -> None:
    """Every alarm is evaluated, however many there are."""
    cloudwatch.has_point()
    for number in range(120):
        cloudwatch.put(f"alarm-{number}")
    assert len(evaluated(cloudwatch)) == 120


def test_contributors_of_a_grouped_alarm(cloudwatch: StandInCloudWatch) -> None:
    """Each acts by itself, the alarm changes its state without actions, and says how many are in ALARM."""
    cloudwatch.has_point(Dimensions={"Letter": "a"})
    cloudwatch.has_point(Dimensions={"Letter": "b"}, Value=1.0)
    alarm = cloudwatch.put(**GROUPED)
    assert evaluated(cloudwatch) == {"right": "ALARM"}
    assert [message["AlarmContributorAttributes"] for message in cloudwatch.published] == [{"Letter": "a"}]
    assert alarm["StateReason"] == "1 out of 2 time series evaluated to ALARM"
    cloudwatch.has_point(Dimensions={"Letter": "b"})
    evaluated(cloudwatch)
    assert [message["AlarmContributorAttributes"]["Letter"] for message in cloudwatch.published] == ["a", "b"]
    assert (len(cloudwatch.changes), alarm["StateReason"]) == (1, "2 out of 2 time series evaluated to ALARM")
    assert "EvaluationState" not in alarm


def test_grouped_alarm_on_too_many_series(cloudwatch: StandInCloudWatch) -> None:
    """The alarm says that it does not see all."""
    for number in range(501):
        cloudwatch.has_point(Dimensions={"Letter": f"t{number}"}, Value=1.0)
    alarm = cloudwatch.put(**GROUPED)
    evaluated(cloudwatch)
    assert alarm["EvaluationState"] == "PARTIAL_DATA"
    cloudwatch.store.clear()
    evaluated(cloudwatch)
    assert "EvaluationState" not in alarm


@pytest.mark.parametrize("settings", [{"TreatMissingData": "breaching"}, {**GROUPED, "TreatMissingData": "breaching"}])
def test_warm_up_of_a_new_alarm(cloudwatch: StandInCloudWatch, settings: dict[str, Any]) -> None:
    """It waits for its minutes, here ten that are fifty seconds, and never again when it was evaluated once."""
    warm_up: dict[str, Any] = {
        "WarmUpConfiguration": {"WarmUpPeriodDurationInMinutes": 10},
        "StateValue": "INSUFFICIENT_DATA",
    }
    alarm = cloudwatch.put(**settings, **warm_up)
    cloudwatch.memory.created[alarm["AlarmArn"]] = time.time() - 40
    assert evaluated(cloudwatch) == {}
    cloudwatch.memory.created[alarm["AlarmArn"]] = time.time() - 51
    assert evaluated(cloudwatch) == {"right": "ALARM"}
    cloudwatch.memory.created[alarm["AlarmArn"]] = time.time()
    cloudwatch.has_point(Value=1.0)
    cloudwatch.set_state("right", "OK")
    cloudwatch.store.clear()
    assert evaluated(cloudwatch) == {"right": "ALARM"}


@pytest.mark.parametrize("settings", [{}, GROUPED])
@pytest.mark.parametrize(("ages_s", "waits"), [((2, 7, 12), False), ((2, 7), True), ((7, 12), True)])
def test_warm_up_ends_with_a_whole_window(
    cloudwatch: StandInCloudWatch, settings: dict[str, Any], ages_s: tuple[float, ...], *, waits: bool
) -> None:
    """It waits no longer when its first and its last period, of five seconds here, have data."""
    warm_up: dict[str, Any] = {"WarmUpConfiguration": {"WarmUpPeriodDurationInMinutes": 10}}
    alarm = cloudwatch.put(**settings, **warm_up, EvaluationPeriods=3, StateValue="INSUFFICIENT_DATA")
    cloudwatch.memory.created[alarm["AlarmArn"]] = time.time()
    # Just before a period ends.
    end = time.time() // 5 * 5
    for age_s in ages_s:
        cloudwatch.has_point(Timestamp=end - age_s)
    assert evaluated(cloudwatch) == ({} if waits else {"right": "ALARM"})


def test_deleted_alarm_is_forgotten(cloudwatch: StandInCloudWatch) -> None:
    """One that is made again by the same name has no contributors and is new."""
    cloudwatch.has_point()
    alarm = cloudwatch.put(**GROUPED)
    evaluated(cloudwatch)
    assert cloudwatch.memory.contributors[alarm["AlarmArn"]]
    cloudwatch.alarms.clear()
    evaluated(cloudwatch)
    assert (cloudwatch.memory.contributors, cloudwatch.memory.created) == ({}, {})


async def test_evaluator_goes_on(
    cloudwatch: StandInCloudWatch, stand_in: PutInPlace, caplog: pytest.LogCaptureFixture
) -> None:
    """It replaces MiniStack's own evaluation, and an alarm that it cannot read ends neither it nor the others."""
    stand_in(ministack_patches.ALARM_ON_PUT, None)
    stand_in(ministack_patches.ALARM_ON_CREATE, None)
    cloudwatch.alarms["broken"] = {"AlarmName": "broken", "AlarmArn": "arn", "Metrics": [{}]}
    # It lies in the period that ends within the next five seconds, so that the first evaluation does not see it.
    cloudwatch.has_point(Timestamp=time.time())
    cloudwatch.put()
    evaluated_it = asyncio.Event()
    stand_in(ministack_patches.ALARM_ACTIONS, lambda *_: evaluated_it.set())
    has_evaluated = asyncio.Event()
    stand_in(ministack_patches.ALARM_ACTIONS, lambda *_: has_evaluated.set())
    task = asyncio.create_task(cloudwatch.evaluator.run())
    await has_evaluated.wait()
    assert ministack_patches.ALARM_ON_PUT.original()() is None
    assert ministack_patches.ALARM_ON_CREATE.original()("alarm") is None
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert {"broken" in record.getMessage() for record in caplog.records} == {True}
