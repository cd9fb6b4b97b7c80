"""One run: plan, probe the targets concurrently, report each outcome, return one response."""

import asyncio
import functools
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from aws_lambda_powertools import Logger

from connect_canary.config.plan import Plan, make_plan
from connect_canary.config.planned_target import PlannedTarget
from connect_canary.config.problems import SettingsError
from connect_canary.model.failures import is_authentication_refusal
from connect_canary.model.outcome import Outcome
from connect_canary.model.target import Expect
from connect_canary.network.address_survey import MAX_SURVEYED
from connect_canary.network.threads import run_in_thread
from connect_canary.probe.attempt import (
    CLIENT_ID_INTERVAL_S,
    MIN_REMAINING_S,
    deadline_exceeded_outcome,
    run_attempt,
)
from connect_canary.probe.certificate_check import CertificateChecker
from connect_canary.probe.checks import TARGET_CHECKS
from connect_canary.reporting.table import RunContext, report

# Time that remains of Lambda's when the last attempt ends: enough to report its outcome.
MARGIN_S = 0.5
_REFERENCES_SHARE = 0.5  # the share of a run's time for reading references; targets without any have the rest
# The event loop is idle when it comes round within _IDLE_LAG_S.
_IDLE_LAG_S, _MAX_IDLE_WAIT_S, _IDLE_WAIT_SHARE = 0.002, 0.05, 0.25
# An attempt has a listener, both ends of the loopback connection, the connection to the endpoint, and the certificate
# check's; Lambda allows 1,024.
_FDS_PER_ATTEMPT, _FDS_RESERVED = 5, 64 + MAX_SURVEYED

OnOutcome = Callable[[Outcome], None]

# `make_plan` with the checks of the SDK, which `config` does not import.
plan_run = functools.partial(make_plan, checks=TARGET_CHECKS)


def run_event(
    event: object, environ: Mapping[str, str], *, deadline: float, cold_start: bool, log: Logger
) -> dict[str, object]:
    """Run what `event` selects, ending before `deadline` (seconds, `time.monotonic`), and return the response.

    Raises SettingsError if nothing can run; if only some targets cannot, after the others have run.
    """
    now = time.monotonic()
    plan = plan_run(event, environ, deadline=now + (deadline - now) * _REFERENCES_SHARE)
    context = RunContext(canary=plan.canary, cold_start=cold_start, log=log, shard=plan.shard)
    if plan.dry_run:
        response = dry_run_response(plan)
    else:
        outcomes = run_plan(plan, deadline=deadline, on_outcome=lambda outcome: report(context, outcome))
        response = run_response(plan, outcomes)
    if plan.problems:
        raise SettingsError(plan.problems)
    return response


def run_plan(plan: Plan, *, deadline: float, on_outcome: OnOutcome) -> list[Outcome]:
    """Return the outcome of every planned target, in order; `on_outcome` is called as each is known."""
    return asyncio.run(_probe_all(plan, deadline=deadline - MARGIN_S, on_outcome=on_outcome))


def dry_run_response(plan: Plan) -> dict[str, object]:
    """Return the response of a dry run: the targets that would run, with secrets masked."""
    targets = [planned.as_dict() for planned in plan.planned]
    return {"canary": plan.canary, "dry_run": True, "targets": targets}


def run_response(plan: Plan, outcomes: list[Outcome]) -> dict[str, object]:
    """Return the response of a run."""
    healthy = all(outcome.healthy for outcome in outcomes)
    return {"canary": plan.canary, "healthy": healthy, "targets": [outcome.as_dict() for outcome in outcomes]}


async def _probe_all(plan: Plan, *, deadline: float, on_outcome: OnOutcome) -> list[Outcome]:
    slots, start_gate, checker = asyncio.Semaphore(_concurrency_limit(plan)), asyncio.Lock(), CertificateChecker()
    max_wait_s = min(_MAX_IDLE_WAIT_S, (deadline - time.monotonic()) * _IDLE_WAIT_SHARE / len(plan.planned))
    bugs: list[Exception] = []

    async def probe_one(planned: PlannedTarget) -> Outcome | None:
        try:
            async with slots:
                async with start_gate:
                    await _wait_until_loop_idle(max_wait_s)
                outcome = await _probe_target(planned, deadline, checker)
            on_outcome(outcome)
        except Exception as bug:  # noqa: BLE001 - raised once the other targets have run
            bugs.append(bug)
            return None
        return outcome

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(probe_one(planned)) for planned in plan.planned]
    finally:
        checker.cancel()
    if bugs:
        raise ExceptionGroup("the canary itself failed", bugs)
    return [outcome for task in tasks if (outcome := task.result())]


def _concurrency_limit(plan: Plan) -> int:
    """Return how many attempts may run concurrently, given the setting and the process's file descriptors."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, min(plan.max_concurrent_connects, (descriptors - _FDS_RESERVED) // _FDS_PER_ATTEMPT))


async def _wait_until_loop_idle(max_wait_s: float) -> None:
    """Wait until the event loop is idle (lag below 2 ms), at most `max_wait_s`.

    Started together, 100 attempts take 13 times as long as one at 512 MB (measured): ConnectLatency would show our own
    contention.
    """
    deadline = time.perf_counter() + max_wait_s
    while True:
        before = time.perf_counter()
        await asyncio.sleep(0)
        now = time.perf_counter()
        if now - before < _IDLE_LAG_S or now > deadline:
            return


async def _probe_target(planned: PlannedTarget, run_deadline: float, checker: CertificateChecker) -> Outcome:
    """Return the outcome of one target; after a refusal, its references are fetched again and tried once more."""
    target = planned.target
    deadline = min(run_deadline, time.monotonic() + target.timeout_seconds)
    if deadline - time.monotonic() < MIN_REMAINING_S:
        return deadline_exceeded_outcome(target)
    outcome = await run_attempt(target, timeout_s=deadline - time.monotonic(), proxy=planned.proxy, checker=checker)
    auth_refused = is_authentication_refusal(outcome.failure, target.mqtt_version)
    if not auth_refused or target.expect is Expect.REFUSE or not planned.has_references:
        return outcome
    return await _retry_with_fresh_secrets(planned, outcome, deadline, checker) or outcome


async def _retry_with_fresh_secrets(
    planned: PlannedTarget, first: Outcome, deadline: float, checker: CertificateChecker
) -> Outcome | None:
    """Return the outcome of one more attempt if the references have changed and time remains, else None."""
    try:
        target = await asyncio.wait_for(run_in_thread(planned.refresh), deadline - time.monotonic())
    except (SettingsError, TimeoutError):
        return None
    if target == planned.target:
        return None
    delay_s = CLIENT_ID_INTERVAL_S if target.client_id else 0.0
    if deadline - time.monotonic() < delay_s + MIN_REMAINING_S:
        return None
    await asyncio.sleep(delay_s)
    second = await run_attempt(target, timeout_s=deadline - time.monotonic(), proxy=planned.proxy, checker=checker)
    return replace(second, secrets_refreshed=True, elapsed_ms=first.elapsed_ms + second.elapsed_ms)
