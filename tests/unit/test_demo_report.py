"""The text output of `make run`."""

from datetime import UTC, datetime
from typing import Any

import pytest

from infra.local.demo.report import WIDTH, outcome_lines, run_lines, shorten, table, wrap
from infra.local.demo.run_log import Run

HEALTHY: dict[str, Any] = {
    "target": "unsigned",
    "auth_mode": "custom-unsigned",
    "healthy": True,
    "connect_ms": 40.0,
    "phases_ms": {"dns": 6.0, "tcp": 1.0, "tls": 9.0, "upgrade": 10.0, "connack": 14.0},
}
REFUSED = HEALTHY | {"connect_ms": None, "failure": "NotAuthorized", "reason": "CONNACK 135"}
FAILED = REFUSED | {
    "healthy": False,
    "phase": "connack",
    "reason": "CONNACK 135\nNot authorized",
    "owner": "IAM team",
    "hint": "Look at the policy " + "y" * 60,
}


def run(*outcomes: dict[str, Any], errors: tuple[str, ...] = ()) -> Run:
    """Return a run that ended at noon."""
    return Run(ended=datetime(2026, 1, 1, 12, tzinfo=UTC), outcomes=outcomes, errors=errors)


def test_healthy_outcome_shows_the_phases_that_count() -> None:
    """A healthy line has the connect time and each phase of at least a tenth of it."""
    (line,) = outcome_lines(HEALTHY)
    assert line.endswith("healthy: 40 ms (dns 6, tls 9, upgrade 10, connack 14)")
    assert len(line) <= WIDTH


def test_expected_refusal_is_healthy() -> None:
    """An expected refusal is shown as healthy, with its failure."""
    (line,) = outcome_lines(REFUSED)
    assert line.endswith("healthy: refused, as expected (NotAuthorized)")


def test_failure_with_reason_owner_and_hint() -> None:
    """A failure has its name and phase, then its reason, owner and hint in wrapped lines."""
    head, *rest = outcome_lines(FAILED)
    assert head.endswith("UNHEALTHY: NotAuthorized in connack")
    assert " ".join(" ".join(rest).split()) == "CONNACK 135 Not authorized. IAM team. Look at the policy " + "y" * 60
    assert all(len(line) <= WIDTH for line in rest)


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (run(HEALTHY), ["12:00:00 run 7 healthy: unsigned 40 ms"]),
        (run(REFUSED), ["12:00:00 run 7 healthy: unsigned refused"]),
        (run(errors=("it broke",)), ["12:00:00 run 7 UNHEALTHY:", "the canary: it broke"]),
    ],
)
def test_run_in_lines(what: Run, expected: list[str]) -> None:
    """A run is one line, followed by its errors."""
    assert run_lines(7, what) == expected


def test_failed_run_explains_its_targets() -> None:
    """A run with a failed target is followed by that target's outcome."""
    first, *rest = run_lines(7, run(HEALTHY, FAILED))
    assert first == "12:00:00 run 7 UNHEALTHY: unsigned 40 ms, unsigned NotAuthorized"
    assert rest == outcome_lines(FAILED)


def test_table_is_aligned() -> None:
    """Columns are as wide as their widest cell."""
    lines = table([("a", "1"), ("longer", "22")], ("name", "n"))
    assert lines == ["  name    n", "  ------  --", "  a       1", "  longer  22"]


def test_everything_fits() -> None:
    """No line is longer than 80 columns."""
    assert len(shorten("x" * 200)) == WIDTH
    assert all(len(line) <= WIDTH for line in wrap("word " * 100))


def test_explanation_is_indented() -> None:
    """Reason and hint stand below the target, four columns further in, on every line."""
    _, *rest = outcome_lines(FAILED)
    assert len(rest) > 1
    assert {len(line) - len(line.lstrip()) for line in rest} == {4}
