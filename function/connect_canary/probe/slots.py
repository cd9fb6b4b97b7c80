"""How many attempts run at the same time, and when each starts."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

# The event loop is idle when it comes round within _IDLE_LAG_S.
_IDLE_LAG_S = 0.002


class AttemptSlots:
    """At most `limit` attempts at the same time; each starts once the event loop is idle."""

    def __init__(self, limit: int, *, max_idle_wait_s: float) -> None:
        """Wait at most `max_idle_wait_s` for an idle event loop."""
        self._free, self._start_gate = asyncio.Semaphore(limit), asyncio.Lock()
        self._max_idle_wait_s = max_idle_wait_s

    @contextlib.asynccontextmanager
    async def hold(self) -> AsyncIterator[None]:
        """Hold a slot, from the moment at which an attempt may start."""
        async with self._free:
            async with self._start_gate:
                await _wait_until_loop_idle(self._max_idle_wait_s)
            yield


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
