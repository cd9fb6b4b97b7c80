"""The alarm evaluator: evaluates every metric alarm once a second, from MiniStack's metric store."""

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.local.server import ministack_patches
from infra.local.server.alarm_actions import AlarmActions
from infra.local.server.alarm_memory import AlarmMemory
from infra.local.server.alarm_metrics import (
    GroupedRule,
    grouped_rule_of,
    metrics_of,
    points_of,
    single_rule_of,
)
from infra.local.server.alarm_rules import MetricSample, State, evaluate, evaluation_range
from infra.local.server.grouped_alarms import evaluate_grouped
from infra.local.server.metrics_insights import Series
from infra.local.server.service_calls import cloudwatch
from infra.local.server.warm_up import is_warming_up

Alarm = dict[str, Any]

_INTERVAL_SECONDS = 1.0

_log = logging.getLogger("alarm_evaluator")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmEvaluator:
    """Evaluates the alarms of one account and region; `speed` shortens their periods."""

    account_id: str
    region: str
    speed: float
    memory: AlarmMemory
    actions: AlarmActions

    async def run(self) -> None:
        """Evaluate until cancelled."""
        ministack_patches.ALARM_ON_PUT.replace(lambda: None)
        ministack_patches.ALARM_ON_CREATE.replace(lambda _alarm: None)
        while True:
            await asyncio.sleep(_INTERVAL_SECONDS / self.speed)
            self.evaluate_all()

    def evaluate_all(self) -> None:
        """Evaluate each metric alarm and set its new state, which runs its actions; then those that waited."""
        with ministack_patches.REQUEST_SCOPE.original()(self.account_id, self.region):
            alarms = list(ministack_patches.ALARMS.original().values())
            self.memory.keep_only({alarm["AlarmArn"] for alarm in alarms})
            for alarm in alarms:
                try:
                    self._evaluate(alarm)
                except Exception:  # noqa: BLE001 - a broken alarm must not end the loop
                    _log.exception("alarm %s not evaluated", alarm.get("AlarmName"))
            self.actions.release(time.time())

    def _evaluate(self, alarm: Alarm) -> None:
        now = time.time()
        since, _ = evaluation_range(single_rule_of(alarm, self.speed), now)
        metrics = list(_series(metrics_of(alarm), since))
        grouped = grouped_rule_of(alarm, self.speed)
        if grouped:
            self._evaluate_grouped(alarm, grouped, metrics, now)
        else:
            self._evaluate_single(alarm, metrics, now)

    def _evaluate_single(self, alarm: Alarm, metrics: list[Series], now: float) -> None:
        rule = single_rule_of(alarm, self.speed)
        points = points_of(alarm, metrics, rule, now)
        if self._is_warming_up(alarm, points[-rule.evaluation_periods :], now):
            return
        evaluation = evaluate(points, rule, State(alarm["StateValue"]))
        _set_state(alarm, evaluation.state, evaluation.reason)

    def _evaluate_grouped(self, alarm: Alarm, grouped: GroupedRule, metrics: list[Series], now: float) -> None:
        points = points_of(alarm, metrics, grouped.rule, now)
        if self._is_warming_up(alarm, points[-grouped.rule.evaluation_periods :], now):
            return
        known, state = self.memory.contributors.get(alarm["AlarmArn"], ()), State(alarm["StateValue"])
        evaluation = evaluate_grouped(grouped, metrics, now, known=known, state=state)
        self.memory.contributors[alarm["AlarmArn"]] = evaluation.contributors
        for contributor in evaluation.changes:
            self.actions.on_contributor(alarm, contributor)
        _set_state(alarm, evaluation.state, evaluation.reason)
        alarm["StateReason"] = evaluation.reason
        alarm.pop("EvaluationState", None)
        if evaluation.partial:
            alarm["EvaluationState"] = "PARTIAL_DATA"

    def _is_warming_up(self, alarm: Alarm, window: list[float | None], now: float) -> bool:
        age = self.memory.age(alarm["AlarmArn"], now)
        # It happens once: an alarm that was evaluated never waits again.
        is_new = alarm["StateValue"] == State.INSUFFICIENT_DATA
        return is_new and is_warming_up(alarm.get("WarmUpConfiguration"), age, window, self.speed)


def _set_state(alarm: Alarm, state: State, reason: str) -> None:
    if state != alarm["StateValue"]:
        change = {"StateValue": state.value, "StateReason": reason}
        cloudwatch("SetAlarmState", {"AlarmName": alarm["AlarmName"], **change})


def _series(wanted: frozenset[tuple[str, str]], since: float) -> Iterator[Series]:
    """Yield the metrics with these namespaces and names, with their samples of late."""
    for (namespace, name, _), points in list(ministack_patches.METRIC_STORE.original().items()):
        if (namespace, name) in wanted and points:
            samples = [_sample(point) for point in points if point["Timestamp"] >= since]
            yield Series(namespace=namespace, name=name, dimensions=points[0]["Dimensions"], samples=samples)


def _sample(point: Mapping[str, Any]) -> MetricSample:
    return MetricSample(
        timestamp=point["Timestamp"],
        value=point["Value"],
        count=point.get("Count", 1.0),
        unit=point["Unit"],
    )
