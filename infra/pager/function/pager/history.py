"""Reads an alarm's history: the changes of state of the alarm, and of each target where CloudWatch keeps one."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pager.event import ALARM, OK, target_of, timestamp
from pager.incidents import Transition

LOOK_BACK_S = 14 * 86_400.0
_MAX_PAGES = 20
_CHANGES = frozenset({"StateUpdate", "AlarmContributorStateUpdate"})


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryReader:
    """Reads alarms; `client` is boto3's for CloudWatch."""

    client: Any

    def read(self, alarm: str, now: float) -> list[Transition]:
        """Return the changes of state of the last days."""
        request = {"AlarmName": alarm, "StartDate": now - LOOK_BACK_S, "EndDate": now + 60, "MaxRecords": 100}
        items: list[Mapping[str, Any]] = []
        for _ in range(_MAX_PAGES):
            page = self.client.describe_alarm_history(**request)
            items += page["AlarmHistoryItems"]
            if "NextToken" not in page:
                break
            request["NextToken"] = page["NextToken"]
        return transitions(items, now)

    def muted(self, alarm: str) -> bool:
        """Return whether a mute rule holds the alarm's messages back now."""
        page = self.client.list_alarm_mute_rules(AlarmName=alarm, Statuses=["ACTIVE"])
        return bool(page["AlarmMuteRuleSummaries"])


def transitions(items: Iterable[Mapping[str, Any]], now: float) -> list[Transition]:
    """Return the changes to ALARM and OK among the items of a history."""
    found = [_transition(item, now) for item in items if item.get("HistoryItemType") in _CHANGES]
    return sorted(each for each in found if each)


def _transition(item: Mapping[str, Any], now: float) -> Transition | None:
    try:
        data = json.loads(item.get("HistoryData") or "{}")
    except ValueError:
        data = {}
    state = _new_state(data if isinstance(data, Mapping) else {}, str(item.get("HistorySummary") or ""))
    if state not in {ALARM, OK}:
        return None
    target = target_of(item.get("AlarmContributorAttributes")) or str(item.get("AlarmContributorId") or "")
    return Transition(at=timestamp(item.get("Timestamp"), now), target=target, state=state)


def _new_state(data: Mapping[str, Any], summary: str) -> str:
    """Return the state that the item's data or, failing that, its summary (`… from OK to ALARM`) tells."""
    new = data.get("newState")
    if isinstance(new, Mapping):
        return str(new.get("stateValue"))
    return summary.rpartition(" to ")[2].strip(". ")


def with_message(known: Iterable[Transition], message: Transition) -> list[Transition]:
    """Return the changes with that of the message, which the history may not have yet."""
    changes = list(known)
    near = [each for each in changes if each.state == message.state and each.at >= message.at - 2]
    same = [each for each in near if message.target in {"", each.target}]
    return changes if same else sorted([*changes, message])
