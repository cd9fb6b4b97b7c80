"""How many attempts run at the same time, and that each starts when the event loop has time for it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from connect_canary.probe.slots import AttemptSlots

# Longer than an idle event loop takes for a round, shorter than anybody would notice.
_BLOCK_S = 0.005


@asynccontextmanager
async def _busy(rounds: int) -> AsyncIterator["asyncio.Task[None]"]:
    """Yield a task that blocks the event loop again and again, in so many rounds."""

    async def block() -> None:
        for _ in range(rounds):
            time.sleep(_BLOCK_S)  # noqa: ASYNC251 - that is the point
            await asyncio.sleep(0)

    task = asyncio.create_task(block())
    await asyncio.sleep(0)
    yield task
    task.cancel()


async def test_no_more_than_the_limit_at_the_same_time() -> None:
    """The next one starts when one has ended."""
    slots, running, most = AttemptSlots(3, max_idle_wait_s=0), 0, 0

    async def attempt() -> None:
        nonlocal running, most
        async with slots.hold():
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.01)
            running -= 1

    await asyncio.gather(*(attempt() for _ in range(10)))
    assert most == 3


async def test_start_waits_for_a_busy_event_loop() -> None:
    """What else is going on would be measured as the endpoint's latency."""
    async with _busy(20) as task, AttemptSlots(1, max_idle_wait_s=60).hold():
        assert task.done()


async def test_start_does_not_wait_for_ever() -> None:
    """An event loop that is never idle delays the start by the time that is allowed."""
    started = time.perf_counter()
    async with _busy(2000) as task, AttemptSlots(1, max_idle_wait_s=0.05).hold():
        assert not task.done()
        assert time.perf_counter() - started >= 0.05
