"""The reader of a canary's log: every attempt once, the newest first, within pages and time."""

import itertools
import json
import math

import pytest

from connect_canary.pages.log_reader import FILTER_PATTERN, Budget, LogRange, read_log
from tests.unit.fake_log import FakeLog, log_line

HOUR_MS = 3_600_000
START_MS = 1_764_000_000_000
RANGE = LogRange(group="/aws/lambda/canary", start_ms=START_MS, end_ms=START_MS + 3 * HOUR_MS)
NO_LIMIT = Budget(pages=10_000, deadline=math.inf)


def _minutes(count: int = 180, targets: int = 1) -> list[tuple[int, str]]:
    """Return the lines of a run a minute, the first at the very start."""
    lines = [log_line(target=f"t{target}") for target in range(targets)]
    return [(START_MS + minute * 60_000, line) for minute in range(count) for line in lines]


@pytest.mark.parametrize("page_size", [1, 7, 10_000])
def test_every_attempt_once_oldest_first(page_size: int) -> None:
    """Windows and pages neither lose nor repeat an attempt."""
    log = FakeLog(events=_minutes(), page_size=page_size)
    found = read_log(log, RANGE, NO_LIMIT)
    assert [record.at for record in found.records] == [START_MS / 1000 + minute * 60 for minute in range(180)]
    assert found.start_ms == START_MS
    assert {(request["logGroupName"], request["filterPattern"]) for request in log.requests} == {
        ("/aws/lambda/canary", FILTER_PATTERN)
    }


def test_order_of_a_page_is_not_relied_on() -> None:
    """The newest attempt decides whether a target fails now, wherever on a page it stands."""
    events = _minutes()
    found = read_log(FakeLog(events=events[::-1], page_size=7), RANGE, NO_LIMIT)
    assert [record.at for record in found.records] == [at / 1000 for at, _ in events]
    cut = read_log(FakeLog(events=_minutes(targets=9)[::-1], page_size=3), RANGE, Budget(pages=2, deadline=math.inf))
    times = [record.at or 0.0 for record in cut.records]
    assert times == sorted(times)


def test_attempt_at_the_end_is_outside() -> None:
    """The time that is asked for ends before its end, as the next one begins there."""
    events = [(RANGE.end_ms - 1, log_line(target="in")), (RANGE.end_ms, log_line(target="out"))]
    assert [record.target for record in read_log(FakeLog(events=events), RANGE, NO_LIMIT).records] == ["in"]


def test_newest_part_within_the_pages() -> None:
    """A fleet that is too large shows its newest minutes, complete since the moment that is told."""
    log = FakeLog(events=_minutes(targets=100), page_size=100)
    found = read_log(log, RANGE, Budget(pages=30, deadline=math.inf))
    times = {record.at for record in found.records}
    assert START_MS < found.start_ms < RANGE.end_ms
    since = [at / 1000 for at, _ in _minutes() if at >= found.start_ms]
    assert times == set(since)
    assert len(found.records) == 100 * len(since)
    assert len(log.requests) <= 30


def test_newest_part_within_the_time() -> None:
    """The deadline ends it as the pages do."""
    ticks = itertools.count()
    log = FakeLog(events=_minutes(targets=10), page_size=10)
    found = read_log(log, RANGE, Budget(pages=10_000, deadline=12.0), clock=lambda: float(next(ticks)))
    assert 0 < len(found.records) < 1800
    assert len(log.requests) < 30


@pytest.mark.parametrize("budget", [Budget(pages=1, deadline=math.inf), Budget(pages=1000, deadline=0.0)])
def test_budget_that_ends_with_a_window(budget: Budget) -> None:
    """Pages or time: no further window is begun."""
    log = FakeLog(events=_minutes())
    found = read_log(log, RANGE, budget, clock=lambda: 1.0)
    assert found.start_ms == RANGE.end_ms - 300_000
    assert (len(found.records), len(log.requests)) == (5, 1)


def test_first_window_shows_what_there_is() -> None:
    """Where even the newest five minutes are too much, what was read of them is shown."""
    log = FakeLog(events=_minutes(targets=1000), page_size=100)
    found = read_log(log, RANGE, Budget(pages=3, deadline=math.inf))
    assert len(found.records) == 300
    assert found.start_ms == RANGE.end_ms - 300_000


def test_other_lines_are_skipped() -> None:
    """A pattern that lets something else through, or a line that was cut, is no error."""
    lines = ["START RequestId", "{", "null", json.dumps({"message": "connect attempt finished"}), log_line(target="a")]
    events = [(START_MS + number, line) for number, line in enumerate(lines)]
    assert [record.target for record in read_log(FakeLog(events=events), RANGE, NO_LIMIT).records] == ["a"]
