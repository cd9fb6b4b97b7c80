"""The log record of an attempt: JSON, with the keys of the return value."""

import io
import itertools
import json
from typing import Any

import pytest
from aws_lambda_powertools import Logger

import connect_canary
from connect_canary.model.failures import Failure
from connect_canary.model.outcome import Outcome
from connect_canary.model.phases import Phase
from connect_canary.reporting.log import append_run_keys, log_outcome, new_logger
from tests.unit.factories import outcome_of

NUMBERS = itertools.count()
FAILED = outcome_of(healthy=False, phase=Phase.TLS, failure=Failure.TLS_FAILED, connect_ms=None, reason='grün \x1b "')


def _logged(outcome: Outcome, request_id: str | None = "6f1e") -> dict[str, Any]:
    written = io.StringIO()
    # Loggers are kept by name, with their stream.
    log = Logger(service=f"test-{next(NUMBERS)}", stream=written, logger_formatter=new_logger().registered_formatter)
    append_run_keys(log, function_request_id=request_id, cold_start=True)
    log_outcome(log, outcome)
    (line,) = written.getvalue().splitlines()
    record: dict[str, Any] = json.loads(line)
    return record


@pytest.mark.parametrize("outcome", [outcome_of(), FAILED], ids=["healthy", "failed"])
def test_record_has_the_keys_and_values_of_the_return_value(outcome: Outcome) -> None:
    """Nulls included, so that a query finds the same columns in every record."""
    record = _logged(outcome)
    assert {key: record.get(key, "missing") for key in outcome.as_dict()} == outcome.as_dict()


def test_record_says_what_it_is() -> None:
    """One message for all, at INFO: a failed target is data, not an error of the canary."""
    record = _logged(FAILED)
    assert (record["message"], record["level"]) == ("connect attempt finished", "INFO")
    assert set(record) - set(FAILED.as_dict()) == {
        *("message", "level", "location", "timestamp", "service"),
        *("function_request_id", "cold_start", "version"),
    }


@pytest.mark.parametrize("request_id", ["6f1e", None])
def test_record_says_which_run_and_version_wrote_it(request_id: str | None) -> None:
    """Lambda's request id under Powertools' name for it, null where nobody knows it."""
    record = _logged(FAILED, request_id)
    assert (record["function_request_id"], record["cold_start"]) == (request_id, True)
    assert record["version"] == connect_canary.__version__
    assert record["request_id"] is None


def test_logger_has_its_own_service_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Regardless of the environment's service name."""
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "other")
    assert new_logger().service == "iot-connect-canary"
