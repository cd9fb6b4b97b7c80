"""Which failures are confirmed, and what the two attempts of one target come to."""

import asyncio
import math
import time
from dataclasses import replace

import pytest

from connect_canary.config.planned_target import PlannedTarget
from connect_canary.model.failures import Failure
from connect_canary.model.outcome import Outcome
from connect_canary.probe.confirmation import attempt_confirmed
from tests.unit.factories import outcome_of, plan_of

# A security signal; no time is left; the client could connect.
AT_ONCE = {Failure.UNEXPECTED_ACCEPT, Failure.DEADLINE_EXCEEDED, Failure.DISCONNECT_FAILED}
WAIT = "0.01"


def _outcome(failure: Failure | None) -> Outcome:
    return outcome_of(healthy=failure is None, failure=failure)


async def _confirmed(
    *failures: Failure | None, run_s: float = math.inf, **settings: str
) -> tuple[Outcome, list[Outcome], int]:
    """Return the outcome of attempts that end so, those that were told before it, and how many attempts were made."""
    (planned,) = plan_of(confirm_after_seconds=WAIT, **settings).planned
    left = [_outcome(failure) for failure in failures]
    told: list[Outcome] = []

    async def attempt(target: PlannedTarget) -> tuple[Outcome, PlannedTarget]:
        return left.pop(0), target

    deadline = time.monotonic() + run_s
    outcome = await attempt_confirmed(planned, attempt, run_deadline=deadline, on_unconfirmed=told.append)
    return outcome, told, len(failures) - len(left)


@pytest.mark.parametrize("failure", Failure)
async def test_failure_is_confirmed_or_counts_at_once(failure: Failure) -> None:
    """Each of the closed list is decided; one that is confirmed is told before."""
    outcome, told, attempts = await _confirmed(failure, None)
    if failure in AT_ONCE:
        assert (outcome.failure, outcome.confirmed, told, attempts) == (failure, None, [], 1)
    else:
        assert (outcome.failure, outcome.confirmed, attempts) == (None, False, 2)
        assert [first.failure for first in told] == [failure]


@pytest.mark.parametrize("second", Failure)
async def test_second_failure_of_any_kind_confirms(second: Failure) -> None:
    """And it is the one that counts."""
    outcome, _, _ = await _confirmed(Failure.TCP_REFUSED, second)
    assert (outcome.failure, outcome.confirmed, outcome.healthy) == (second, True, False)


async def test_healthy_connect_is_not_confirmed() -> None:
    """It is what is expected."""
    outcome, told, attempts = await _confirmed(None)
    assert (outcome.healthy, outcome.confirmed, told, attempts) == (True, None, [], 1)


async def test_no_time_to_confirm() -> None:
    """The wait and the least time of an attempt must fit into what is left of the run."""
    outcome, told, attempts = await _confirmed(Failure.TCP_REFUSED, None, run_s=0.04)
    assert (outcome.failure, outcome.confirmed, told, attempts) == (Failure.TCP_REFUSED, None, [], 1)


async def _cut_off(first: Outcome, second: Outcome) -> Outcome:
    """Return the outcome of two attempts, the second of which ends when no time is left in the run."""
    (planned,) = plan_of(confirm_after_seconds=WAIT).planned
    run_s, left = 0.3, [first, second]

    async def attempt(target: PlannedTarget) -> tuple[Outcome, PlannedTarget]:
        if len(left) == 1:
            await asyncio.sleep(run_s)
        return left.pop(0), target

    return await attempt_confirmed(
        planned, attempt, run_deadline=time.monotonic() + run_s, on_unconfirmed=lambda _: None
    )


@pytest.mark.parametrize(
    ("second", "counts", "confirmed"),
    [
        (Failure.CONNACK_TIMED_OUT, Failure.TCP_REFUSED, None),
        (Failure.NOT_AUTHORIZED, Failure.TCP_REFUSED, None),
        (Failure.UNEXPECTED_ACCEPT, Failure.UNEXPECTED_ACCEPT, True),
        (None, None, False),
    ],
)
async def test_second_attempt_at_the_end_of_the_run(
    second: Failure | None, counts: Failure | None, *, confirmed: bool | None
) -> None:
    """A failure may be the run's own, so the first counts; a success and a client that got in are what they are."""
    outcome = await _cut_off(_outcome(Failure.TCP_REFUSED), _outcome(second))
    assert (outcome.failure, outcome.confirmed) == (counts, confirmed)


@pytest.mark.parametrize("refreshed", [(False, False), (True, False), (False, True)])
async def test_secrets_that_either_attempt_refreshed(refreshed: tuple[bool, bool]) -> None:
    """The outcome says so, whichever it was."""
    (planned,) = plan_of(confirm_after_seconds=WAIT).planned
    left = [replace(_outcome(Failure.NOT_AUTHORIZED), secrets_refreshed=each) for each in refreshed]

    async def attempt(target: PlannedTarget) -> tuple[Outcome, PlannedTarget]:
        return left.pop(0), target

    outcome = await attempt_confirmed(planned, attempt, run_deadline=math.inf, on_unconfirmed=lambda _: None)
    assert outcome.secrets_refreshed is any(refreshed)


async def test_second_attempt_has_the_secrets_of_the_first() -> None:
    """What was refreshed is not read again."""
    (planned,) = plan_of(confirm_after_seconds=WAIT).planned
    fresh, tried = replace(planned), list[PlannedTarget]()

    async def attempt(target: PlannedTarget) -> tuple[Outcome, PlannedTarget]:
        tried.append(target)
        return _outcome(Failure.NOT_AUTHORIZED), fresh

    await attempt_confirmed(planned, attempt, run_deadline=math.inf, on_unconfirmed=lambda _: None)
    assert (tried[0] is planned, tried[1] is fresh) == (True, True)


async def test_fixed_client_id_needs_its_second() -> None:
    """With less than a second left, it cannot be used again."""
    outcome, _, attempts = await _confirmed(Failure.TCP_REFUSED, None, run_s=0.9, client_id="fixed")
    assert (outcome.failure, attempts) == (Failure.TCP_REFUSED, 1)
