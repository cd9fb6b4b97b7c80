"""README.md is the first screen: short, with real output, and the way to everything else."""

import re
from xml.etree import ElementTree as ET

from connect_canary.model.failures import Failure
from connect_canary.model.phases import Phase
from infra.cost import Workload, bill, total
from tests.template.cloudformation import ROOT
from tests.template.pages import GENERATED, WRITTEN, Page

PAGE = Page("README.md")
MAX_LINES = 150


def test_length() -> None:
    """Everything else stands in docs/."""
    assert len(PAGE.text.splitlines()) <= MAX_LINES


def test_picture_shows_a_healthy_and_a_failed_run() -> None:
    """The picture is real output with every phase of a direct connect; it loads nothing from elsewhere."""
    (picture,) = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", PAGE.text)
    svg = (ROOT / picture).read_text()
    document = ET.fromstring(svg)  # noqa: S314 - a file of this repository
    words = " ".join("".join(document.itertext()).split())
    assert {str(phase) for phase in Phase} - set(words.split()) == {Phase.CREDENTIALS, Phase.PROXY}
    assert "connected in" in words
    assert f"{Failure.UPGRADE_TIMED_OUT} in phase {Phase.UPGRADE}" in words
    assert re.findall(r"(?:href|src|url\()[=\"']*https?:", svg) == []


def test_row_of_faults() -> None:
    """The row that compares the bare SDK is quoted verbatim from docs/faults.md."""
    (row,) = [line for line in PAGE.text.splitlines() if line.startswith("| says ")]
    assert row in Page("docs/faults.md").text.splitlines()


def test_leads_to_every_page() -> None:
    """Each page is linked."""
    assert {name for name in (*WRITTEN, *GENERATED) if not name.startswith(".")} - {PAGE.name} <= set(PAGE.links)


def test_price() -> None:
    """The price is that of the defaults."""
    assert "about two US dollars per month" in " ".join(PAGE.text.split())
    assert round(total(bill(Workload()))) == 2
