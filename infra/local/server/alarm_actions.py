"""Executes the actions of alarms: topics and functions, for each contributor of a grouped alarm, unless muted."""

import json
import time
from collections.abc import Mapping
from typing import Any

from infra.local.server import alarm_history, ministack_patches
from infra.local.server.action_suppression import Suppression, Suppressions
from infra.local.server.alarm_memory import AlarmMemory
from infra.local.server.alarm_messages import Change, lambda_event, sns_message, subject
from infra.local.server.alarm_metrics import grouped_rule_of
from infra.local.server.grouped_alarms import Contributor
from infra.local.server.invoke_permission import may_invoke
from infra.local.server.mute_rule_api import MuteRules
from infra.local.server.service_calls import invoke_asynchronously, publish

_SERVICE = "lambda.alarms.cloudwatch.amazonaws.com"
_ACTIONS: Mapping[str, str] = {
    "ALARM": "AlarmActions",
    "OK": "OKActions",
    "INSUFFICIENT_DATA": "InsufficientDataActions",
}


class AlarmActions:
    """Acts on changes of state, at once or when a mute rule or an action suppressor lets it."""

    def __init__(self, memory: AlarmMemory, mute_rules: MuteRules, suppressions: Suppressions) -> None:
        self._memory, self._mute_rules, self._suppressions = memory, mute_rules, suppressions
        self._muted: dict[tuple[str, str], Change] = {}

    def install(self) -> None:
        """Act on every change of an alarm's state in place of MiniStack."""
        ministack_patches.ALARM_ACTIONS.replace(self.on_alarm)

    def on_alarm(self, alarm: dict[str, Any], old: str, new: str, reason: str) -> None:
        """Act on the change of an alarm's state; of a grouped alarm the contributors act."""
        now = time.time()
        alarm["StateUpdatedTimestamp"] = alarm["StateTransitionedTimestamp"] = now
        if "AlarmRule" in alarm or not grouped_rule_of(alarm):
            self._act(Change(alarm=alarm, old=old, new=new, reason=reason, at=now))

    def on_contributor(self, alarm: Mapping[str, Any], contributor: Contributor) -> None:
        """Record the change of a contributor's state, which is always between OK and ALARM, and act on it."""
        new = contributor.state.value
        change = Change(
            alarm=alarm,
            old="OK" if new == "ALARM" else "ALARM",
            new=new,
            reason=contributor.reason,
            at=contributor.since,
            contributor=contributor,
        )
        alarm_history.record_contributor(change)
        self._act(change)

    def release(self, now: float) -> None:
        """Execute the actions that were held back until now, of alarms that are still in the same state."""
        for key, change in list(self._muted.items()):
            if not self._mute_rules.muting(change.alarm["AlarmName"], now):
                del self._muted[key]
                self._execute_if_unchanged(change, after_mute=True)
        for change in self._suppressions.released(now, _state_of):
            self._execute_if_unchanged(change)

    def _act(self, change: Change) -> None:
        self._muted.pop(change.key, None)
        rule = self._mute_rules.muting(change.alarm["AlarmName"], change.at)
        if rule:
            self._muted[change.key] = change
            self._record_not_executed(change, f"muted by {rule}")
            return
        suppression = self._suppressions.hold(change, _state_of)
        if suppression is not Suppression.NONE:
            self._record_not_executed(change, f"suppressed by {suppression}")
            return
        self._execute(change)

    def _execute_if_unchanged(self, change: Change, *, after_mute: bool = False) -> None:
        alarm = _alarm(change.alarm["AlarmName"])
        if alarm and self._state(alarm, change) == change.new:
            current = Change(
                alarm=alarm,
                old=change.old,
                new=change.new,
                reason=change.reason,
                at=change.at,
                contributor=change.contributor,
            )
            self._execute(current, after_mute=after_mute)

    def _state(self, alarm: Mapping[str, Any], change: Change) -> str:
        if change.contributor is None:
            return str(alarm["StateValue"])
        contributors = self._memory.contributors.get(alarm["AlarmArn"], ())
        # A contributor that is gone is OK.
        return next((c.state.value for c in contributors if c.id == change.contributor.id), "OK")

    def _execute(self, change: Change, *, after_mute: bool = False) -> None:
        for action in _actions(change):
            error = _execute_action(action, change, after_mute=after_mute)
            alarm_history.record_action(change, action, error)

    def _record_not_executed(self, change: Change, by: str) -> None:
        for action in _actions(change):
            alarm_history.record_muted(change, action, by)


def _actions(change: Change) -> list[str]:
    enabled = change.alarm.get("ActionsEnabled", True)
    return list(change.alarm.get(_ACTIONS[change.new]) or ()) if enabled else []


def _execute_action(action: str, change: Change, *, after_mute: bool) -> str | None:
    """Return None, or why the action failed."""
    service = action.split(":")[2]
    try:
        if service == "sns":
            publish(action, subject(change), sns_message(change, after_mute=after_mute))
        elif service == "lambda":
            _invoke(action, change)
        else:
            return f"The local AWS has no actions of {service}."
    except ValueError as error:
        return str(error)
    return None


def _invoke(function_arn: str, change: Change) -> None:
    _, _, _, region, account_id, *_ = function_arn.split(":")
    arn = change.alarm["AlarmArn"]
    if not may_invoke(function_arn, service=_SERVICE, source_arn=arn, account_id=account_id, region=region):
        raise ValueError(f"CloudWatch is not authorized to invoke {function_arn}.")
    invoke_asynchronously(function_arn, json.dumps(lambda_event(change)))


def _alarm(name: str) -> dict[str, Any] | None:
    alarm = ministack_patches.ALARMS.original().get(name) or ministack_patches.COMPOSITE_ALARMS.original().get(name)
    return dict(alarm) if alarm else None


def _state_of(name: str) -> str:
    alarm = _alarm(name)
    return str(alarm["StateValue"]) if alarm else ""
