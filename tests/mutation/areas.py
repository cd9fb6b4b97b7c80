"""What is mutated, the tests that should notice it, and the share of mutants that they have to find."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """Files that are mutated together, and their tests: each tier runs when the one before has found nothing."""

    name: str
    files: str
    tiers: tuple[tuple[str, ...], ...]
    goals: Mapping[str, float]


AREAS: Final[tuple[Area, ...]] = (
    Area(
        name="function",
        files="function/connect_canary/**/*.py",
        tiers=(("tests/unit",), ("tests/integration",)),
        goals={"function": 92},
    ),
    Area(
        name="template",
        files="template.yaml",
        tiers=(
            ("tests/template", "--ignore=tests/template/test_artifact.py", "--ignore=tests/template/test_tools.py"),
        ),
        goals={"template": 85, "alarms": 95},
    ),
    Area(
        name="local",
        files="infra/local/**/*.py",
        tiers=(("tests/unit",), ("tests/local",)),
        goals={"local": 92},
    ),
)
