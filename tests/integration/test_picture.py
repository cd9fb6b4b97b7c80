"""The pictures are drawn from what the command line really prints."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.faulty import report_picture
from tests.faulty.picture import draw


def test_picture_of_a_healthy_and_a_failed_run(tmp_path: Path) -> None:
    """Both runs are in it, with the waterfall and in colour."""
    picture = tmp_path / "picture.svg"
    text = draw(picture, scenarios=("healthy", "http-403"))
    assert text.count("$ connect-canary connect --endpoint localhost:") == 2
    assert "connected in" in text
    assert "UpgradeForbidden in phase upgrade" in text
    assert "\u2588" in text
    svg = picture.read_text()
    words = "".join(ET.fromstring(svg).itertext()).replace("\xa0", " ")  # noqa: S314 - made by ourselves
    assert "UpgradeForbidden in phase upgrade" in words
    # One colour for the healthy run's bars, one for the phase that failed.
    assert len({line for line in svg.splitlines() if "fill: #" in line}) > 3


def test_picture_of_targets_that_fail_and_recover(tmp_path: Path) -> None:
    """Every target of the plan has its runs in the plan's order, and the strip shows what failed in which of them."""
    plan = {"well": [(3, "healthy")], "ill": [(2, "healthy"), (1, "http-403")]}
    runs = [json.loads(line) for line in report_picture.draw(tmp_path, plan).splitlines()]
    assert [[target["failure"] for target in run["targets"]] for run in runs] == [
        *([None, None], [None, None], [None, "UpgradeForbidden"]),
    ]
    titles = [title.text for title in ET.parse(tmp_path / "status.svg").iter("{http://www.w3.org/2000/svg}title")]  # noqa: S314
    assert titles[:2] == ["ill", titles[1]]
    assert str(titles[1]).startswith("ill, run 3: UpgradeForbidden in phase upgrade; HTTP 403")
