"""In CI no test may skip, except for a reason that is allowed here: a skipped test proves nothing.

Elsewhere a test skips where the machine lacks what it needs, and pytest's summary says so.
"""

import os
import sys
from collections.abc import Generator, Mapping

import pytest

# The beginning of a skip's reason, and why nothing is lost by it in CI.
ALLOWED_IN_CI: Mapping[str, str] = {}
# The same for the jobs of other systems, which run the unit tier.
ALLOWED_OUTSIDE_LINUX: Mapping[str, str] = {
    "this system offers no TCP_": "the jobs on Linux try it",
    "this system lets this user attach no socket filter": "the jobs on Linux try it",
}


def forbidden(reason: str) -> bool:
    """Return whether a test that skips for `reason` fails, which it does in CI unless the reason is allowed."""
    allowed = [*ALLOWED_IN_CI, *(ALLOWED_OUTSIDE_LINUX if sys.platform != "linux" else ())]
    return os.environ.get("CI") == "true" and not reason.startswith(tuple(allowed))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a forbidden skip of a test into a failure."""
    report = yield
    if not hasattr(report, "wasxfail"):
        _fail_if_forbidden(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn a forbidden skip of a whole module into a failure."""
    report = yield
    _fail_if_forbidden(report)
    return report


def _fail_if_forbidden(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and isinstance(report.longrepr, tuple):
        path, line, reason = report.longrepr
        reason = reason.removeprefix("Skipped: ")
        if forbidden(reason):
            report.outcome = "failed"
            report.longrepr = f"{path}:{line}: skipped in CI, where it may not: {reason}"
