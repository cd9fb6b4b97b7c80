"""The Lambda handler. It only wires."""

import gc
import os
import time
from typing import Any

# Nothing that imports make is garbage, so it is never looked for: a part of each cold start (docs/decisions.md).
gc.disable()

from connect_canary.config.problems import SettingsError, bounded  # noqa: E402
from connect_canary.reporting.log import append_run_keys, log_settings_problems, new_logger  # noqa: E402
from connect_canary.run import run_event  # noqa: E402

gc.freeze()
gc.enable()

logger = new_logger()
_cold_start = True


def lambda_handler(event: object, context: Any) -> dict[str, object]:  # noqa: ANN401 - Lambda's own
    """Run the targets that `event` selects and return their outcomes; raise SettingsError."""
    global _cold_start
    cold_start, _cold_start = _cold_start, False
    append_run_keys(logger, function_request_id=getattr(context, "aws_request_id", None), cold_start=cold_start)
    deadline = time.monotonic() + context.get_remaining_time_in_millis() / 1000
    try:
        return run_event(
            {} if event is None else event, os.environ, deadline=deadline, cold_start=cold_start, log=logger
        )
    except SettingsError as error:
        log_settings_problems(logger, bounded(error.problems))
        raise
