"""MiniStack's CloudWatch and SNS as the alarms of the local AWS use them, with what a test puts in and can look at."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs

from infra.local.server import ministack_patches
from infra.local.server.action_suppression import Suppressions
from infra.local.server.alarm_actions import AlarmActions
from infra.local.server.alarm_evaluator import AlarmEvaluator
from infra.local.server.alarm_history import install_history
from infra.local.server.alarm_memory import AlarmMemory
from infra.local.server.mute_rule_api import MuteRules
from tests.unit.stand_in_ministack import PutInPlace

ACCOUNT, REGION = "123456789012", "eu-west-1"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:topic"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"
ALARM: dict[str, Any] = {
    "AlarmName": "right",
    "AlarmArn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:right",
    "AlarmConfigurationUpdatedTimestamp": 1,
    "Namespace": "N",
    "MetricName": "Value",
    "Dimensions": [{"Name": "Letter", "Value": "a"}],
    "Statistic": "Maximum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 5,
    "ComparisonOperator": "GreaterThanThreshold",
    "StateValue": "OK",
    "AlarmActions": [TOPIC],
    "OKActions": [TOPIC],
}


class StandInCloudWatch:
    """The stores of MiniStack, and the actions, memory and evaluator of the local AWS over them."""

    def __init__(self, stand_in: PutInPlace, *, speed: float = 12.0) -> None:
        self.alarms: dict[str, dict[str, Any]] = {}
        self.composites: dict[str, dict[str, Any]] = {}
        self.history: list[dict[str, Any]] = []
        self.published: list[dict[str, Any]] = []
        self.subjects: list[str] = []
        self.invoked: list[dict[str, Any]] = []
        self.changes: list[dict[str, Any]] = []
        self.store: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
        self.is_topic_there, self.may_invoke, self.scopes = True, True, list[tuple[str, str]]()
        self.memory, self.rules = AlarmMemory(), MuteRules(speed=speed)
        self.suppressions = Suppressions(speed=speed)
        self.actions = AlarmActions(self.memory, self.rules, self.suppressions)
        self._put_in_place(stand_in)
        install_history()
        self.actions.install()
        self.evaluator = AlarmEvaluator(
            account_id=ACCOUNT, region=REGION, speed=speed, memory=self.memory, actions=self.actions
        )

    def _put_in_place(self, stand_in: PutInPlace) -> None:
        for patch, value in (
            (ministack_patches.REQUEST_SCOPE, self._scope),
            (ministack_patches.ACCOUNT_ID, lambda: ACCOUNT),
            (ministack_patches.REGION, lambda: REGION),
            (ministack_patches.ALARMS, self.alarms),
            (ministack_patches.COMPOSITE_ALARMS, self.composites),
            (ministack_patches.METRIC_STORE, self.store),
            (ministack_patches.HISTORY_ENTRIES, lambda: self.history),
            (ministack_patches.CLOUDWATCH_REQUESTS, self._cloudwatch),
            (ministack_patches.SNS_REQUESTS, self._sns),
            (ministack_patches.LAMBDA_REQUESTS, self._lambda),
            (ministack_patches.LAMBDA_POLICY, lambda arn: [arn]),
            (ministack_patches.EVALUATION_CONTEXT, dict),
            (ministack_patches.EVALUATE_RESOURCE_POLICY, self._evaluate_policy),
            (ministack_patches.RECORD_HISTORY, None),
            (ministack_patches.JSON_TIMESTAMP, None),
            (ministack_patches.ALARM_ACTIONS, None),
        ):
            stand_in(patch, value)

    @contextmanager
    def _scope(self, account_id: str, region: str) -> Iterator[None]:
        self.scopes.append((account_id, region))
        yield
        self.scopes.append(("", ""))

    def _evaluate_policy(self, policy: str, context: dict[str, Any], *, service: str) -> Any:
        assert (policy, service) == (FUNCTION, "lambda.alarms.cloudwatch.amazonaws.com")
        assert context["service_context"]["aws:sourcearn"] in {
            alarm["AlarmArn"] for alarm in (*self.alarms.values(), *self.composites.values())
        }
        return type("Result", (), {"decision": "Allow" if self.may_invoke else "Deny"})

    async def _cloudwatch(self, *request: Any) -> tuple[int, dict[str, str], bytes]:
        """Change the state of an alarm as MiniStack does."""
        assert self.scopes[-1] == (ACCOUNT, REGION)
        assert request[2]["x-amz-target"].endswith(".SetAlarmState")
        change = json.loads(request[3])
        self.changes.append(change)
        self.set_state(change["AlarmName"], change["StateValue"], change["StateReason"])
        return 200, {}, b""

    async def _sns(self, *request: Any) -> tuple[int, dict[str, str], bytes]:
        form = {key: value for key, (value,) in parse_qs(request[3].decode()).items()}
        assert (form["Action"], form["TopicArn"]) == ("Publish", TOPIC)
        if not self.is_topic_there:
            return 404, {}, b"no such topic"
        self.published.append(json.loads(form["Message"]))
        self.subjects.append(form["Subject"])
        return 200, {}, b""

    async def _lambda(self, *request: Any) -> tuple[int, dict[str, str], bytes]:
        self.invoked.append(json.loads(request[3]))
        return 202, {}, b""

    def set_state(self, name: str, state: str, reason: str = "because") -> None:
        """Change the state of an alarm, which records and acts."""
        alarm = self.alarms.get(name) or self.composites[name]
        old, alarm["StateValue"], alarm["StateReason"] = alarm["StateValue"], state, reason
        ministack_patches.RECORD_HISTORY.original()(name, old, state, reason)
        ministack_patches.ALARM_ACTIONS.original()(alarm, old, state, reason)

    def put(self, name: str = "right", **settings: Any) -> dict[str, Any]:
        """Put an alarm that is an hour old."""
        arn = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"
        alarm = {**ALARM, "AlarmName": name, "AlarmArn": arn, **settings}
        self.alarms[name] = {key: value for key, value in alarm.items() if value is not None}
        self.memory.created[arn] = time.time() - 3600
        return self.alarms[name]

    def has_point(self, namespace: str = "N", name: str = "Value", **changes: Any) -> None:
        """Store a datapoint of the last whole period."""
        point = {
            "Value": 8.0,
            "Dimensions": {"Letter": "a"},
            "Unit": "Count",
            "Timestamp": time.time() - 5.0,
            **changes,
        }
        self.store.setdefault((namespace, name, str(len(self.store))), []).append(point)

    def summaries(self) -> list[str]:
        """Return the history's summaries, oldest first."""
        return [str(item["HistorySummary"]) for item in self.history]
