"""Incidents: changes of state are joined, so that an alarm that flaps is one incident, told once."""

import pytest

from pager.event import ALARM, OK
from pager.incidents import Incident, Transition, began, incidents
from pager.notices import Event, Rules, Told, decide

MINUTE, HOUR = 60.0, 3600.0
SETTLE = 15 * MINUTE


def changes(*minutes: float, target: str = "prod") -> list[Transition]:
    """Return changes at these minutes: to ALARM, to OK, to ALARM, and so on."""
    return [
        Transition(at=at * MINUTE, target=target, state=OK if number % 2 else ALARM)
        for number, at in enumerate(minutes)
    ]


def incident(*minutes: float) -> Incident:
    """Return the incident of one target that these changes make."""
    return incidents(changes(*minutes), SETTLE)["prod"]


@pytest.mark.parametrize(
    ("minutes", "began", "count", "healthy_since"),
    [
        ((5,), 5, 1, None),
        ((5, 9), 5, 1, 9),
        ((5, 9, 12), 5, 2, None),
        ((5, 9, 12, 14), 5, 2, 14),
        # After it was healthy for long enough, the next one is another.
        ((5, 9, 24), 24, 1, None),
        ((5, 9, 23.9), 5, 2, None),
        # One that came back must stay healthy for twice as long.
        ((5, 9, 12, 14, 40), 5, 3, None),
        ((5, 9, 12, 14, 45), 45, 1, None),
    ],
)
def test_changes_are_joined(minutes: tuple[float, ...], began: float, count: int, healthy_since: float | None) -> None:
    """Until it has been healthy for long enough, what comes back is the same incident."""
    found = incident(*minutes)
    assert (found.began, found.count) == (began * MINUTE, count)
    assert found.healthy_since == (None if healthy_since is None else healthy_since * MINUTE)


def test_incident_is_over_when_it_has_settled() -> None:
    """Not before, and never while it is in ALARM."""
    ended = incident(5, 9)
    assert not ended.is_over(9 * MINUTE + SETTLE - 1)
    assert ended.is_over(9 * MINUTE + SETTLE)
    assert not incident(5).is_over(1e9)
    assert ended.lasted_s == 4 * MINUTE


def test_settling_time_has_a_limit() -> None:
    """However often it came back, it settles after four times as long at most."""
    often = [each for minute in range(0, 60, 4) for each in (minute, minute + 2)]
    assert incident(*often).settles_after_s == 4 * SETTLE


def test_targets_have_incidents_of_their_own() -> None:
    """One that recovers leaves the others' alone."""
    known = incidents([*changes(5, 9, target="a"), *changes(6, target="b")], SETTLE)
    assert known["a"].healthy_since == 9 * MINUTE
    assert known["b"].in_alarm


def test_end_of_the_alarm_ends_its_targets() -> None:
    """A target whose series vanished is not ill for ever; the alarm's own ALARM adds no incident."""
    own = changes(5, 20, target="")
    known = incidents([*changes(5, target="a"), *changes(6, target="b"), *own], SETTLE)
    assert known.keys() == {"a", "b"}
    assert {each.healthy_since for each in known.values()} == {20 * MINUTE}


def test_alarm_without_targets() -> None:
    """An alarm that has one state is its own incident."""
    assert incidents(changes(5, target=""), SETTLE).keys() == {""}


def test_nothing_but_recoveries() -> None:
    """A history that begins with a recovery, as a new stack's does, has no incident."""
    assert incidents([Transition(at=0.0, target="", state=OK)], SETTLE) == {}


def test_beginning_of_several_incidents() -> None:
    """The first one's; without any it is what is known otherwise."""
    known = {"a": incident(7), "b": incident(5, 9)}
    assert began(known, 1.0) == 5 * MINUTE
    assert began({}, 1.0) == 1.0


def _pages(transitions: list[Transition], hours: float) -> list[Told]:
    """Return the pages of an alarm's messages and of a tick every five minutes."""
    told: list[Told] = []
    moments = {each.at + 8: False for each in transitions} | {tick * 300.0: True for tick in range(int(hours * 12))}
    for now, tick in sorted(moments.items()):
        known = incidents([each for each in transitions if each.at <= now], SETTLE)
        due = decide("alarm", known, told, now, Rules(remind_s=4 * HOUR, tick=tick))
        told += [Told(at=now, alarm="alarm", event=notice.event, targets=notice.targets) for notice in due]
    return told


@pytest.mark.parametrize("every", [4, 6, 10, 20, 30, 45])
def test_flapping_is_told_at_most_once_an_hour(every: int) -> None:
    """However fast it flaps, twelve hours have at most twelve pages of a new failure, and at least one."""
    flaps = [each for start in range(0, 12 * 60, every) for each in (start, start + every / 2)]
    opened = [page for page in _pages(changes(*flaps), 12) if page.event is Event.OPENED]
    assert 1 <= len(opened) <= 12


def test_one_outage_is_told_with_its_end() -> None:
    """An outage of half an hour: told at once, and its end after it has settled."""
    pages = _pages(changes(10, 40), 2)
    assert [page.event for page in pages] == [Event.OPENED, Event.RECOVERED]
    assert pages[0].at == 10 * MINUTE + 8
    assert 40 * MINUTE + SETTLE <= pages[1].at <= 40 * MINUTE + SETTLE + 300


def test_outage_of_days_is_reminded() -> None:
    """What lasts is told again every four hours."""
    events = [page.event for page in _pages(changes(10), 24)]
    assert events == [Event.OPENED, *[Event.REMINDER] * 5]


def test_second_target_is_told_while_the_first_is_ill() -> None:
    """A target that is ill for days hides no other, nor its recovery."""
    both = [*changes(10, target="a"), *changes(600, 660, target="b")]
    pages = [(page.event, page.targets) for page in _pages(both, 20) if page.event is not Event.REMINDER]
    assert pages == [(Event.OPENED, ("a",)), (Event.MORE, ("b",)), (Event.RECOVERED, ("b",))]


def test_wave_of_failures_is_few_pages() -> None:
    """Fifty targets that fail one minute after the other are three pages at once, and then one a tick."""
    wave = [each for minute in range(50) for each in changes(minute, target=f"t{minute:02}")]
    pages = _pages(wave, 2)
    told = [target for page in pages for target in page.targets if page.event is not Event.REMINDER]
    assert sorted(told) == sorted({each.target for each in wave})
    assert 4 <= len(pages) <= 3 + 50 / 5 + 1
