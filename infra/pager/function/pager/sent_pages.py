"""What was told already: the pager's own log, which each page leaves a record in."""

import json
from collections.abc import Iterable

from pager.attempts import Line
from pager.notices import Event, Told

PAGE_SENT = "page sent"
# Pattern of CloudWatch Logs for those records.
PATTERN = f'{{ $.message = "{PAGE_SENT}" }}'


def record_of(told: Told) -> str:
    """Return the log record of a page that was sent."""
    return json.dumps(
        {"message": PAGE_SENT, "at": told.at, "alarm": told.alarm, "event": told.event, "targets": list(told.targets)}
    )


def told_in(lines: Iterable[Line]) -> list[Told]:
    """Return the pages that a log says were sent."""
    return sorted(filter(None, map(_told, lines)), key=lambda each: each.at)


def _told(line: Line) -> Told | None:
    _, brace, rest = line.message.partition("{")
    try:
        record = json.loads(brace + rest)
        if record["message"] != PAGE_SENT:
            return None
        targets = tuple(str(each) for each in record["targets"])
        return Told(at=float(record["at"]), alarm=record["alarm"], event=Event(record["event"]), targets=targets)
    except (ValueError, KeyError, TypeError):
        return None
