"""The loopback listener: what it keeps, what it drops, and which client it hands over."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from connect_canary.network.loopback_listener import LoopbackListener, TunnelAddress
from tests.unit.factories import tunnel_request

# How many connections may wait for the rest of their CONNECT, and how long that may be.
MOST_WAITING, LONGEST_HEAD = 16, 16384


@pytest.fixture
async def listener() -> AsyncIterator[LoopbackListener]:
    """A listener that is closed in the end."""
    made = LoopbackListener()
    yield made
    made.close()


@pytest.fixture
def clients() -> "contextlib.ExitStack":
    """Connections that are closed in the end."""
    return contextlib.ExitStack()


async def _connect(clients: contextlib.ExitStack, address: TunnelAddress, data: bytes = b"") -> socket.socket:
    """Return a connection that the listener has accepted, and on which it has received `data`."""
    connected = clients.enter_context(socket.create_connection((address.host, address.port)))
    connected.sendall(data)
    connected.setblocking(False)  # noqa: FBT003 - the socket module's own signature
    for _ in range(10):
        await asyncio.sleep(0)
    return connected


def _is_dropped(connected: socket.socket) -> bool:
    try:
        return connected.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


async def test_secret_is_long_and_new(listener: LoopbackListener) -> None:
    """24 random bytes, of each listener its own."""
    other = LoopbackListener()
    secrets = {each.open().password.reveal() for each in (listener, other)}
    other.close()
    assert [len(secret) for secret in secrets] == [32, 32]


async def test_oldest_of_too_many_is_dropped(listener: LoopbackListener, clients: contextlib.ExitStack) -> None:
    """Sixteen may wait; the next one takes the place of the first."""
    address = listener.open()
    with clients:
        waiting = [await _connect(clients, address) for _ in range(MOST_WAITING)]
        assert not any(map(_is_dropped, waiting))
        waiting.append(await _connect(clients, address))
        assert [_is_dropped(connected) for connected in waiting] == [True] + [False] * MOST_WAITING


@pytest.mark.parametrize(("length", "is_dropped"), [(LONGEST_HEAD, False), (LONGEST_HEAD + 1, True)])
async def test_request_that_does_not_end(
    listener: LoopbackListener, clients: contextlib.ExitStack, length: int, *, is_dropped: bool
) -> None:
    """16 KiB may still become a CONNECT."""
    address = listener.open()
    with clients:
        connected = await _connect(clients, address, b"x" * length)
        assert _is_dropped(connected) is is_dropped


async def test_second_client_that_shows_the_secret_is_dropped(
    listener: LoopbackListener, clients: contextlib.ExitStack
) -> None:
    """One attempt has one client."""
    address = listener.open()
    with clients:
        first, second = [await _connect(clients, address, tunnel_request(address)) for _ in range(2)]
        accepted = await listener.accept()
        with accepted:
            assert not accepted.getblocking()
            assert accepted.getpeername() == first.getsockname()
            assert _is_dropped(second)
            assert not _is_dropped(first)


async def test_others_are_dropped_once_the_client_is_there(
    listener: LoopbackListener, clients: contextlib.ExitStack
) -> None:
    """Nothing listens then, and nobody waits in vain."""
    address = listener.open()
    with clients:
        stranger = await _connect(clients, address)
        await _connect(clients, address, tunnel_request(address))
        clients.enter_context(await listener.accept())
        assert _is_dropped(stranger)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((address.host, address.port))
