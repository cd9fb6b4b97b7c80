"""What is due to be told, given what was told."""

import pytest

from pager.notices import Event, Rules, Told, decide, leads
from tests.unit.pager_factories import NOW, incident_of

TICK, MESSAGE = Rules(remind_s=3600, tick=True), Rules(remind_s=3600, tick=False)
OLD = incident_of(began=NOW - 7200, last_alarm=NOW - 7200)
OVER = incident_of(began=NOW - 7200, healthy_since=NOW - 1000, settles_after_s=900.0)
SETTLING = incident_of(began=NOW - 7200, healthy_since=NOW - 800, settles_after_s=900.0)


def told(event: Event = Event.OPENED, *, ago_s: float = 100.0, targets: tuple[str, ...] = ("prod",)) -> Told:
    """Return a page that was sent so long ago."""
    return Told(at=NOW - ago_s, alarm="alarm", event=event, targets=targets)


@pytest.mark.parametrize(
    ("known", "before", "rules", "due"),
    [
        (OLD, [], MESSAGE, [Event.OPENED]),
        (OLD, [], TICK, [Event.OPENED]),
        (OLD, [told()], MESSAGE, []),
        (OLD, [told()], TICK, []),
        (OLD, [told(ago_s=3600)], TICK, [Event.REMINDER]),
        (OLD, [told(ago_s=3600)], MESSAGE, []),
        (OLD, [told(ago_s=3600)], Rules(remind_s=0, tick=True), []),
        # The log's clock may be five seconds behind the history's.
        (OLD, [told(ago_s=7205)], TICK, [Event.REMINDER]),
        (OLD, [told(ago_s=7206)], TICK, [Event.OPENED]),
        # What was told of an earlier incident counts for nothing.
        (OLD, [told(ago_s=9000)], TICK, [Event.OPENED]),
        (OLD, [told(ago_s=7000), told(Event.RECOVERED, ago_s=6900)], TICK, [Event.OPENED]),
        (SETTLING, [told(ago_s=7000)], TICK, []),
        (OVER, [told(ago_s=7000)], TICK, [Event.RECOVERED]),
        (OVER, [told(ago_s=7000)], MESSAGE, [Event.RECOVERED]),
        (OVER, [told(ago_s=7000), told(Event.RECOVERED)], TICK, []),
        # Nobody was told that it began, as while it was muted, so nobody is told that it ended.
        (OVER, [], TICK, []),
        # A tick leaves what has just begun to its own message.
        (incident_of(began=NOW - 30), [], TICK, []),
        (incident_of(began=NOW - 89), [], TICK, []),
        (incident_of(began=NOW - 90), [], TICK, [Event.OPENED]),
        # A reminder is of what is in ALARM, not of what may be over soon.
        (incident_of(began=NOW - 7200, healthy_since=NOW - 800, settles_after_s=900.0), [told(ago_s=7000)], TICK, []),
        # Nobody need be told of what has ended already.
        (SETTLING, [], TICK, []),
        (incident_of(began=NOW - 30), [], MESSAGE, [Event.OPENED]),
    ],
)
def test_due(known: object, before: list[Told], rules: Rules, due: list[Event]) -> None:
    """New, recovered and lasting incidents are told once each."""
    assert [notice.event for notice in decide("alarm", {"prod": known}, before, NOW, rules)] == due  # type: ignore[dict-item]


def test_other_alarms_pages_do_not_count() -> None:
    """What was told of one alarm says nothing about another."""
    other = Told(at=NOW - 100, alarm="other", event=Event.OPENED, targets=("prod",))
    (notice,) = decide("alarm", {"prod": OLD}, [other], NOW, MESSAGE)
    assert notice.event is Event.OPENED


def test_more_targets() -> None:
    """The page of a second target names it as new, and has both."""
    known = {"prod": OLD, "other": incident_of("other")}
    (notice,) = decide("alarm", known, [told()], NOW, MESSAGE)
    assert (notice.event, notice.targets, set(notice.incidents)) == (Event.MORE, ("other",), {"prod", "other"})


def test_fourth_page_of_a_wave_waits_for_the_tick() -> None:
    """After three pages in a quarter of an hour the tick collects."""
    known = {"prod": OLD, "other": incident_of("other")}
    pages = [told(ago_s=ago_s) for ago_s in (600, 400, 200)]
    assert decide("alarm", known, pages, NOW, MESSAGE) == []
    for another in (told(Event.RECOVERED, ago_s=600), told(ago_s=900)):
        (at_once,) = decide("alarm", known, [another, *pages[1:]], NOW, MESSAGE)
        assert at_once.targets == ("other",)
    (notice,) = decide("alarm", known, pages, NOW, TICK)
    assert (notice.event, notice.targets) == (Event.MORE, ("other",))


def test_one_invocation_leads() -> None:
    """Of the invocations for targets that fail together, that of the first tells of all."""
    new = {name: incident_of(name, began=NOW - age) for name, age in (("a", 10.0), ("b", 20.0), ("c", 20.0))}
    assert [name for name in ("a", "b", "c") if leads(name, new)] == ["b"]
    assert leads("", new)
