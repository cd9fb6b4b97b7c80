"""The table of reporters."""

import time
from collections.abc import Callable

from aws_lambda_powertools import Logger

from connect_canary.model.frozen import frozen
from connect_canary.model.outcome import Outcome
from connect_canary.reporting.heartbeat import TIMEOUT_S, Heartbeat, send_heartbeat
from connect_canary.reporting.log import log_heartbeat_failure, log_outcome, log_unconfirmed
from connect_canary.reporting.metrics import emit_metrics


@frozen
class RunContext:
    """What reporters need beside an outcome; `shard` is that of a run whose event names a targets document."""

    canary: str
    cold_start: bool
    log: Logger
    shard: str | None = None
    heartbeat: Heartbeat | None = None


# Reports one outcome as soon as it is known.
Reporter = Callable[[RunContext, Outcome], None]
# Reports a run that was completed, until a deadline (seconds, `time.monotonic`).
RunReporter = Callable[[RunContext, float], None]


def _report_metrics(context: RunContext, outcome: Outcome) -> None:
    emit_metrics(context.canary, outcome, cold_start=context.cold_start, shard=context.shard)


def _report_log(context: RunContext, outcome: Outcome) -> None:
    log_outcome(context.log, outcome)


def _report_heartbeat(context: RunContext, deadline: float) -> None:
    if context.heartbeat is None:
        return
    failure = send_heartbeat(context.heartbeat, timeout_s=min(TIMEOUT_S, deadline - time.monotonic()))
    if failure is not None:
        log_heartbeat_failure(context.log, failure)


REPORTERS: tuple[Reporter, ...] = (_report_metrics, _report_log)
RUN_REPORTERS: tuple[RunReporter, ...] = (_report_heartbeat,)


def report_unconfirmed(context: RunContext, outcome: Outcome) -> None:
    """Report a failed attempt that does not count yet: in the log, and in no metric."""
    log_unconfirmed(context.log, outcome)


def report(context: RunContext, outcome: Outcome) -> None:
    """Report an outcome in every way of the table."""
    for reporter in REPORTERS:
        reporter(context, outcome)


def report_run(context: RunContext, *, deadline: float) -> None:
    """Report a run that was completed in every way of the table."""
    for reporter in RUN_REPORTERS:
        reporter(context, deadline)
