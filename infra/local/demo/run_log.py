"""Reads a canary's runs from its log group."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from infra.local.client.local_aws import LocalAws

FINISHED = "connect attempt finished"

_START = "START RequestId: "
_END = "END RequestId: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution of the canary: its end time, its outcomes, and its own errors."""

    ended: datetime
    outcomes: tuple[Mapping[str, Any], ...]
    errors: tuple[str, ...]

    @property
    def healthy(self) -> bool:
        """Whether there are outcomes, all are healthy, and the canary itself did not fail."""
        healthy = [outcome["healthy"] for outcome in self.outcomes]
        return bool(healthy) and all(healthy) and not self.errors


@dataclass(slots=True, kw_only=True)
class RunLog:
    """Reads new runs from a function's log group."""

    aws: LocalAws
    group: str
    _seen: set[str] = field(default_factory=set)
    _since: int = 0

    def new_runs(self) -> Iterator[Run]:
        """Yield the runs that ended since the last call, each once, oldest first."""
        streams: dict[str, list[Mapping[str, Any]]] = {}
        for event in self._new_events():
            streams.setdefault(event["logStreamName"], []).append(event)
        for name, events in streams.items():
            if name not in self._seen and any(e["message"].startswith(_END) for e in events):
                self._seen.add(name)
                yield _run(events)

    def _new_events(self) -> list[Mapping[str, Any]]:
        paginator = self.aws.client("logs").get_paginator("filter_log_events")
        pages = paginator.paginate(logGroupName=self.group, startTime=self._since)
        events = [event for page in pages for event in page["events"]]
        # MiniStack writes all lines of a run at its end, into a new log stream.
        self._since = max((event["timestamp"] for event in events), default=self._since)
        return events


def _run(events: list[Mapping[str, Any]]) -> Run:
    records = [record for event in events if (record := _record(event["message"])) is not None]
    outcomes = [record for record in records if record.get("message") == FINISHED]
    errors = [str(record.get("message")) for record in records if record.get("level") == "ERROR"]
    if not outcomes and not errors:
        errors = ["the function ended without a log record"]
    ended = datetime.fromtimestamp(events[-1]["timestamp"] / 1000).astimezone()
    return Run(ended=ended, outcomes=tuple(outcomes), errors=tuple(errors))


def _record(message: str) -> dict[str, Any] | None:
    """Return the JSON object of a log line, or None, as for START lines and tracebacks."""
    try:
        document = json.loads(message)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
