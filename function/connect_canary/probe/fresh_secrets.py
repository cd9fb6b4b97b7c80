"""One connect of a planned target; after a refusal, its references are fetched again and tried once more."""

import asyncio
import time
from dataclasses import replace

from connect_canary.config.planned_target import PlannedTarget
from connect_canary.config.problems import SettingsError
from connect_canary.model.failures import is_authentication_refusal
from connect_canary.model.outcome import Outcome
from connect_canary.model.target import Expect, Target
from connect_canary.network.threads import run_in_thread
from connect_canary.probe.attempt import deadline_exceeded_outcome, run_attempt
from connect_canary.probe.attempt_state import MIN_REMAINING_S
from connect_canary.probe.certificate_check import CertificateChecker
from connect_canary.probe.client_ids import CLIENT_ID_INTERVAL_S


async def attempt_target(
    planned: PlannedTarget, *, run_deadline: float, checker: CertificateChecker
) -> tuple[Outcome, PlannedTarget]:
    """Return the outcome of one target, and the target with the secrets that were tried last."""
    target = planned.target
    deadline = min(run_deadline, time.monotonic() + target.timeout_seconds)
    if deadline - time.monotonic() < MIN_REMAINING_S:
        return deadline_exceeded_outcome(target), planned
    first = await run_attempt(target, timeout_s=deadline - time.monotonic(), proxy=planned.proxy, checker=checker)
    auth_refused = is_authentication_refusal(first.failure, target.mqtt_version)
    if not auth_refused or target.expect is Expect.REFUSE or not planned.has_references:
        return first, planned
    fresh = await _with_fresh_secrets(planned, deadline)
    if fresh is None:
        return first, planned
    if fresh.target.client_id:
        await asyncio.sleep(CLIENT_ID_INTERVAL_S)
    timeout_s = deadline - time.monotonic()
    second = await run_attempt(fresh.target, timeout_s=timeout_s, proxy=planned.proxy, checker=checker)
    elapsed_ms = first.elapsed_ms + second.elapsed_ms
    return replace(second, secrets_refreshed=True, elapsed_ms=elapsed_ms), fresh


async def _with_fresh_secrets(planned: PlannedTarget, deadline: float) -> PlannedTarget | None:
    """Return the target with references that have changed, None if none has or no time remains to try them."""
    try:
        target = await asyncio.wait_for(run_in_thread(planned.refresh), deadline - time.monotonic())
    except (SettingsError, TimeoutError):
        return None
    if target == planned.target or deadline - time.monotonic() < _delay_s(target) + MIN_REMAINING_S:
        return None
    return replace(planned, target=target)


def _delay_s(target: Target) -> float:
    return CLIENT_ID_INTERVAL_S if target.client_id else 0.0
