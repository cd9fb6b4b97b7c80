"""How the suite itself runs: its seed, its workers, its skips and what it resets."""

import functools
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.suite import caches, distribution, skips
from tests.suite.distribution import group_of

pytest_plugins = ("pytester",)

ROOT = Path(__file__).parents[2]
SKIPPING = """
import pytest

def test_skips():
    pytest.skip("no namespaces here")

@pytest.mark.xfail
def test_is_expected_to_fail():
    assert False
"""
SEEDED = """
import random
from pathlib import Path
from hypothesis import given, strategies as st

def note(*values):
    with Path("noted").open("a") as noted:
        print(*values, file=noted)

def test_order_1(): note(1, random.random())
def test_order_2(): note(2, random.random())
def test_order_3(): note(3, random.random())
def test_order_4(): note(4, random.random())

@given(st.integers())
def test_examples(number): note("example", number)
"""
ON_WORKERS = """
import os, pytest
from pathlib import Path

@pytest.mark.parametrize("number", range(4))
def test_on_worker(number):
    with Path("workers").open("a") as noted:
        print(Path(__file__).parent.name, os.environ["PYTEST_XDIST_WORKER"], file=noted)
"""


def _only_named_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the pytest processes of a test load the plugins that they name, and find those of this suite."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


# -- skips ---------------------------------------------------------------------------------------------------------


def _run_skipping(pytester: pytest.Pytester, source: str = SKIPPING) -> pytest.RunResult:
    pytester.makepyfile(source)
    return pytester.runpytest_inprocess("-ra", "-p", "tests.suite.skips", "-p", "no:randomly", "-p", "no:asyncio")


def test_skip_says_so_elsewhere(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is not CI, a test that skips does no harm, and the summary has its reason."""
    monkeypatch.delenv("CI", raising=False)
    result = _run_skipping(pytester)
    result.assert_outcomes(skipped=1, xfailed=1)
    result.stdout.fnmatch_lines(["SKIPPED*no namespaces here"])


def test_skip_fails_in_ci(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """In CI a skip is a failure with its reason; an expected failure stays one."""
    monkeypatch.setenv("CI", "true")
    result = _run_skipping(pytester)
    result.assert_outcomes(failed=1, xfailed=1)
    result.stdout.fnmatch_lines(["*skipped in CI, where it may not: no namespaces here"])
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_skipped_module_fails_in_ci(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """It also applies to a module that skips as a whole."""
    monkeypatch.setenv("CI", "true")
    result = _run_skipping(pytester, "import pytest\npytest.skip('not here', allow_module_level=True)")
    result.assert_outcomes(errors=1)
    assert result.ret == pytest.ExitCode.INTERRUPTED


def test_allowed_skip_in_ci(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reason that the table allows is a skip in CI too."""
    monkeypatch.setenv("CI", "true")
    monkeypatch.setattr(skips, "ALLOWED_IN_CI", {"no namespaces": "a test"})
    _run_skipping(pytester).assert_outcomes(skipped=1, xfailed=1)


@pytest.mark.parametrize(("platform", "outcome"), [("linux", "failed"), ("darwin", "skipped")])
def test_skip_for_want_of_linux(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, platform: str, outcome: str
) -> None:
    """What only Linux has may skip in the jobs of other systems, and nowhere else."""
    monkeypatch.setenv("CI", "true")
    monkeypatch.setattr("tests.suite.skips.sys.platform", platform)
    source = "import pytest\ndef test_it(): pytest.skip('this system offers no TCP_INFO')\n"
    _run_skipping(pytester, source).assert_outcomes(**{outcome: 1})


# -- seed ----------------------------------------------------------------------------------------------------------


def _run_seeded(pytester: pytest.Pytester, *arguments: str) -> tuple[list[str], list[str], pytest.RunResult]:
    """Return the examples of a run, its other tests in their order, and the run."""
    noted = pytester.path / "noted"
    noted.unlink(missing_ok=True)
    pytester.makepyfile(SEEDED)
    result = pytester.runpytest_subprocess(
        *("-p", "pytest_randomly", "-p", "_hypothesis_pytestplugin", "-p", "tests.suite.seeds"), *arguments
    )
    result.assert_outcomes(passed=5)
    lines = noted.read_text().splitlines()
    return [line for line in lines if "example" in line], [line for line in lines if "example" not in line], result


def test_seed_repeats_order_and_examples(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command that a run prints repeats its order, its random numbers and the examples of Hypothesis, in CI too."""
    _only_named_plugins(monkeypatch)
    monkeypatch.setenv("CI", "true")
    examples, order, result = _run_seeded(pytester)
    line = next(line for line in result.outlines if line.startswith("Seed "))
    assert result.outlines.count(line) == 2
    seed = line.split()[1].removesuffix(":")
    assert line == f"Seed {seed}: `make test SEED={seed}` repeats this order and these examples."
    assert _run_seeded(pytester, f"--randomly-seed={seed}")[:2] == (examples, order)
    other_examples, other_order, _ = _run_seeded(pytester, f"--randomly-seed={int(seed) + 1}")
    assert other_examples != examples
    assert other_order != order


# -- workers -------------------------------------------------------------------------------------------------------


def test_groups_are_of_modules_that_exist() -> None:
    """Every prefix of the table matches a module."""
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py")}
    beginnings = [beginning for group in distribution.GROUPS.values() for beginning in group]
    assert [each for each in beginnings if not any(module.startswith(each) for module in modules)] == []


def test_group_of_a_test() -> None:
    """Its module, unless several share what is slow to start."""
    assert group_of("tests/unit/test_plan.py::test_x[a::b]") == "tests/unit/test_plan.py"
    assert (
        group_of("tests/local/test_mqtt.py::test_x") == group_of("tests/local/test_secrets.py::test_y") == "local-aws"
    )
    assert group_of("tests/local/test_alarms.py::test_x") == "local-alarms"


def test_group_stays_on_one_worker(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """The modules that share a local AWS run on one worker, and the others have work at the same time."""
    _only_named_plugins(monkeypatch)
    for module in ("tests/local/test_a.py", "tests/unit/test_b.py", "tests/local/test_c.py", "tests/unit/test_d.py"):
        path = pytester.path / module
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(ON_WORKERS)
    arguments = ("--import-mode=importlib", "-p", "xdist", "-p", "tests.suite.distribution", "--numprocesses=2")
    pytester.runpytest_subprocess(*arguments, "tests").assert_outcomes(passed=16)
    workers = [line.split() for line in (pytester.path / "workers").read_text().splitlines()]
    assert len({worker for directory, worker in workers if directory == "local"}) == 1
    assert len({worker for _, worker in workers}) == 2


# -- caches --------------------------------------------------------------------------------------------------------


def test_caches_of_the_product_are_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a module caches for the life of the process is computed again after a test."""
    module, calls = ModuleType("connect_canary.made_up"), []
    module.cached = functools.cache(lambda: calls.append("called"))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    module.cached()
    caches.clear_caches()
    module.cached()
    assert calls == ["called"] * 2
