"""Gathers the evidence for a page from the canary's log. What cannot be read is said, not raised."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from pager.attempts import Evidence, Line, TargetState, attempts, canary_report, last_word, states
from pager.kinds import UNEXPECTED_ACCEPT, Kind, Subject
from pager.log_reader import ATTEMPTS, LogReader, pattern_of_targets
from pager.sections import MAX_TARGETS
from pager.text import clean

_PERIODS, _AT_LEAST_S = 6, 600.0
# The latest runs of every target, which is all that a page needs of those that are healthy.
_LATEST_PERIODS, _LATEST_S = 2.5, 150.0
# How far back the runs of a target that fails are counted.
_MAX_COUNTED_S, _MAX_COUNTED_PERIODS = 10_800.0, 24
# What the canary and Lambda write when a run fails; one pattern each, because a pattern has no "or" for phrases.
_ERRORS = ('{ $.level = "ERROR" }', '"Task timed out"', '"Status: timeout"', '"Status: error"', '"[ERROR]"')


def evidence_for(kind: Kind, reader: LogReader, *, began: float, now: float, period_s: float) -> Evidence:
    """Return what the log says about an incident of this kind."""
    recent = max(_PERIODS * period_s, _AT_LEAST_S)
    if kind.subject is Subject.SILENCE:
        return _tolerant(lambda: Evidence(last=last_word(_read(reader, began - recent, ATTEMPTS, *_ERRORS))))
    if kind.subject is Subject.ERRORS:
        return _tolerant(lambda: Evidence(canary=canary_report(_read(reader, min(began, now) - recent, *_ERRORS))))
    if kind.subject is Subject.OTHER:
        return Evidence()
    found = _tolerant(lambda: Evidence(states=_states(reader, now - max(_LATEST_PERIODS * period_s, _LATEST_S))))
    if not kind.of_failures:
        return found
    if not found.missing and not any(_is_about(kind, state) for state in found.states.values()):
        # What fails now and then is older than the latest runs.
        found = _tolerant(lambda: Evidence(states=_states(reader, now - recent)))
    counted = max(min(now - began + recent, _counted_s(period_s)), recent)
    return _tolerant(lambda: _counted(found, reader, now - counted), found)


def latest_of(
    reader: LogReader, targets: Iterable[str], *, since: float, now: float, period_s: float
) -> dict[str, TargetState]:
    """Return the states of all targets that ran lately, and of `targets` also where that was longer ago."""
    known = _states(reader, now - max(_LATEST_PERIODS * period_s, _LATEST_S))
    others = [target for target in targets if target and target not in known]
    if others:
        start = max(since, now - _counted_s(period_s))
        earlier = states(attempts(reader.read(start, pattern_of_targets(others))))
        known |= {target: state for target, state in earlier.items() if target in others}
    return known


def _counted_s(period_s: float) -> float:
    return max(_MAX_COUNTED_S, _MAX_COUNTED_PERIODS * period_s)


def _states(reader: LogReader, start: float) -> dict[str, TargetState]:
    return states(attempts(reader.read(start, ATTEMPTS)))


def _is_about(kind: Kind, state: TargetState) -> bool:
    accepted = state.failed is not None and state.failed.failure == UNEXPECTED_ACCEPT
    return state.failed is not None and accepted is (kind.subject is Subject.SECURITY)


def _counted(found: Evidence, reader: LogReader, start: float) -> Evidence:
    """Return the evidence with the runs in a row of the first targets that fail, counted further back."""
    failing = [target for target, state in found.states.items() if state.fails_now][: 2 * MAX_TARGETS]
    if not failing:
        return found
    known = states(attempts(reader.read(start, pattern_of_targets(failing))))
    return replace(found, states={**found.states, **{t: s for t, s in known.items() if t in failing}})


def _read(reader: LogReader, start: float, *patterns: str) -> Iterable[Line]:
    return [line for pattern in patterns for line in reader.read(start, pattern)]


def _tolerant(read: Callable[[], Evidence], otherwise: Evidence | None = None) -> Evidence:
    known = otherwise or Evidence()
    try:
        return read()
    except Exception as error:  # noqa: BLE001 - the page goes out all the same, and says so
        return replace(known, missing=(*known.missing, f"what the canary's log says ({clean(error, 200)})"))
