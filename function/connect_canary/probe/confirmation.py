"""Confirmation: a failed connect is tried once more, and counts only if that fails too."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from connect_canary.config.planned_target import PlannedTarget
from connect_canary.model.failures import Failure
from connect_canary.model.outcome import Outcome
from connect_canary.model.target import Target
from connect_canary.probe.attempt_state import MIN_REMAINING_S
from connect_canary.probe.client_ids import CLIENT_ID_INTERVAL_S

# One that lets a refused client in is a security signal, to be neither delayed nor hidden; without time, none can be
# tried again. A connection that is lost after its CONNACK is no failed connect.
COUNTS_AT_ONCE = frozenset({Failure.UNEXPECTED_ACCEPT, Failure.DEADLINE_EXCEEDED, Failure.DISCONNECT_FAILED})

# Makes one attempt, and returns its outcome and the target with the secrets that were tried last.
Attempt = Callable[[PlannedTarget], Awaitable[tuple[Outcome, PlannedTarget]]]


async def attempt_confirmed(
    planned: PlannedTarget,
    attempt: Attempt,
    *,
    run_deadline: float,
    on_unconfirmed: Callable[[Outcome], None],
) -> Outcome:
    """Return the outcome of one target in a run; `on_unconfirmed` is called with a failure before it is confirmed.

    The failure counts at once if no time remains to confirm it.
    """
    first, planned = await attempt(planned)
    wait_s = _wait_s(planned.target)
    if not _needs_confirmation(planned.target, first) or run_deadline - time.monotonic() < wait_s + MIN_REMAINING_S:
        return first
    on_unconfirmed(first)
    await asyncio.sleep(wait_s)
    second, _ = await attempt(planned)
    out_of_time = run_deadline - time.monotonic() < MIN_REMAINING_S
    if out_of_time and not second.success and second.failure is not Failure.UNEXPECTED_ACCEPT:
        return first  # the end of the run is no evidence against the endpoint
    refreshed = first.secrets_refreshed or second.secrets_refreshed
    return replace(second, confirmed=not second.healthy, secrets_refreshed=refreshed)


def _needs_confirmation(target: Target, outcome: Outcome) -> bool:
    failed = outcome.failure is not None and outcome.failure not in COUNTS_AT_ONCE
    return failed and target.confirm_after_seconds > 0


def _wait_s(target: Target) -> float:
    return max(target.confirm_after_seconds, CLIENT_ID_INTERVAL_S if target.client_id else 0.0)
