"""The alarm evaluator: evaluates every metric alarm once a second, from MiniStack's metric store."""

import asyncio
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from infra.local.server import ministack_patches
from infra.local.server.alarm_rules import MetricSample, State, datapoints, evaluate, rule_of
from infra.local.server.service_calls import cloudwatch

_INTERVAL_SECONDS = 1.0

_log = logging.getLogger("alarm_evaluator")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmEvaluator:
    """Evaluates the alarms of one account and region; `speed` shortens their periods."""

    account_id: str
    region: str
    speed: float

    async def run(self) -> None:
        """Evaluate until cancelled."""
        ministack_patches.ALARM_ON_PUT.replace(lambda: None)
        ministack_patches.ALARM_ON_CREATE.replace(lambda _alarm: None)
        while True:
            await asyncio.sleep(_INTERVAL_SECONDS / self.speed)
            try:
                self.evaluate_all()
            except Exception:  # noqa: BLE001 - a broken alarm must not end the loop
                _log.exception("alarms not evaluated")

    def evaluate_all(self) -> None:
        """Evaluate each metric alarm and set its new state, which runs its actions."""
        with ministack_patches.REQUEST_SCOPE.original()(self.account_id, self.region):
            described = cloudwatch("DescribeAlarms", {"AlarmTypes": ["MetricAlarm"]})
            for alarm in described.get("MetricAlarms", []):
                self._evaluate(alarm)

    def _evaluate(self, alarm: dict[str, Any]) -> None:
        rule = rule_of(alarm, self.speed)
        current = State(alarm["StateValue"])
        points = datapoints(_samples(alarm), rule, time.time())
        evaluation = evaluate(points, rule, current)
        if evaluation.state is not current:
            change = {"StateValue": evaluation.state.value, "StateReason": evaluation.reason}
            cloudwatch("SetAlarmState", {"AlarmName": alarm["AlarmName"], **change})


def _samples(alarm: dict[str, Any]) -> Iterator[MetricSample]:
    dimensions = {d["Name"]: d["Value"] for d in alarm.get("Dimensions") or []}
    for (namespace, name, _), points in list(ministack_patches.METRIC_STORE.original().items()):
        if (namespace, name) == (alarm["Namespace"], alarm["MetricName"]):
            for point in points:
                if point["Dimensions"] == dimensions and _has_unit(point, alarm):
                    yield MetricSample(
                        timestamp=point["Timestamp"],
                        value=point["Value"],
                        count=point.get("Count", 1.0),
                    )


def _has_unit(point: dict[str, Any], alarm: dict[str, Any]) -> bool:
    return not alarm.get("Unit") or point["Unit"] == alarm["Unit"]
