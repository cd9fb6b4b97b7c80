"""One side of the tunnel by itself: what it tells of its end, and to whom."""

import asyncio
import socket

import pytest

from connect_canary.network.relay import Relay

LOOPBACK = "127.0.0.1"
# More than the buffers of two connections and of a relay hold together.
_MUCH = 64 << 20


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
    failed: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failed.append(context))
    closed, aborted = (Relay(lambda _: None, closed=told.append) for _ in range(2))
    with await _connected(closed) as their, await _connected(aborted) as other:
        aborted.abort()
        assert await _receive(other) == b""
        assert told == []
        their.shutdown(socket.SHUT_WR)
        assert await _receive(their) == b""
        assert told == [None]
    assert failed == []


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


async def _send_until_stopped(connected: socket.socket) -> int:
    """Send as much as the other end takes while nobody reads; return how much that is, at most `_MUCH`."""
    sent, stopped = 0, 0
    while sent < _MUCH and stopped < 10:
        try:
            sent += connected.send(bytes(65536))
            stopped = 0
        except BlockingIOError:
            stopped += 1
            await asyncio.sleep(0.02)
    return sent


async def test_sender_waits_for_the_receiver() -> None:
    """What nobody reads is not read either; once it is read, all of it arrives."""
    relay, peer = Relay(lambda _: None), Relay(lambda _: None)
    relay.peer, peer.peer = peer, relay
    with await _connected(relay) as sender, await _connected(peer) as receiver:
        sent = await _send_until_stopped(sender)
        assert sent < _MUCH
        sender.shutdown(socket.SHUT_WR)
        received = 0
        async with asyncio.timeout(30):
            while data := await asyncio.get_running_loop().sock_recv(receiver, 1 << 20):
                received += len(data)
        assert received == sent


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="this system offers no TCP_INFO")
async def test_last_counters_of_a_connection_that_has_ended() -> None:
    """The system has forgotten them by then."""
    relay = Relay(lambda _: None)
    with socket.create_server((LOOPBACK, 0)) as server:
        await asyncio.get_running_loop().create_connection(lambda: relay, *server.getsockname())
        accepted, _ = server.accept()
        with accepted:
            accepted.sendall(b"x" * 100)
            accepted.shutdown(socket.SHUT_WR)
            accepted.setblocking(False)  # noqa: FBT003 - the socket module's own signature
            assert await _receive(accepted) == b""
        await asyncio.sleep(0.01)
    info = relay.tcp_info()
    assert info is not None
    assert info.bytes_received == 101  # the FIN counts as one


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="this system offers no TCP_QUICKACK")
@pytest.mark.parametrize("quick_ack", [True, False])
async def test_data_are_acknowledged_at_once_where_that_is_wanted(*, quick_ack: bool) -> None:
    """The system delays acknowledgements on a connection that answers, unless it is told at each read."""
    with socket.create_server((LOOPBACK, 0)) as server, socket.create_connection(server.getsockname()) as client:
        accepted, _ = server.accept()
        is_quick: asyncio.Queue[bool] = asyncio.Queue()

        def watch(_: bytes) -> None:
            is_quick.put_nowait(bool(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK)))

        relay = Relay(watch, quick_ack=quick_ack) if quick_ack else Relay(watch)
        await asyncio.get_running_loop().connect_accepted_socket(lambda: relay, accepted)
        client.setblocking(False)  # noqa: FBT003 - the socket module's own signature
        for _ in range(8):
            client.send(b"request")
            async with asyncio.timeout(10):
                last = await is_quick.get()
            relay.write(b"response")
            assert await _receive(client) == b"response"
        relay.abort()
        await asyncio.sleep(0)
    assert last is quick_ack
