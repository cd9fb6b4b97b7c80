"""Attempts from a deployed canary's log, the newest first, as far back as pages and time allow."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from connect_canary.model.frozen import frozen
from connect_canary.pages.attempt_record import AttemptRecord, RecordError, read_record

# boto3 creates its client classes at run time.
Client: TypeAlias = Any

FILTER_PATTERN = '{ $.message = "connect attempt finished" }'
_FIRST_WINDOW_MS = 300_000


@frozen
class LogRange:
    """A log group, and from when to when to read it (milliseconds since 1970)."""

    group: str
    start_ms: int
    end_ms: int


@frozen
class Budget:
    """How much to read: pages of at most 1 MB, until a moment of `time.monotonic`."""

    pages: int
    deadline: float


@dataclass(slots=True, kw_only=True)
class LogRecords:
    """The attempts, oldest first, and since when they are complete (milliseconds since 1970)."""

    start_ms: int
    records: list[AttemptRecord] = field(default_factory=list)


def read_log(
    client: Client, wanted: LogRange, budget: Budget, *, clock: Callable[[], float] = time.monotonic
) -> LogRecords:
    """Return the attempts in the range, of the newest time only if the budget allows no more.

    FilterLogEvents reads forwards, so the range is read in windows, the newest first, each twice as long as the last.
    """
    found = LogRecords(start_ms=wanted.end_ms)
    pages = budget.pages
    window_ms = _FIRST_WINDOW_MS
    while found.start_ms > wanted.start_ms:
        begin = max(wanted.start_ms, found.start_ms - window_ms)
        records: list[AttemptRecord] = []
        for page in _pages(client, wanted.group, begin, found.start_ms):
            records += _records(page)
            pages -= 1
            if "nextToken" in page and (pages <= 0 or clock() >= budget.deadline):
                # The window is incomplete. A first one is all there is: its end is missing.
                return found if found.records else LogRecords(start_ms=begin, records=sorted(records, key=_time))
        found.records = sorted(records, key=_time) + found.records
        found.start_ms = begin
        if pages <= 0 or clock() >= budget.deadline:
            break
        window_ms *= 2
    return found


def _pages(client: Client, group: str, begin_ms: int, end_ms: int) -> Iterator[dict[str, Any]]:
    # endTime is inclusive (API reference of FilterLogEvents), and a record belongs to one window.
    request = {"logGroupName": group, "startTime": begin_ms, "endTime": end_ms - 1, "filterPattern": FILTER_PATTERN}
    while True:
        page = client.filter_log_events(**request)
        yield page
        if "nextToken" not in page:
            return
        request["nextToken"] = page["nextToken"]


def _time(record: AttemptRecord) -> float:
    # Pages are put together from log streams, and their order is not promised.
    return record.at or 0.0


def _records(page: dict[str, Any]) -> Iterator[AttemptRecord]:
    """Yield the attempts on a page; the pattern excludes most other lines, and what is no record is skipped."""
    for event in page.get("events", ()):
        try:
            yield read_record(json.loads(event["message"]), at=event["timestamp"] / 1000)
        except (ValueError, RecordError):
            continue
