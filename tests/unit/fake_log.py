"""A log group in memory that answers FilterLogEvents as the service does: forwards, in pages, both ends included."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.unit.factories import outcome_of


@dataclass(kw_only=True)
class FakeLog:
    """Events of (milliseconds, message), oldest first, and every request that was answered."""

    events: Sequence[tuple[int, str]]
    page_size: int = 10_000
    requests: list[dict[str, Any]] = field(default_factory=list)

    def filter_log_events(self, **request: Any) -> dict[str, Any]:
        """Return a page of the events between `startTime` and `endTime`."""
        self.requests.append(request)
        first = int(request.get("nextToken", "0"))
        found = [event for event in self.events if request["startTime"] <= event[0] <= request["endTime"]]
        page = found[first : first + self.page_size]
        more = {"nextToken": str(first + self.page_size)} if first + self.page_size < len(found) else {}
        return {"events": [{"timestamp": at, "message": message} for at, message in page], **more}


def log_line(**facts: Any) -> str:
    """Return the line of the log of an attempt."""
    return json.dumps({"level": "INFO", "message": "connect attempt finished", **outcome_of(**facts).as_dict()}) + "\n"
