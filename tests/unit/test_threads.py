"""Blocking calls in threads of their own."""

import asyncio
import threading

import pytest

from connect_canary.network.threads import run_in_thread

_SOON_S = 5.0


async def test_call_runs_beside_the_event_loop() -> None:
    """Its result arrives on the loop; the call was made elsewhere."""
    assert await run_in_thread(threading.get_ident) != threading.get_ident()


async def test_call_that_raises_raises_here() -> None:
    """The same exception."""
    error = ValueError("x")

    def fail() -> None:
        raise error

    with pytest.raises(ValueError, match=r"^x$") as caught:
        await run_in_thread(fail)
    assert caught.value is error


async def test_event_loop_goes_on_while_a_call_blocks() -> None:
    """The loop itself sets what the call waits for."""
    go = threading.Event()
    waiting = asyncio.ensure_future(run_in_thread(lambda: go.wait(_SOON_S)))
    await asyncio.sleep(0)
    go.set()
    assert await waiting


async def test_cancelled_call_is_left_behind() -> None:
    """It is not awaited, and its late result is ignored."""
    go, done = threading.Event(), threading.Event()

    def late() -> None:
        go.wait(_SOON_S)
        done.set()

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(run_in_thread(late), 0.01)
    go.set()
    assert await run_in_thread(lambda: done.wait(_SOON_S))
    await asyncio.sleep(0)


def test_run_ends_without_a_call_that_hangs() -> None:
    """The end of the event loop does not wait for its threads, and the thread survives the loop's end."""
    go, done = threading.Event(), threading.Event()

    def late() -> None:
        go.wait(_SOON_S)
        done.set()

    async def run() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(run_in_thread(late), 0.01)

    asyncio.run(run())
    assert not done.is_set()
    go.set()
    assert done.wait(_SOON_S)
