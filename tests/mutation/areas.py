"""What is mutated, the tests that should notice it, and the share of mutants that they have to find."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tests.mutation import concerned
from tests.mutation.sandbox import ROOT


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """Files that are mutated together, and their tests: each tier runs when the one before has found nothing.

    The tests are measured in so many `shards` at the same time, which helps where they wait more than they compute.
    """

    name: str
    files: str
    tiers: tuple[tuple[str, ...], ...]
    goals: Mapping[str, float]
    shards: int = 1


def _unit_tests_of(package: str, names: str = "test_*.py") -> tuple[str, ...]:
    """Return the unit tests that mention a package; the others would only make the measurement longer."""
    paths = (ROOT / "tests" / "unit").glob(names)
    return tuple(sorted(str(path.relative_to(ROOT)) for path in paths if package in path.read_text()))


_NOT_ABOUT_THE_TEMPLATE: Final = ("samconfig", "pages", "architecture_diagram", "workflow", "readme")

AREAS: Final[tuple[Area, ...]] = (
    Area(
        name="function",
        files="function/connect_canary/**/*.py",
        tiers=(("tests/unit",), ("tests/integration",)),
        goals={"function": 92},
        shards=4,
    ),
    Area(
        name="template",
        files="template.yaml",
        tiers=(
            (
                "tests/template",
                # They look at other files than the template: the tools, the pages, the code, the CI.
                *(f"--ignore=tests/template/test_{name}.py" for name in _NOT_ABOUT_THE_TEMPLATE),
            ),
        ),
        goals={"template": 85, "alarms": 95},
    ),
    Area(
        name="pager",
        files="infra/pager/function/**/*.py",
        tiers=(_unit_tests_of("pager", "test_pager_*.py"), ("tests/template/test_pager.py",)),
        goals={"pager": 92},
    ),
    Area(
        name="local",
        files="infra/local/**/*.py",
        tiers=(_unit_tests_of("from infra.local"), concerned.all_tests()),
        goals={"local": 92},
    ),
)
