"""The history of alarms: state changes and actions, of alarms and their contributors, to the millisecond."""

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from infra.local.server import ministack_patches
from infra.local.server.alarm_messages import Change

_METRIC_ALARM, _COMPOSITE_ALARM = "MetricAlarm", "CompositeAlarm"


def install_history() -> None:
    """Record MiniStack's state changes to the millisecond, which keeps whole seconds."""
    ministack_patches.RECORD_HISTORY.replace(_record_state)
    ministack_patches.JSON_TIMESTAMP.replace(_json_timestamp)


def _json_timestamp(value: object) -> object:
    return datetime.fromisoformat(value).timestamp() if isinstance(value, str) else value


def _record_state(alarm_name: str, old_state: str, new_state: str, reason: str, *more: Any) -> None:  # noqa: ANN401 - MiniStack's
    alarm_type, reason_data, *_ = (*more, None, None)
    identity = {"AlarmName": alarm_name, "AlarmType": alarm_type or _METRIC_ALARM}
    if old_state == new_state:
        # MiniStack's way to say that an alarm is new.
        _append(identity, "ConfigurationUpdate", f'Alarm "{alarm_name}" created', {"type": "Create"})
        return
    new = {"stateValue": new_state, "stateReason": reason}
    if reason_data:
        new["stateReasonData"] = reason_data
    data = {"oldState": {"stateValue": old_state}, "newState": new}
    _append(identity, "StateUpdate", f"Alarm updated from {old_state} to {new_state}", data)


def record_contributor(change: Change) -> None:
    """Record a change of a contributor's state."""
    data = {"newState": {"stateValue": change.new, "stateReason": change.reason}}
    _append_change(change, "StateUpdate", f"Contributor state updated to {change.new}", data)


def record_action(change: Change, action: str, error: str | None) -> None:
    """Record that an action was executed, or failed with an error."""
    state = "Failed" if error else "Succeeded"
    data = {"actionState": state, "notificationResource": action, "error": error}
    verb = "Failed to execute" if error else "Successfully executed"
    _append_change(change, "Action", f"{verb} action {action}", data)


def record_muted(change: Change, action: str, by: str) -> None:
    """Record that an action was not executed because of `by`."""
    data = {"actionState": "Suppressed", "notificationResource": action, "error": None}
    _append_change(change, "Action", f"Suppressed action {action}: {by}", data)


def _append_change(change: Change, item_type: str, summary: str, data: Mapping[str, Any]) -> None:
    kind = _COMPOSITE_ALARM if "AlarmRule" in change.alarm else _METRIC_ALARM
    identity: dict[str, Any] = {"AlarmName": change.alarm["AlarmName"], "AlarmType": kind}
    if change.contributor:
        identity["AlarmContributorId"] = change.contributor.id
        identity["AlarmContributorAttributes"] = dict(change.contributor.attributes)
        item_type = f"AlarmContributor{item_type}"
    _append(identity, item_type, summary, data)


def _append(identity: Mapping[str, Any], item_type: str, summary: str, data: Mapping[str, Any]) -> None:
    now = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds")
    item = {
        **identity,
        "Timestamp": now.replace("+00:00", "Z"),
        "HistoryItemType": item_type,
        "HistorySummary": summary,
        "HistoryData": json.dumps({"version": "1.0", **data}),
    }
    ministack_patches.HISTORY_ENTRIES.original()().append(item)
