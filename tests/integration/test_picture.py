"""README's picture is drawn from what the command line really prints to a terminal."""

from pathlib import Path
from xml.etree import ElementTree as ET

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
