"""The process of a sandbox that tries mutants: it has imported what tests need, and forks for every tier of tests.

Reads a JSON line for each mutant and answers with one.
"""

import contextlib
import faulthandler
import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import pytest

from tests.mutation import leftovers
from tests.mutation.selection import PYTEST

_START_S: Final = 60.0
_FAILED: Final = 3
# A watchdog thread of faulthandler ends the process with it.
_TIMED_OUT: Final = 1


class Verdict(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    TIMED_OUT = "timed out"
    SURVIVED = "survived"


class _Selection:
    """A pytest plugin that runs chosen tests in a given order, each in its time, and ends with the first failure."""

    def __init__(self, limits: Mapping[str, float], log: Path) -> None:
        self._limits = limits
        self._log = log

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        order = {test: place for place, test in enumerate(self._limits)}
        # A mutant may rename parametrized tests.
        gone = {test.partition("[")[0] for test in self._limits.keys() - {item.nodeid for item in items}}
        items[:] = [item for item in items if item.nodeid in order or item.nodeid.partition("[")[0] in gone]
        items.sort(key=lambda item: order.get(item.nodeid, len(order)))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        faulthandler.dump_traceback_later(self._limits.get(item.nodeid, _START_S), exit=True)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._end_if_failed(report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._end_if_failed(report)

    def _end_if_failed(self, report: pytest.CollectReport | pytest.TestReport) -> None:
        if report.failed:
            self._log.write_text(f"{report.nodeid}\n{report.longreprtext}")
            os._exit(_FAILED)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, nextitem: pytest.Item | None) -> None:
        if nextitem is None:
            os._exit(0)


def _run_tests(limits: Mapping[str, float], log: Path) -> int:
    """Run tests in this process, and return its exit code if they have not ended it."""
    with Path(os.devnull).open("r+") as nowhere:
        for descriptor in (0, 1, 2):
            os.dup2(nowhere.fileno(), descriptor)
    faulthandler.dump_traceback_later(_START_S, exit=True)
    files = dict.fromkeys(test.partition("::")[0] for test in limits)
    code = pytest.main([*PYTEST, f"--basetemp={log}.tmp", *files], plugins=[_Selection(limits, log)])
    return 0 if code in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED) else _FAILED


def _try(limits: Mapping[str, float], log: Path) -> Verdict:
    log.unlink(missing_ok=True)
    child = os.fork()
    if not child:
        os.setsid()
        code = _FAILED
        try:
            code = _run_tests(limits, log)
        finally:
            os._exit(code)
    try:
        _, status = os.waitpid(child, 0)
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)
        leftovers.end_all(Path.cwd())
    code = os.waitstatus_to_exitcode(status)
    return {0: Verdict.SURVIVED, _TIMED_OUT: Verdict.TIMED_OUT}.get(code, Verdict.KILLED)


def _write(path: Path, content: bytes) -> None:
    """Change a module and forget its byte code, which the change may not outdate."""
    path.write_bytes(content)
    for cached in path.parent.glob(f"__pycache__/{path.stem}.*"):
        cached.unlink()


def _answer(job: Mapping[str, Any]) -> dict[str, Any]:
    path, log, began = Path(job["path"]), Path(".tried").resolve(), time.monotonic()
    original, verdict = path.read_bytes(), Verdict.SURVIVED
    try:
        _write(path, job["text"].encode())
        for limits in job["tiers"]:
            if limits and verdict is Verdict.SURVIVED:
                verdict = _try(limits, log)
    finally:
        _write(path, original)
    output = log.read_text() if verdict is Verdict.KILLED and log.exists() else ""
    return {"verdict": verdict, "seconds": time.monotonic() - began, "said": output}


def main() -> None:
    """Import what is named in the first line, and try the mutants of the others."""
    for module in json.loads(sys.stdin.readline()):
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_answer(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
