"""What the alarms promise, by simulation, and the table of it in docs/operations.md."""

from pathlib import Path

import pytest

from tests.template.alarm_situations import SITUATIONS, judged
from tests.template.alarm_table import BLIPS, EVERY, main, rewritten
from tests.template.cloudformation import ROOT
from tests.template.fleet_blips import false_pages_per_day

PAGE = ROOT / "docs" / "operations.md"
OUTAGE_MINUTES = {1: 5, 5: 12, 15: 20, 60: 65}
OUTAGES = ("outage", "outage, all attempts time out", "one ill for days, then a second")
SILENCES = ("dead canary", "throttled", "dead shard of several")

every_schedule = pytest.mark.parametrize("every", EVERY)


def test_page_is_current() -> None:
    """After a change of the alarms, `python -m tests.template.alarm_table --write docs/operations.md` is due."""
    text = PAGE.read_text()
    assert rewritten(text) == text


@every_schedule
@pytest.mark.parametrize("name", [situation.name for situation in SITUATIONS])
def test_no_page_is_missed_or_false(name: str, every: int) -> None:
    """What must page pages, by its own alarm alone; a new stack, a deployment and a blip do not."""
    result = judged(name, every)
    assert (result.missed, result.false) == (0, 0)


@every_schedule
@pytest.mark.parametrize("name", OUTAGES)
def test_outage_in_time(name: str, every: int) -> None:
    """An outage pages within 5, 12, 20 and 65 minutes, also that of a second target and one that times out."""
    minutes = judged(name, every).to_page
    assert minutes is not None
    assert minutes <= OUTAGE_MINUTES[every]


@every_schedule
@pytest.mark.parametrize("name", SILENCES)
def test_silence_in_time(name: str, every: int) -> None:
    """Silence pages within two missed runs and three minutes of the first run that was due."""
    minutes = judged(name, every).to_page
    assert minutes is not None
    assert minutes <= 2 * every + 3


@every_schedule
@pytest.mark.parametrize("name", [situation.name for situation in SITUATIONS if situation.page])
def test_incident_is_one_page(name: str, every: int) -> None:
    """Each situation is told once an hour at most: a flapping target too, and a broken setting by one alarm."""
    result = judged(name, every)
    assert result.pages == 1 or result.pages <= result.hours


@every_schedule
def test_blips_of_a_fleet(every: int) -> None:
    """A hundred targets of which 0.1 % of single attempts fail make at most 0.1 false pages a day."""
    ((share, days), _) = BLIPS
    assert share == 0.001
    assert false_pages_per_day(every, share, days) <= 0.1


def test_command_writes_between_the_markers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The rest of the file stays; a file without markers is refused."""
    page = tmp_path / "page.md"
    page.write_text(f"before\n{PAGE.read_text().partition('<!-- alarms')[1]}")
    assert main(["--write", str(page)]) == 2
    assert "has no lines" in capsys.readouterr().err
    assert main(["--write", str(tmp_path / "none.md")]) == 2
