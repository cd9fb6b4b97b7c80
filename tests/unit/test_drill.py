"""`make drill`: what it breaks, in which order, what it tells and writes, and its exit codes; nothing is deployed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from infra.local.client.process import LocalAwsError
from infra.local.demo import drill
from infra.local.demo.breaks import BREAKS
from infra.local.demo.drill_report import REPORT_MARKS, DrillResult, Times, live_lines, transcript
from infra.local.demo.pages import Page
from infra.local.demo.view import Alarm, View

if TYPE_CHECKING:
    from infra.local.demo.stage import Stage
    from infra.local.demo.watch import Watch

LATE = [name for name, each in BREAKS.items() if each.recovers_late]
SOON = [name for name, each in BREAKS.items() if not each.recovers_late]
TEXT = """First line.

WHAT TO DO
   https://wiki.example/runbook#notauthorized
   https://wiki.example/page
{long}

LOOK AT
   runbook     https://wiki.example/runbook
"""


def page(subject: str, text: str = "text") -> Page:
    """Return a page."""
    return Page(subject=subject, text=text, received=datetime.now(UTC))


class PlayedDrill:
    """Keeps what is done, and finds each break told and mended at once."""

    def __init__(self) -> None:
        self.did: list[str] = []
        self.problem = ""

    def start(self) -> None:
        """Begin, if there is no problem."""
        if self.problem:
            raise LocalAwsError(self.problem)
        self.did.append("start")

    def act(self, name: str) -> DrillResult:
        """Break one thing."""
        self.did.append(f"break {name}")
        told = Times(alarm_s=6.0, page_s=14.0)
        return DrillResult(name=name, broken=BREAKS[name], page=page(f"ALARM {name}"), told=told)

    def recover(self, result: DrillResult) -> None:
        """Let one thing recover."""
        self.did.append(f"recover {result.name}")
        result.recovery, result.recovered = page(f"OK {result.name}"), Times(alarm_s=3.0, page_s=3.0)


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> PlayedDrill:
    """A drill that deploys nothing."""
    made = PlayedDrill()

    @contextmanager
    def deployed(template: Path, speed: float) -> Iterator[PlayedDrill]:
        made.did.append(f"deploy {template.name} at {speed:g}")
        yield made

    monkeypatch.setattr(drill, "deployed", deployed)
    return made


def test_breaks_in_the_tables_order(played: PlayedDrill, capsys: pytest.CaptureFixture[str]) -> None:
    """Each recovers before the next one, whatever order is asked for."""
    first, second = SOON[:2]
    assert drill.main(["--only", f" {second},, {first}"]) == 0
    assert played.did[1:] == ["start", f"break {first}", f"recover {first}", f"break {second}", f"recover {second}"]
    told = capsys.readouterr().out.splitlines()
    assert told[0] == f"Breaking {first}: {BREAKS[first].what} ..."
    assert told[1] == f"{BREAKS[first].alarm}: told after 14 s, 2.1 min of the schedule's clock"
    assert told[-1] == "2 broken, told, mended, and told again."


def test_what_recovers_late_is_waited_for_at_the_end(played: PlayedDrill) -> None:
    """The drill goes on meanwhile, but not after the last one that was named."""
    late, soon = LATE[0], SOON[-1]
    drill.main(["--only", f"{late},{soon}"])
    assert played.did[2:] == [f"break {late}", f"break {soon}", f"recover {soon}", f"recover {late}"]
    played.did.clear()
    drill.main(["--only", late])
    assert played.did[2:] == [f"break {late}", f"recover {late}"]


def test_everything_by_default(played: PlayedDrill) -> None:
    """Without names everything is broken, and all of it recovers."""
    assert drill.main([]) == 0
    assert played.did[0] == "deploy template.yaml at 20"
    assert [each for each in played.did if each.startswith("break")] == [f"break {name}" for name in BREAKS]
    assert sorted(each for each in played.did if each.startswith("recover")) == sorted(f"recover {n}" for n in BREAKS)


def test_unknown_name(played: PlayedDrill, capsys: pytest.CaptureFixture[str]) -> None:
    """It is an invalid argument, and nothing is deployed."""
    with pytest.raises(SystemExit) as ended:
        drill.main(["--only", "schedule,nonsense"])
    assert (ended.value.code, played.did) == (2, [])
    assert "there is no 'nonsense' to break; there is: " in capsys.readouterr().err


def test_transcript_is_written(played: PlayedDrill, tmp_path: Path) -> None:
    """Between its marks, and what stands around it stays."""
    path = tmp_path / "operations.md"
    path.write_text(f"before\n{REPORT_MARKS[0]}\noutdated\n{REPORT_MARKS[1]}\nafter\n")
    assert drill.main(["--only", SOON[0], "--speed", "30", "--write", str(path)]) == 0
    assert played.did[0] == "deploy template.yaml at 30"
    written = path.read_text()
    assert written.startswith(f"before\n{REPORT_MARKS[0]}\n")
    assert written.endswith(f"{REPORT_MARKS[1]}\nafter\n")
    assert "which let 30 minutes pass in one" in written
    assert "outdated" not in written


def test_drill_that_cannot_go_on(played: PlayedDrill, capsys: pytest.CaptureFixture[str]) -> None:
    """The problem is a sentence, and the exit code says so."""
    played.problem = "no healthy run within 12 minutes."
    assert drill.main([]) == 1
    assert capsys.readouterr().err == "make drill failed: no healthy run within 12 minutes.\n"


class PlayedWatch:
    """Shows a view that changes each time that it is looked at."""

    def __init__(self, *steps: Callable[[View], None]) -> None:
        self.view, self._steps = View(speed=20.0), list(steps)

    def runs(self) -> None:
        """Let the next thing happen, if anything does."""
        if self._steps:
            self._steps.pop(0)(self.view)

    def alarms(self) -> None:
        """Nothing more."""

    def pages(self) -> None:
        """Nothing more."""


def _state(name: str, state: str) -> Callable[[View], None]:
    return lambda view: setattr(view, "alarms", (Alarm(name=name, state=state, since=datetime.now(UTC)),))


def _pages(*subjects: str) -> Callable[[View], None]:
    return lambda view: view.pages.extend(page(subject) for subject in subjects)


def _drill(monkeypatch: pytest.MonkeyPatch, *steps: Callable[[View], None]) -> tuple[drill.Drill, list[str]]:
    did: list[str] = []

    def apply(_stage: Stage) -> dict[str, int]:
        did.append("broken")
        return {"saved": 1}

    broken = replace(BREAKS["schedule"], apply=apply, mend=lambda _stage, saved: did.append(str(saved)))
    monkeypatch.setattr(drill, "BREAKS", {"schedule": broken})
    monkeypatch.setattr(drill, "_POLL_SECONDS", 0.001)
    stage, watch = cast("Stage", object()), cast("Watch", PlayedWatch(*steps))
    return drill.Drill(stage=stage, watch=watch, speed=20.0), did


def test_drill_begins_with_healthy_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits for three of them."""
    running, _ = _drill(monkeypatch, *[lambda view: setattr(view, "runs", view.runs + 1)] * 5)
    running.start()
    assert running.watch.view.runs == 3


def test_one_break_and_its_recovery(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of before, of other alarms and of recoveries are not its page; it is mended once people were told."""
    own, other = "SilentCanaryAlarm", "CanaryErrorsAlarm"
    running, did = _drill(
        monkeypatch,
        _state(other, "ALARM"),
        _state(own, "OK"),
        _state(own, "ALARM"),
        _pages(f"ALARM {other}", f"OK {own}"),
        _pages(f"ALARM {own}"),
        _state(own, "ALARM"),
        _state(own, "OK"),
        _pages(f"ALARM {own} again", f"OK {other}"),
        _pages(f"OK {own} now"),
    )
    _pages(f"ALARM {own} of before")(running.watch.view)
    result = running.act("schedule")
    assert did == ["broken", "{'saved': 1}"]
    assert (result.page.subject, result.pages_then) == (f"ALARM {own}", 4)
    assert 0 <= result.told.alarm_s <= result.told.page_s
    running.recover(result)
    assert result.recovery is not None
    assert result.recovery.subject == f"OK {own} now"
    assert result.recovered is not None
    assert 0 <= result.recovered.alarm_s <= result.recovered.page_s


def test_alarm_that_does_not_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a sentence, after twelve minutes of the schedule's clock and a minute of this one."""
    running, did = _drill(monkeypatch)
    seconds = iter(range(0, 1000, 8))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(seconds)))
    sentence = r"^SilentCanaryAlarm did not ring within 12 minutes of the schedule's clock\.$"
    with pytest.raises(LocalAwsError, match=sentence):
        running.act("schedule")
    assert did == ["broken"]
    assert next(seconds) == 8 + 96 + 8


def _result(**more: Any) -> DrillResult:
    name = SOON[0]
    shown = page("ALARM local: it is broken", TEXT.format(long="x" * 119))
    return DrillResult(name=name, broken=BREAKS[name], page=shown, told=Times(alarm_s=12.0, page_s=30.0), **more)


BODY = [
    "First line.",
    "",
    "WHAT TO DO",
    "   https://...#notauthorized",
    "   https://...",
    "x" * 118,
]


def test_lines_of_a_break_and_of_its_recovery() -> None:
    """Its page until the links, which are short; then only that the recovery was told."""
    result = _result()
    told = f"{result.broken.alarm}: told after 30 s, 4.3 min of the schedule's clock"
    assert live_lines(result, 20.0) == [told, "  Subject: ALARM local: it is broken", *BODY, ""]
    result.recovery, result.recovered = page("OK local"), Times(alarm_s=60.0, page_s=60.0)
    mended = f"{result.name} mended: told after 60 s, 20.0 min of the schedule's clock"
    assert live_lines(result, 20.0) == [mended, "  OK local", ""]


def test_transcript() -> None:
    """A table of all breaks, then each with its page and the subject of its recovery, if that was told."""
    recovered = _result(recovery=page("OK local: again"), recovered=Times(alarm_s=60.0, page_s=60.0))
    name, broken = recovered.name, recovered.broken
    section = ["", f"`make break WHAT={name}`:", "", "```", "Subject: ALARM local: it is broken", "", *BODY]
    assert transcript([recovered, _result()], 20.0, 1.0).splitlines() == [
        "Measured on the local AWS, which let 20 minutes pass in one, with `SettleMinutes=1`.",
        "Times are minutes of the schedule's clock, from the break, or from the mending, until people were told.",
        "",
        "| `WHAT` | What happens | Alarm | Told after | Recovery told after |",
        "|---|---|---|--:|--:|",
        f"| `{name}` | {broken.what} | `{broken.alarm}` | 4.3 min | 20.0 min |",
        f"| `{name}` | {broken.what} | `{broken.alarm}` | 4.3 min | - |",
        *section,
        *("", "Subject: OK local: again", "```"),
        *section,
        "```",
    ]
