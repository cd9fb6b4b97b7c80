"""One run: plan, probe the targets concurrently, report each outcome, return one response."""

import asyncio
import contextlib
import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from aws_lambda_powertools import Logger

from connect_canary.config.plan import Plan, make_plan
from connect_canary.config.planned_target import PlannedTarget
from connect_canary.config.problems import SettingsError
from connect_canary.model.outcome import Outcome
from connect_canary.network.address_survey import MAX_SURVEYED
from connect_canary.network.descriptors import max_descriptors
from connect_canary.probe.certificate_check import CertificateChecker
from connect_canary.probe.checks import TARGET_CHECKS
from connect_canary.probe.confirmation import attempt_confirmed
from connect_canary.probe.fresh_secrets import attempt_target
from connect_canary.probe.slots import AttemptSlots
from connect_canary.reporting.heartbeat import TIMEOUT_S
from connect_canary.reporting.table import RunContext, report, report_run, report_unconfirmed

# Time that remains of Lambda's when the last attempt ends: enough to report its outcome.
MARGIN_S = 0.5
# What the heartbeat may take of a run's time, and what it leaves for the response.
_HEARTBEAT_SHARE, _RETURN_S = 0.1, 0.25
_REFERENCES_SHARE = 0.5  # the share of a run's time for reading references; targets without any have the rest
# How long an attempt waits for an idle event loop: at most so long, and all of them a share of the run's time.
_MAX_IDLE_WAIT_S, _IDLE_WAIT_SHARE = 0.05, 0.25
# An attempt has both ends of the loopback connection, the connection to the endpoint, and the certificate check's; its
# diagnosis has the same three again, and each of them its listener at first. Lambda allows 1,024.
_FDS_PER_ATTEMPT, _FDS_RESERVED = 8, 64 + MAX_SURVEYED

OnOutcome = Callable[[Outcome], None]


def _ignore(_: Outcome) -> None:
    """Do nothing with an outcome."""


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
    context = RunContext(canary=plan.canary, cold_start=cold_start, log=log, shard=plan.shard, heartbeat=plan.heartbeat)
    if plan.dry_run:
        response = dry_run_response(plan)
    else:
        outcomes = run_plan(
            plan,
            deadline=deadline - _reserved_s(plan, deadline - now),
            on_outcome=functools.partial(report, context),
            on_unconfirmed=functools.partial(report_unconfirmed, context),
        )
        response = run_response(plan, outcomes)
    if plan.problems:
        raise SettingsError(plan.problems)
    if not plan.dry_run:
        report_run(context, deadline=deadline - _RETURN_S)
    return response


def _reserved_s(plan: Plan, run_s: float) -> float:
    """Return how much of a run's time is kept for the heartbeat."""
    return 0.0 if plan.heartbeat is None else min(TIMEOUT_S, run_s * _HEARTBEAT_SHARE)


def run_plan(
    plan: Plan, *, deadline: float, on_outcome: OnOutcome, on_unconfirmed: OnOutcome = _ignore
) -> list[Outcome]:
    """Return the outcome of every planned target, in order.

    `on_outcome` is called as each is known, `on_unconfirmed` with each failed connect that is tried once more.
    """
    probed = _probe_all(plan, deadline=deadline - MARGIN_S, on_outcome=on_outcome, on_unconfirmed=on_unconfirmed)
    return asyncio.run(probed)


def dry_run_response(plan: Plan) -> dict[str, object]:
    """Return the response of a dry run: the targets that would run, with secrets masked."""
    targets = [planned.as_dict() for planned in plan.planned]
    return {"canary": plan.canary, "dry_run": True, "targets": targets}


def run_response(plan: Plan, outcomes: list[Outcome]) -> dict[str, object]:
    """Return the response of a run."""
    healthy = all(outcome.healthy for outcome in outcomes)
    return {"canary": plan.canary, "healthy": healthy, "targets": [outcome.as_dict() for outcome in outcomes]}


async def _probe_all(plan: Plan, *, deadline: float, on_outcome: OnOutcome, on_unconfirmed: OnOutcome) -> list[Outcome]:
    max_idle_wait_s = min(_MAX_IDLE_WAIT_S, (deadline - time.monotonic()) * _IDLE_WAIT_SHARE / len(plan.planned))
    slots = AttemptSlots(_concurrency_limit(plan), max_idle_wait_s=max_idle_wait_s)
    bugs: list[Exception] = []

    async def probe_one(planned: PlannedTarget) -> Outcome | None:
        try:
            outcome = await _probe_target(planned, slots, deadline, checkers, on_unconfirmed)
            on_outcome(outcome)
        except Exception as bug:  # noqa: BLE001 - raised once the other targets have run
            bugs.append(bug)
            return None
        return outcome

    with _certificate_checkers() as checkers:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(probe_one(planned)) for planned in plan.planned]
    if bugs:
        raise ExceptionGroup("the canary itself failed", bugs)
    return [outcome for task in tasks if (outcome := task.result())]


@contextlib.contextmanager
def _certificate_checkers() -> Iterator[Sequence[CertificateChecker]]:
    """Yield a checker for first attempts and one for those that confirm: the certificate may be another by then."""
    checkers = (CertificateChecker(), CertificateChecker())
    try:
        yield checkers
    finally:
        for checker in checkers:
            checker.cancel()


async def _probe_target(
    planned: PlannedTarget,
    slots: AttemptSlots,
    deadline: float,
    checkers: Sequence[CertificateChecker],
    on_unconfirmed: OnOutcome,
) -> Outcome:
    """Return the outcome of one target; between its attempts it holds no slot."""
    remaining_checkers = iter(checkers)

    async def attempt(planned: PlannedTarget) -> tuple[Outcome, PlannedTarget]:
        async with slots.hold():
            return await attempt_target(planned, run_deadline=deadline, checker=next(remaining_checkers))

    return await attempt_confirmed(planned, attempt, run_deadline=deadline, on_unconfirmed=on_unconfirmed)


def _concurrency_limit(plan: Plan) -> int:
    """Return how many attempts may run concurrently, given the setting and the process's file descriptors."""
    descriptors = max_descriptors()
    if descriptors is None:
        return plan.max_concurrent_connects
    return max(1, min(plan.max_concurrent_connects, (descriptors - _FDS_RESERVED) // _FDS_PER_ATTEMPT))
