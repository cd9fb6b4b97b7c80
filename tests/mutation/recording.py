"""A pytest plugin that records how long each test takes, whether it passes, and which test runs which line.

Every Python process of a sandbox imports `sitecustomize`, which measures coverage and follows the name of the current
test in a file. Lines that the fixture of a module or a directory runs belong to all of its tests.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import coverage
import pytest

from tests.mutation import server_recording

RECORDED: Final = Path(".mutants")
CURRENT: Final = RECORDED / "current"
TESTS: Final = RECORDED / "tests.json"
DATA: Final = RECORDED / "coverage"
_PLUGINS: Final = ("_pytest", "pytest", "hypothesis", "_hypothesis", "coverage", "anyio", "xdist", "execnet")
LEADER: Final = "MUTANTS_RECORDING"
# What os._exit() ends, as the local AWS does, has no exit handlers.
SITECUSTOMIZE: Final = f"""
import atexit, os, sys, threading, time
sys.path.append({str(Path(coverage.__file__).parents[1])!r})
import coverage
sys.path.pop()
measured = coverage.Coverage(data_file={{data!r}}, data_suffix=True, include={{include!r}}, config_file=False)
measured.set_option("run:disable_warnings", ["no-data-collected", "module-not-measured", "no-ctracer"])
def follow():
    known = ""
    while True:
        with open({{current!r}}) as file:
            name = file.read()
        if name not in ("", known):
            measured.switch_context(name)
            known = name
        time.sleep(0.01)
def save():
    measured.stop()
    measured.save()
def leave(code, end=os._exit):
    save()
    end(code)
os._exit = leave
atexit.register(save)
measured.start()
if not os.environ.pop({LEADER!r}, None):
    threading.Thread(target=follow, daemon=True).start()
"""


def prepare(sandbox: Path) -> None:
    """Let every Python process of a sandbox measure coverage."""
    (sandbox / RECORDED).mkdir()
    (sandbox / CURRENT).write_text("")
    include = [f"{sandbox / folder}/*" for folder in ("function", "infra")]
    text = SITECUSTOMIZE.format(data=str(sandbox / DATA), include=include, current=str(sandbox / CURRENT))
    for folder in (".", "function"):
        (sandbox / folder / "sitecustomize.py").write_text(text)


class Recorder:
    """Names the current test, and keeps each test's time and outcome."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._fixtures: dict[str, float] = {}
        self._passed: set[str] = set()
        self._item = ""

    def _switch(self, name: str) -> None:
        partial = CURRENT.with_suffix(".new")
        partial.write_text(name)
        partial.replace(CURRENT)
        running = coverage.Coverage.current()
        if running is not None:
            running.switch_context(name)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._item = nodeid
        self._switch(nodeid)
        if nodeid.startswith(server_recording.TESTS):
            time.sleep(server_recording.PAUSE_S)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Iterator[None]:
        if fixturedef.scope != "function":
            self._switch(self._item.partition("::")[0] if fixturedef.scope == "module" else fixturedef.baseid)
        result = yield
        self._switch(self._item)
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        times = self._fixtures if report.when == "setup" and report.duration > 1 else self._seconds
        name = report.nodeid.partition("::")[0] if times is self._fixtures else report.nodeid
        times[name] = times.get(name, 0) + report.duration
        if report.when == "call" and report.passed:
            self._passed.add(report.nodeid)
        if report.failed:
            self._passed.discard(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        results = {"seconds": self._seconds, "fixtures": self._fixtures, "passed": sorted(self._passed)}
        TESTS.write_text(json.dumps(results | {"packages": sorted(_packages())}))


def _packages() -> set[str]:
    """Return the installed modules that are loaded, without what pytest itself has to load."""
    installed = str(Path(coverage.__file__).parents[1])
    loaded = {
        name for name, module in sys.modules.items() if (getattr(module, "__file__", None) or "").startswith(installed)
    }
    return {name for name in loaded if not name.startswith(_PLUGINS)}


if __name__ == "__main__":
    os._exit(pytest.main(sys.argv[1:], plugins=[Recorder()]))
