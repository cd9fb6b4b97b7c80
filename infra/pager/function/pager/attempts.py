"""What the canary's log says: attempts by target, and what the canary says of itself. Pure functions."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pager.kinds import NOT_A_FAILED_CONNECT

ATTEMPT = "connect attempt finished"
CANNOT_RUN = "the canary cannot run as it is set"
# The keys of the record of an attempt that a page shows.
KEYS = (
    "target",
    "endpoint",
    "healthy",
    "phase",
    "failure",
    "reason",
    "owner",
    "hint",
    "client_id",
    "request_id",
    "connect_ms",
    "phases_ms",
    "certificate_days_left",
    "certificate",
)
# What Lambda writes when a run does not end by itself (developer guide, "Lambda runtime errors"), and Python's log.
_LAMBDA_ERRORS = ("Task timed out", "Status: timeout", "Status: error", "Runtime.", "[ERROR]", "Error: Runtime exited")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the log and when it was written."""

    at: float
    message: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """The record of one attempt."""

    at: float
    record: Mapping[str, Any]

    @property
    def target(self) -> str:
        """The target's name."""
        return str(self.record.get("target"))

    @property
    def failure(self) -> str:
        """The failure's name; empty if the target was healthy."""
        return str(self.record.get("failure") or "")

    @property
    def phase(self) -> str:
        """The phase in which it ended; empty if the target was healthy."""
        return str(self.record.get("phase") or "")

    @property
    def failed(self) -> bool:
        """Whether the alarms on connects count it."""
        return self.record.get("healthy") is False and self.failure not in NOT_A_FAILED_CONNECT

    def number(self, key: str) -> float | None:
        """Return a number of the record, if it has it."""
        value = self.record.get(key)
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            return None
        return float(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetState:
    """A target's latest attempt, its latest failed one, and how long it has failed without a success between."""

    latest: Attempt
    failed: Attempt | None
    failing_since: float | None
    runs_in_row: int
    earlier_unknown: bool

    @property
    def fails_now(self) -> bool:
        """Whether its latest attempt failed."""
        return self.latest.failed


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryReport:
    """What the canary says of itself: its settings' problems, or how its last run failed."""

    at: float | None = None
    problems: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was read from the logs; `run` is what Lambda says of a run, `missing` says why something was not read."""

    states: Mapping[str, TargetState] = field(default_factory=dict)
    canary: CanaryReport = field(default_factory=CanaryReport)
    last: Line | None = None
    run: str = ""
    missing: tuple[str, ...] = ()


def attempts(lines: Iterable[Line]) -> list[Attempt]:
    """Return the attempts that a log records, oldest first."""
    found = [Attempt(line.at, record) for line in lines if (record := _record(line)).get("message") == ATTEMPT]
    return sorted((each for each in found if isinstance(each.record.get("target"), str)), key=lambda each: each.at)


def _record(line: Line) -> Mapping[str, Any]:
    try:
        value = json.loads(line.message)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, Mapping) else {}


def states(known: Iterable[Attempt]) -> dict[str, TargetState]:
    """Return the state of each target."""
    by_target: dict[str, list[Attempt]] = {}
    for attempt in known:
        by_target.setdefault(attempt.target, []).append(attempt)
    return {target: _state(each) for target, each in by_target.items()}


def _state(history: list[Attempt]) -> TargetState:
    row = 0
    while row < len(history) and history[-1 - row].failed:
        row += 1
    return TargetState(
        latest=history[-1],
        failed=next((each for each in reversed(history) if each.failed), None),
        failing_since=history[-row].at if row else None,
        runs_in_row=row,
        earlier_unknown=row == len(history),
    )


def canary_report(lines: Iterable[Line]) -> CanaryReport:
    """Return the newest thing that the canary or Lambda says of a run that failed."""
    for line in sorted(lines, key=lambda each: each.at, reverse=True):
        record = _record(line)
        if record.get("message") == CANNOT_RUN:
            problems = record.get("problems")
            sentences = problems if isinstance(problems, list) else [problems]
            return CanaryReport(at=line.at, problems=tuple(str(each) for each in sentences))
        if not record and any(mark in line.message for mark in _LAMBDA_ERRORS):
            return CanaryReport(at=line.at, error=line.message)
    return CanaryReport()


def last_word(lines: Iterable[Line]) -> Line | None:
    """Return the newest line that is not an embedded metric, as a sentence where it is a record."""
    for line in sorted(lines, key=lambda each: each.at, reverse=True):
        record = _record(line)
        if "_aws" in record:
            continue
        if record.get("message") == ATTEMPT:
            outcome = "healthy" if record.get("healthy") else f"{record.get('failure')} ({record.get('phase')})"
            return Line(line.at, f"target {record.get('target')}: {outcome}")
        return Line(line.at, str(record.get("message", line.message)))
    return None
