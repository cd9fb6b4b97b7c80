"""The live screen of `make run` at 80 columns, and the view that it shows."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from infra.local.demo.pages import Page
from infra.local.demo.run_log import Run
from infra.local.demo.screen import FAILED, HEALTHY, MISSING, screen
from infra.local.demo.view import Alarm, Metrics, View

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NAMES = ("unsigned", "role", "a-target-with-a-very-long-name")


def run(ended: datetime, *ill: str, errors: tuple[str, ...] = (), expect: str = "connect") -> Run:
    """Return a run of all targets, of which some are ill."""
    outcomes = tuple(_outcome(name, healthy=name not in ill, expect=expect) for name in NAMES)
    return Run(ended=ended, outcomes=() if errors else outcomes, errors=errors)


def _outcome(name: str, *, healthy: bool, expect: str) -> dict[str, Any]:
    failure = {"failure": "UpgradeRefused", "phase": "upgrade"} if not healthy else {}
    return {"target": name, "healthy": healthy, "expect": expect, **failure}


def view_of(*runs: Run, now: datetime | None = None, speed: float = 1.0) -> View:
    """Return a view of runs."""
    view = View(speed=speed, endpoint="localhost:40681")
    for each in runs:
        view.add_run(each)
    view.now = now or view.last_run or NOON
    return view


def drawn(view: View) -> list[str]:
    """Return the screen's lines at 80 columns."""
    console = Console(file=StringIO(), width=80, height=50, force_terminal=False)
    console.print(screen(view))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines()


def row(view: View, name: str) -> str:
    """Return the row of a target."""
    return next(line for line in drawn(view) if line.startswith(name)).rstrip()


def test_strip_has_a_cell_for_each_run() -> None:
    """Healthy, failed and missing runs have shapes of their own, oldest first."""
    view = view_of(run(NOON), run(NOON + MINUTE, "role"), run(NOON + 4 * MINUTE), now=NOON + 6 * MINUTE)
    assert row(view, "role").split()[1] == HEALTHY + FAILED + MISSING * 2 + HEALTHY + MISSING
    assert row(view, "unsigned").split()[1] == HEALTHY * 2 + MISSING * 2 + HEALTHY + MISSING
    assert row(view, "role").endswith("silent")


def test_strip_has_the_newest_runs_only() -> None:
    """A long history ends with the newest run, in a screen as wide as before."""
    runs = [run(NOON + number * MINUTE) for number in range(300)]
    view = view_of(*runs, run(NOON + 300 * MINUTE, "role"))
    assert row(view, "role").split()[1] == HEALTHY * 19 + FAILED
    assert "run 301" in drawn(view)[0]


@pytest.mark.parametrize(("seconds", "missed"), [(60, 0), (89, 0), (91, 1), (149, 1), (151, 2), (600, 9)])
def test_missed_runs(seconds: int, missed: int) -> None:
    """A run counts as missed half a period after it was due."""
    assert view_of(run(NOON)).missed_at(NOON + timedelta(seconds=seconds)) == missed
    assert view_of(run(NOON), speed=12.0).missed_at(NOON + timedelta(seconds=seconds / 12)) == missed


def test_nothing_is_missed_before_the_first_run() -> None:
    """There is no time from which to count."""
    assert view_of().missed_at(NOON) == 0


def test_states_in_words() -> None:
    """A target's newest outcome is said in words too."""
    assert row(view_of(run(NOON, "role")), "role").endswith("UpgradeRefused (upgrade)")
    assert row(view_of(run(NOON)), "role").endswith("connects")
    assert row(view_of(run(NOON, expect="refuse")), "role").endswith("refused, as expected")


def test_everything_fits_into_80_columns() -> None:
    """Long names, states and pages are cut, and what matters is there."""
    view = view_of(run(NOON, *NAMES), run(NOON + MINUTE, errors=("the canary cannot run " + "y" * 100,)))
    view.targets["role"].metrics = Metrics(runs=999, healthy=998, latency_ms=2600.4)
    view.days_left = 824.6
    view.set_alarms([Alarm(name="NotificationsFailingAlarm", state="INSUFFICIENT_DATA", since=NOON)])
    text = "\n".join(["1 of 5 targets cannot be connected to, " + "x" * 100, *map(str, range(40))])
    view.pages = [Page(subject=f"ALARM number {number} " + "z" * 100, text=text, received=NOON) for number in range(9)]
    lines = drawn(view)
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 40
    shown = "\n".join(lines)
    for part in (
        "998/999",
        "2600 ms",
        "UpgradeRefused (upgrade)",
        "in 825 days",
        "insufficient data",
        "the canary: the canary cannot run",
    ):
        assert part in shown
    assert "ALARM number 8" in shown
    assert "ALARM number 4" not in shown
    assert "  1 of 5 targets cannot be connected to" in shown


def test_page_that_has_not_come() -> None:
    """Before the first page there is a line that says so."""
    assert "Nothing yet." in drawn(view_of(run(NOON)))


def test_changed_alarms() -> None:
    """Only a state that was known and is another now is a change."""
    view = view_of()
    ok, alarm = (Alarm(name="A", state=state, since=NOON) for state in ("OK", "ALARM"))
    assert view.set_alarms([ok]) == []
    assert view.set_alarms([ok]) == []
    assert view.set_alarms([alarm]) == [(alarm, "OK")]
    assert view.alarms == (alarm,)
