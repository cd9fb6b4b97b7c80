"""One run: plan, probe the targets concurrently, report each outcome, return one response."""

import asyncio
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from aws_lambda_powertools import Logger

from connect_canary.config.plan import Plan, make_plan
from connect_canary.config.planned_target import PlannedTarget
from connect_canary.config.problems import SettingsError
from connect_canary.model.outcome import Outcome
from connect_canary.model.target import Expect
from connect_canary.network.threads import run_in_thread
from connect_canary.probe.attempt import CLIENT_ID_INTERVAL_S, MIN_REMAINING_S, deadline_exceeded_outcome, run_attempt
from connect_canary.probe.certificate_check import CertificateChecker
from connect_canary.probe.verdict import is_authentication_refusal
from connect_canary.reporting.log import log_outcome
from connect_canary.reporting.metrics import emit_metrics

# What must be left of Lambda's time when the last attempt ends: enough to print what became of it.
MARGIN_S = 0.5
_REFERENCES_SHARE = 0.5  # what reading references may take of a run's time, so that targets without them have theirs
_IDLE_LAG_S = 0.002
_MAX_IDLE_WAIT_S = 0.05
_IDLE_WAIT_SHARE = 0.25
# An attempt has a listener, both ends of the way to it, the way to the endpoint, and the look's; Lambda gives 1,024.
_FDS_PER_ATTEMPT = 5
_FDS_RESERVED = 64
Report = Callable[[Outcome], None]


def run_event(
    event: object, environ: Mapping[str, str], *, until: float, cold_start: bool, log: Logger
) -> dict[str, object]:
    """Run what `event` asks for, ending before `until` (seconds, `time.monotonic`).

    Raises SettingsError for a wrong question; when only some targets cannot be used, after the others have run.
    """
    now = time.monotonic()
    plan = make_plan(event, environ, until=now + (until - now) * _REFERENCES_SHARE)

    def report(outcome: Outcome) -> None:
        emit_metrics(plan.canary, outcome, cold_start=cold_start)
        log_outcome(log, outcome)

    said = dry_run_response(plan) if plan.dry_run else run_response(plan, run_plan(plan, until=until, report=report))
    if plan.problems:
        raise SettingsError(plan.problems)
    return said


def run_plan(plan: Plan, *, until: float, report: Report) -> list[Outcome]:
    """Return the outcome of every planned target, in order; each is reported as it ends."""
    return asyncio.run(_probe_all(plan, until=until - MARGIN_S, report=report))


def dry_run_response(plan: Plan) -> dict[str, object]:
    """Return what a dry run answers: the targets that would run, secrets masked."""
    targets = [planned.as_dict() for planned in plan.planned]
    return {"canary": plan.canary, "dry_run": True, "targets": targets}


def run_response(plan: Plan, outcomes: list[Outcome]) -> dict[str, object]:
    """Return what a run answers."""
    healthy = all(outcome.healthy for outcome in outcomes)
    return {"canary": plan.canary, "healthy": healthy, "targets": [outcome.as_dict() for outcome in outcomes]}


async def _probe_all(plan: Plan, *, until: float, report: Report) -> list[Outcome]:
    free, door, looks = asyncio.Semaphore(_concurrency_limit(plan)), asyncio.Lock(), CertificateChecker()
    patience = min(_MAX_IDLE_WAIT_S, (until - time.monotonic()) * _IDLE_WAIT_SHARE / len(plan.planned))
    bugs: list[Exception] = []

    async def connect_one(planned: PlannedTarget) -> Outcome | None:
        try:
            async with free:
                async with door:
                    await _wait_until_loop_idle(patience)
                outcome = await _probe_target(planned, until, looks)
            report(outcome)
        except Exception as bug:  # noqa: BLE001 - raised once the other targets have had their run
            bugs.append(bug)
            return None
        return outcome

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(connect_one(planned)) for planned in plan.planned]
    finally:
        looks.end()
    if bugs:
        raise ExceptionGroup("the canary itself failed", bugs)
    return [outcome for task in tasks if (outcome := task.result())]


def _concurrency_limit(plan: Plan) -> int:
    """Return how many attempts may run at once: as many as are wanted, and as the process has descriptors for."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, min(plan.max_concurrent_connects, (descriptors - _FDS_RESERVED) // _FDS_PER_ATTEMPT))


async def _wait_until_loop_idle(patience: float) -> None:
    """Return when the event loop comes round promptly, or after `patience` seconds.

    A crowd that starts at once measures itself: at 512 MB a hundred connect 13 times as slowly as one (measured).
    """
    until = time.perf_counter() + patience
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0)
        now = time.perf_counter()
        if now - began < _IDLE_LAG_S or now > until:
            return


async def _probe_target(planned: PlannedTarget, until: float, looks: CertificateChecker) -> Outcome:
    """Return the outcome of one target; a rotated secret is fetched anew and tried once more in the time left."""
    target = planned.target
    ends = min(until, time.monotonic() + target.timeout_seconds)
    if ends - time.monotonic() < MIN_REMAINING_S:
        return deadline_exceeded_outcome(target)
    outcome = await run_attempt(target, seconds=ends - time.monotonic(), proxy=planned.proxy, looks=looks)
    turned_away = is_authentication_refusal(outcome.failure, target.mqtt_version)
    if not turned_away or target.expect is Expect.REFUSE or not planned.has_references:
        return outcome
    try:
        fresh = await asyncio.wait_for(run_in_thread(planned.refreshed), ends - time.monotonic())
    except (SettingsError, TimeoutError):
        return outcome
    if fresh == target:
        return outcome
    pause = CLIENT_ID_INTERVAL_S if fresh.client_id else 0.0
    if ends - time.monotonic() < pause + MIN_REMAINING_S:
        return outcome
    await asyncio.sleep(pause)
    again = await run_attempt(fresh, seconds=ends - time.monotonic(), proxy=planned.proxy, looks=looks)
    return replace(again, secrets_refreshed=True, elapsed_ms=outcome.elapsed_ms + again.elapsed_ms)
