"""What invokes the pager: an alarm's message through SNS, or the tick of its schedule."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

ALARM, OK = "ALARM", "OK"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmMessage:
    """An alarm's change of state, and the message as SNS delivered it."""

    alarm: str
    state: str
    at: float
    raw: str
    reason: str = ""
    description: str = ""
    target: str = ""


def is_tick(event: object) -> bool:
    """Return whether the schedule invoked the pager."""
    return isinstance(event, Mapping) and "tick" in event


def raw_messages(event: object) -> list[str]:
    """Return the text of every SNS message in an event; an event of another form is its own text."""
    records = event.get("Records") if isinstance(event, Mapping) else None
    texts = [record["Sns"]["Message"] for record in records or [] if _has_message(record)]
    return [str(text) for text in texts] or [json.dumps(event, default=str)]


def _has_message(record: object) -> bool:
    return isinstance(record, Mapping) and isinstance(record.get("Sns"), Mapping) and "Message" in record["Sns"]


def parse(raw: str, now: float) -> AlarmMessage | None:
    """Return the alarm's message, or None if it is none of CloudWatch's."""
    try:
        body = json.loads(raw)
    except ValueError:
        return None
    if not isinstance(body, Mapping) or not isinstance(body.get("AlarmName"), str):
        return None
    return AlarmMessage(
        alarm=body["AlarmName"],
        state=str(body.get("NewStateValue", "")),
        at=timestamp(body.get("StateChangeTime"), now),
        raw=raw,
        reason=str(body.get("NewStateReason") or ""),
        description=str(body.get("AlarmDescription") or ""),
        target=target_of(body),
    )


def target_of(value: Any, depth: int = 0) -> str:  # noqa: ANN401 - JSON
    """Return the target that a contributor's attributes name, wherever the message has them, or an empty text."""
    if not isinstance(value, Mapping) or depth > 3:  # noqa: PLR2004 - deeper than any message of CloudWatch
        return ""
    if isinstance(value.get("Target"), str):
        return str(value["Target"])
    return next((found for each in value.values() if (found := target_of(each, depth + 1))), "")


def timestamp(value: object, default: float) -> float:
    """Return a time of CloudWatch (ISO 8601) as seconds, or the default."""
    if isinstance(value, datetime):
        return value.timestamp()
    try:
        parsed = datetime.fromisoformat(str(value))
    except ValueError:
        return default
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
