"""docs/runbook.md has a section for each alarm, with every step and a command to begin with."""

import re

import pytest

from tests.template.cloudformation import canary
from tests.template.deployed_alarms import ALARM
from tests.template.pages import Page, names

PAGE = Page("docs/runbook.md")
ALARMS = sorted(canary(LatencyThresholdMilliseconds="500").of_type(ALARM))
STEPS = ["Confirm", "Scope", "Contain", "Mend", "Mended when"]
every_alarm = pytest.mark.parametrize("alarm", ALARMS)


@every_alarm
def test_alarm_has_every_step(alarm: str) -> None:
    """A section says how to confirm, scope, contain and mend, and what shows that it is mended, in this order."""
    assert re.findall(r"^- \*\*([\w ]+)\*\*", PAGE.section(f"### {alarm}"), re.MULTILINE) == STEPS


@every_alarm
def test_confirmation_is_a_command(alarm: str) -> None:
    """The first step can be pasted into a shell."""
    (step,) = re.findall(r"^- \*\*Confirm\*\*: (.+(?:\n  .+)*)", PAGE.section(f"### {alarm}"), re.MULTILINE)
    assert any(re.match(r"make |aws |openssl |\.venv", code) for code in names(step))


def test_alarms_come_first() -> None:
    """Who was paged finds the alarm's section before those of the failures."""
    headings = re.findall(r"^### (\w+)$", PAGE.text, re.MULTILINE)
    assert {heading for heading in headings[: len(ALARMS) + 1] if heading.endswith("Alarm")} >= set(ALARMS)
