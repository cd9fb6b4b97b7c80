"""The pager knows the canary by its log only: what it reads there is what the canary writes."""

import io
import itertools
import json

import pytest
from aws_lambda_powertools import Logger

from connect_canary.model.failures import Evidence, Failure
from connect_canary.model.hints import hint
from connect_canary.model.outcome import Outcome
from connect_canary.model.owners import Owner, owner
from connect_canary.model.target import AuthMode
from connect_canary.reporting.log import log_outcome, new_logger
from pager import kinds
from pager.attempts import KEYS, Line, attempts, canary_report, states
from pager.sections import hint_of
from tests.unit.factories import outcome_of
from tests.unit.handler_process import invoke

NUMBERS = itertools.count()


def _written(outcome: Outcome) -> Line:
    """Return the line that the canary writes of an outcome."""
    out = io.StringIO()
    # Loggers are kept by name, with their stream.
    log = Logger(service=f"pager-{next(NUMBERS)}", stream=out, logger_formatter=new_logger().registered_formatter)
    log_outcome(log, outcome)
    return Line(0.0, out.getvalue().strip())


def test_record_is_read() -> None:
    """A record that the canary writes is an attempt, with every key that a page shows."""
    (attempt,) = attempts([_written(outcome_of(healthy=False, failure=Failure.NOT_AUTHORIZED))])
    assert attempt.failed
    assert attempt.failure == "NotAuthorized"
    assert attempt.record.keys() >= set(KEYS)


def test_healthy_record_is_read() -> None:
    """A healthy one too, though its keys are null."""
    (attempt,) = attempts([_written(outcome_of(healthy=True))])
    assert (attempt.failed, attempt.failure, attempt.phase) == (False, "", "")


@pytest.mark.parametrize("failure", Failure)
def test_failed_connects_are_those_that_the_alarms_count(failure: Failure) -> None:
    """A page counts a target as failing where ConnectSuccess is 0."""
    outcome = outcome_of(healthy=False, failure=failure)
    (attempt,) = attempts([_written(outcome)])
    assert attempt.failed is not outcome.success


def test_names_are_failures() -> None:
    """The names that the pager treats specially are the canary's."""
    special = {*kinds.OWN_FAULTS, *kinds.NOT_A_FAILED_CONNECT, kinds.UNEXPECTED_ACCEPT}
    assert special <= set(Failure)
    assert {owner(Failure(name), AuthMode.SIGV4, Evidence(phase=None)) for name in kinds.OWN_FAULTS} == {Owner.CANARY}
    unexpected = owner(Failure(kinds.UNEXPECTED_ACCEPT), AuthMode.SIGV4, Evidence(phase=None))
    assert unexpected is Owner.SECURITY


@pytest.mark.parametrize("failure", Failure)
def test_hint_without_the_runbooks_place(failure: Failure) -> None:
    """A page has the hint's advice and a link of its own, not the path in the repository."""
    text = hint(failure, AuthMode.SIGV4, Evidence(phase=None))
    line = _written(outcome_of(healthy=False, failure=failure, hint=text))
    (state,) = states(attempts([line])).values()
    assert hint_of(state) == text.partition(" (docs/")[0]


def test_problems_of_settings_are_read() -> None:
    """The record that the handler writes of settings that it cannot run with has its sentences."""
    settings = {"CANARY_ENDPOINT": "https://host.example", "CANARY_TIMEOUT_SECONDS": "soon", "AWS_REGION": "eu-west-1"}
    (record,) = invoke(settings).records
    assert canary_report([Line(1.0, json.dumps(record))]).problems == tuple(record["problems"])
    assert len(record["problems"]) == 2


@pytest.mark.parametrize(
    "message",
    [
        "2026-11-24T11:00:00.000Z 1f2e Task timed out after 50.00 seconds",
        "REPORT RequestId: 1f2e\tDuration: 50000.00 ms\tStatus: timeout",
        "REPORT RequestId: 1f2e\tDuration: 12.00 ms\tStatus: error\tError Type: Runtime.OutOfMemory",
        "[ERROR] ValueError: x\nTraceback (most recent call last):",
    ],
)
def test_what_lambda_says_is_read(message: str) -> None:
    """How Lambda reports a run that did not end by itself (developer guide, "Log and report")."""
    lines = [Line(1.0, message), Line(0.5, "[ERROR] older"), _written(outcome_of(healthy=True)), Line(2.0, "START x")]
    assert canary_report(lines).error == message
