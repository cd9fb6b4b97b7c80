"""Log records: JSON, one per line, through Powertools Logger."""

from collections.abc import Sequence
from typing import Any

from aws_lambda_powertools import Logger

import connect_canary
from connect_canary.model.outcome import Outcome

SERVICE = "iot-connect-canary"


class _JsonNull:
    """Stands for null: Powertools leaves keys out whose value is None, and a record has the same keys every time."""


_NULL = _JsonNull()


def new_logger() -> Logger:
    """Return the canary's logger."""
    return Logger(service=SERVICE, json_default=_json_default)


def append_run_keys(log: Logger, *, function_request_id: str | None, cold_start: bool) -> None:
    """Append to every record of `log` from now on which invocation of which version wrote it."""
    log.append_keys(
        function_request_id=function_request_id or _NULL, cold_start=cold_start, version=connect_canary.__version__
    )


def log_outcome(log: Logger, outcome: Outcome) -> None:
    """Write the record of one target's attempt."""
    _log_keys(log, "connect attempt finished", outcome)


def log_unconfirmed(log: Logger, outcome: Outcome) -> None:
    """Write the record of a failed attempt that does not count yet: another message, so that no query counts it."""
    _log_keys(log, "connect attempt to be confirmed", outcome)


def log_settings_problems(log: Logger, problems: Sequence[str]) -> None:
    """Write the record of a run that settings have stopped."""
    log.error("the canary cannot run as it is set", problems=list(problems))


def log_heartbeat_failure(log: Logger, reason: str) -> None:
    """Write the record of a heartbeat that failed: a warning, because the run itself was completed."""
    log.warning("heartbeat failed", reason=reason)


def _log_keys(log: Logger, message: str, outcome: Outcome) -> None:
    keys: dict[str, Any] = {key: _NULL if value is None else value for key, value in outcome.as_dict().items()}
    log.info(message, **keys)


def _json_default(value: Any) -> str | None:  # noqa: ANN401 - whatever json cannot write
    return None if value is _NULL else str(value)
