"""One side of the tunnel by itself: what it tells of its end, and to whom."""

import asyncio
import socket

from connect_canary.network.relay import Relay


async def _connected(relay: Relay) -> socket.socket:
    """Connect a relay, and return the other end of its connection."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)  # noqa: FBT003 - the socket module's own signature
    await asyncio.get_running_loop().create_connection(lambda: relay, sock=ours)
    return theirs


async def _receive(connected: socket.socket) -> bytes:
    async with asyncio.timeout(10):
        return await asyncio.get_running_loop().sock_recv(connected, 100)


async def test_end_is_told_unless_it_is_our_own() -> None:
    """A close of the other end is an observation; the end of an aborted connection is not."""
    told: list[Exception | None] = []
    closed, aborted = (Relay(lambda _: None, closed=told.append) for _ in range(2))
    with await _connected(closed) as their, await _connected(aborted) as other:
        aborted.abort()
        assert await _receive(other) == b""
        assert told == []
        their.shutdown(socket.SHUT_WR)
        assert await _receive(their) == b""
        assert told == [None]


async def test_relay_that_was_aborted_before_it_is_connected() -> None:
    """Its connection is closed as soon as there is one."""
    relay = Relay(lambda _: None)
    relay.abort()
    with await _connected(relay) as their:
        assert await _receive(their) == b""


async def test_bytes_for_a_peer_that_is_not_there() -> None:
    """They are watched, and go nowhere: before there is a peer, before it is connected, and after it has closed."""
    watched: list[bytes] = []
    relay, peer = Relay(watched.append), Relay(lambda _: None)
    with await _connected(relay) as their:
        for data in (b"a", b"b", b"c"):
            their.sendall(data)
            await asyncio.sleep(0.01)
            relay.peer = peer
        assert watched == [b"a", b"b", b"c"]
        with await _connected(peer) as other:
            peer.close()
            their.sendall(b"d")
            assert await _receive(other) == b""
    assert watched[:3] == [b"a", b"b", b"c"]
