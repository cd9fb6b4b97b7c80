"""Runs that Lambda tells of itself: the canary's on-failure destination is the alarms' topic. Pure functions.

The pager keeps them in its own log, for the pages of the alarms on errors and silence; they are no pages of their own.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pager.attempts import Line
from pager.event import timestamp
from pager.text import clean, moment

RUN_FAILED = "run failed"
# Pattern of CloudWatch Logs for the records of such runs.
PATTERN = f'{{ $.message = "{RUN_FAILED}" }}'
# Why Lambda gives a run up (developer guide, "Capturing records of Lambda asynchronous invocations").
_CONDITIONS = {
    "RetriesExhausted": "it ended with an error",
    "EventAgeExceeded": "Lambda did not begin it in time: the function is throttled",
    "ZeroReservedConcurrency": "Lambda does not begin it: the function's reserved concurrency is 0",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRun:
    """A run that Lambda has given up: when, why, and the error that the function raised."""

    at: float
    condition: str
    error: str = ""

    @property
    def text(self) -> str:
        """What a page says of it."""
        why = _CONDITIONS.get(self.condition, clean(self.condition, 80))
        return f"{moment(self.at)}: {why}" + (f": {self.error}" if self.error else "")


def failed_run(raw: str, now: float) -> FailedRun | None:
    """Return the run that a destination's record is about, or None if the message is none."""
    try:
        body = json.loads(raw)
    except ValueError:
        return None
    context = body.get("requestContext") if isinstance(body, Mapping) else None
    if not isinstance(context, Mapping) or not isinstance(context.get("condition"), str):
        return None
    response = body.get("responsePayload")
    error = response.get("errorMessage") if isinstance(response, Mapping) else None
    return FailedRun(at=timestamp(body.get("timestamp"), now), condition=context["condition"], error=clean(error or ""))


def record_of_run(run: FailedRun) -> str:
    """Return the log record of a run that failed."""
    return json.dumps({"message": RUN_FAILED, "at": run.at, "condition": run.condition, "error": run.error})


def newest_run(lines: Iterable[Line]) -> FailedRun | None:
    """Return the newest of the runs that a log has."""
    runs = [run for line in lines if (run := _run(line))]
    return max(runs, key=lambda run: run.at, default=None)


def _run(line: Line) -> FailedRun | None:
    try:
        record = json.loads(line.message)
        return FailedRun(at=float(record["at"]), condition=str(record["condition"]), error=str(record["error"]))
    except (ValueError, KeyError, TypeError):
        return None
