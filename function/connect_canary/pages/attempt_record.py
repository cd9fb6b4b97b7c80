"""What a page shows of one attempt, read from the return value or from a log record."""

import math
from collections.abc import Mapping
from dataclasses import field

from connect_canary.model.frozen import frozen
from connect_canary.model.phases import Phase


class RecordError(ValueError):
    """A document is no record of an attempt; the message is the rest of a sentence."""


@frozen
class AttemptRecord:
    """One attempt; `at` is seconds since 1970, None where nothing says when it was. Texts are foreign."""

    target: str
    healthy: bool
    at: float | None = None
    endpoint: str | None = None
    expect: str | None = None
    phase: Phase | None = None
    failure: str | None = None
    reason: str | None = None
    owner: str | None = None
    hint: str | None = None
    connect_ms: float | None = None
    phases_ms: Mapping[str, float] = field(default_factory=dict)
    certificate_days_left: float | None = None


def read_record(document: object, *, at: float | None = None) -> AttemptRecord:
    """Return the record in a member of `targets` or in a log record; raise RecordError."""
    if not isinstance(document, dict):
        raise RecordError("is no JSON object")
    target, healthy = document.get("target"), document.get("healthy")
    if not isinstance(target, str) or not isinstance(healthy, bool):
        raise RecordError("has no 'target' with 'healthy' (true or false)")
    return AttemptRecord(
        target=target,
        healthy=healthy,
        at=at,
        phase=_phase(document.get("phase")),
        connect_ms=_number(document.get("connect_ms")),
        phases_ms=_durations(document.get("phases_ms")),
        certificate_days_left=_number(document.get("certificate_days_left")),
        **{key: _text(document.get(key)) for key in ("endpoint", "expect", "failure", "reason", "owner", "hint")},
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _number(value: object) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if known and isinstance(value, int | float) else None


def _phase(value: object) -> Phase | None:
    return Phase(value) if isinstance(value, str) and value in {*Phase} else None


def _durations(value: object) -> Mapping[str, float]:
    """Return the durations of the known phases, in the phases' order."""
    given = value if isinstance(value, dict) else {}
    return {phase: ms for phase in Phase if (ms := _number(given.get(phase))) is not None}
