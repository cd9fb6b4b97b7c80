"""The tunnel over plain sockets: bytes pass unchanged; closes are forwarded and recorded, in any order."""

import asyncio
import contextlib
import os
import random
import resource
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from connect_canary.model.phases import Phase
from connect_canary.network.loopback_listener import TunnelAddress
from connect_canary.network.proxy import Proxy
from connect_canary.network.tunnel import Tunnel
from tests.unit.factories import tunnel_request

LOOPBACK = "127.0.0.1"
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\n"
_SOON_S = 20.0
# The beginning of a handshake record, so that the endpoint is not stopped for speaking no TLS.
HELLO = b"\x16\x03\x03\x00\x04\x02\x00\x00\x00"


@dataclass(slots=True)
class Ends:
    """A tunnel with a connection on either side."""

    tunnel: Tunnel
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    endpoint_reader: asyncio.StreamReader
    endpoint_writer: asyncio.StreamWriter


@dataclass(slots=True)
class Listener:
    """A listener that queues its connections."""

    port: int
    accepted: "asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]]" = field(default_factory=asyncio.Queue)


@asynccontextmanager
async def _endpoint() -> AsyncIterator[Listener]:
    writers: list[asyncio.StreamWriter] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await endpoint.accepted.put((reader, writer))

    server = await asyncio.start_server(accept, LOOPBACK, 0)
    endpoint = Listener(server.sockets[0].getsockname()[1])
    try:
        yield endpoint
    finally:
        for writer in writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def _client(address: TunnelAddress) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Yield the tunnel's own client, which has sent its CONNECT request."""
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(tunnel_request(address))
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@asynccontextmanager
async def _established() -> AsyncIterator[Ends]:
    """Yield a tunnel through which nothing has passed yet."""
    async with asyncio.timeout(_SOON_S), _endpoint() as endpoint:
        tunnel = Tunnel(LOOPBACK, endpoint.port)
        try:
            async with _client(tunnel.open()) as (reader, writer):
                assert await reader.readuntil(b"\r\n\r\n") == ESTABLISHED
                assert await tunnel.established()
                yield Ends(tunnel, reader, writer, *await endpoint.accepted.get())
        finally:
            tunnel.abort()
            await asyncio.sleep(0)


async def _send(writer: asyncio.StreamWriter, data: bytes, chunks: random.Random) -> None:
    at = 0
    while at < len(data):
        size = chunks.choice([1, 2, 5, 100, 4096, 65536, 300_000])
        writer.write(data[at : at + size])
        await writer.drain()
        at += size
        if chunks.random() < 0.3:
            await asyncio.sleep(0)


def _record(size: int, source: random.Random) -> bytes:
    return b"\x17\x03\x03" + size.to_bytes(2) + source.randbytes(size)


@pytest.mark.parametrize("seed", range(6))
async def test_bytes_pass_unchanged_both_ways_at_the_same_time(seed: int) -> None:
    """In any chunks, more than any buffer holds, and never more than the endpoint may answer."""
    source = random.Random(seed)  # noqa: S311 - bytes to carry
    up = HELLO + b"".join(_record(source.randrange(16384), source) for _ in range(200))
    down = HELLO + b"".join(_record(source.randrange(16384), source) for _ in range(100))[: 1 << 19]
    async with _established() as ends:
        *_, up_received, down_received = await asyncio.gather(
            _send(ends.writer, up, source),
            _send(ends.endpoint_writer, down, source),
            ends.endpoint_reader.readexactly(len(up)),
            ends.reader.readexactly(len(down)),
        )
        assert up_received == up
        assert down_received == down
        assert ends.tunnel.trace.error is None


async def test_phases_before_tls() -> None:
    """Name, TCP, and then TLS from the moment at which the client may speak."""
    async with _established() as ends:
        assert list(ends.tunnel.trace.started_at) == [Phase.DNS, Phase.TCP, Phase.TLS]
        assert ends.tunnel.trace.address is not None


# -- ends ----------------------------------------------------------------------------------------------------------

End = Callable[[asyncio.StreamWriter], None]


def _reset(writer: asyncio.StreamWriter) -> None:
    connected: socket.socket = writer.get_extra_info("socket")
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    writer.transport.abort()


def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()


@pytest.mark.parametrize(("end", "reason"), [(_close, "closed"), (_reset, "reset")])
async def test_endpoint_that_ends_first(end: End, reason: str) -> None:
    """The kind of close is recorded, and the client's connection ends after the sent data."""
    async with _established() as ends:
        if end is _close:
            ends.endpoint_writer.write(HELLO)
        end(ends.endpoint_writer)
        await ends.tunnel.closed.wait()
        assert ends.tunnel.trace.server_closed == reason
        assert await ends.reader.read() == (HELLO if end is _close else b"")


@pytest.mark.parametrize("end", [_close, _reset])
async def test_client_that_ends_first(end: End) -> None:
    """The endpoint's connection ends too, and what the endpoint does then is not recorded."""
    async with _established() as ends:
        if end is _close:
            ends.writer.write(HELLO)
        end(ends.writer)
        await ends.tunnel.closed.wait()
        assert await ends.endpoint_reader.read() == (HELLO if end is _close else b"")
        ends.endpoint_writer.close()
        await asyncio.sleep(0.02)
        assert ends.tunnel.trace.server_closed is None


async def test_endpoint_that_shuts_down_its_sending_side_only() -> None:
    """A half-closed connection is closed: no client of TLS sends anything more."""
    async with _established() as ends:
        ends.endpoint_writer.write(HELLO)
        ends.endpoint_writer.write_eof()
        assert await ends.reader.read() == HELLO
        await ends.tunnel.closed.wait()
        assert ends.tunnel.trace.server_closed == "closed"
        assert await ends.endpoint_reader.read() == b""


async def test_cut() -> None:
    """Both sides end at once, any number of times, and nothing is recorded of the endpoint."""
    async with _established() as ends:
        ends.tunnel.abort()
        ends.tunnel.abort()
        for reader in (ends.reader, ends.endpoint_reader):
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
        assert ends.tunnel.trace.server_closed is None


async def test_cut_before_anybody_came() -> None:
    """No client can connect, and the tunnel is reported as not established."""
    tunnel = Tunnel(LOOPBACK, 1)
    port = tunnel.open().port
    tunnel.abort()
    assert not await tunnel.established()
    await asyncio.sleep(0.01)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(LOOPBACK, port)


async def test_cut_before_it_is_open() -> None:
    """Nothing is left open."""
    tunnel = Tunnel(LOOPBACK, 1)
    tunnel.abort()
    assert not await tunnel.established()


async def test_endpoint_that_speaks_no_tls_is_cut_off() -> None:
    """The client is closed at once, and the trace has the reason."""
    async with _established() as ends:
        ends.endpoint_writer.write(b"220 mail.example.com ESMTP\r\n")
        with contextlib.suppress(ConnectionResetError):
            await ends.reader.read()
        assert ends.tunnel.trace.error is not None
        assert ends.tunnel.trace.error.error_name == "NotTls"


# -- listening and dialling ----------------------------------------------------------------------------------------


async def test_second_client_is_refused() -> None:
    """The listener is closed as soon as one has come."""
    async with _endpoint() as endpoint:
        tunnel = Tunnel(LOOPBACK, endpoint.port)
        address = tunnel.open()
        async with _client(address) as (reader, _):
            await reader.readuntil(b"\r\n\r\n")
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(LOOPBACK, address.port)
        tunnel.abort()
        await asyncio.sleep(0)


async def test_second_connection_leads_to_the_same_address() -> None:
    """It is a socket of its own, on which nothing is traced."""
    async with _established() as ends:
        second = await ends.tunnel.open_second_connection()
        with second:
            assert ends.tunnel.trace.address is not None
            assert second.getpeername() == ends.tunnel.trace.address[4]


async def test_endpoint_that_refuses() -> None:
    """The client gets 502, and the trace has the system's name for it."""
    with socket.socket() as bound:
        bound.bind((LOOPBACK, 0))
        tunnel = Tunnel(LOOPBACK, bound.getsockname()[1])
        async with asyncio.timeout(_SOON_S), _client(tunnel.open()) as (reader, _):
            assert (await reader.read()).startswith(BAD_GATEWAY)
    assert not await tunnel.established()
    assert tunnel.trace.error is not None
    assert (tunnel.trace.error.error_name, tunnel.trace.phase) == ("ECONNREFUSED", Phase.TCP)
    tunnel.abort()


async def test_name_that_does_not_resolve() -> None:
    """The phase is DNS, or proxy where it is the name of an egress proxy."""
    for proxy, phase, words in (
        (None, Phase.DNS, "nowhere.invalid"),
        (Proxy(host="proxy.invalid", port=1), Phase.PROXY, "egress proxy proxy.invalid"),
    ):
        tunnel = Tunnel("nowhere.invalid", 443, proxy=proxy)
        async with asyncio.timeout(_SOON_S), _client(tunnel.open()) as (reader, _):
            assert (await reader.read()).startswith(BAD_GATEWAY)
        assert tunnel.trace.phase is phase
        assert str(tunnel.trace.error).startswith(f"{words} does not resolve")
        tunnel.abort()


async def test_proxy_is_asked_for_each_connection() -> None:
    """For the first and for the second one, with the endpoint's name."""
    async with asyncio.timeout(_SOON_S), _endpoint() as endpoint:
        tunnel = Tunnel("iot.example.com", 443, proxy=Proxy(host=LOOPBACK, port=endpoint.port))
        async with _client(tunnel.open()) as (reader, _):
            for dialling in (reader.readuntil(b"\r\n\r\n"), tunnel.open_second_connection()):
                task = asyncio.ensure_future(dialling)
                incoming, outgoing = await endpoint.accepted.get()
                assert (await incoming.readuntil(b"\r\n\r\n")).startswith(b"CONNECT iot.example.com:443 HTTP/1.1\r\n")
                outgoing.write(b"HTTP/1.1 200 OK\r\n\r\n")
                connected = await task
                if isinstance(connected, socket.socket):
                    connected.close()
        tunnel.abort()
        await asyncio.sleep(0)


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\n\r\n"])
async def test_stranger_before_the_client(sent: bytes) -> None:
    """It is dropped without a response and starts no phase; the tunnel's own client is served afterwards."""
    async with asyncio.timeout(_SOON_S), _endpoint() as endpoint:
        tunnel = Tunnel(LOOPBACK, endpoint.port)
        address = tunnel.open()
        stranger_reader, stranger = await asyncio.open_connection(address.host, address.port)
        stranger.write(sent)
        stranger.write_eof()
        assert await stranger_reader.read() == b""
        stranger.close()
        assert (tunnel.trace.phase, tunnel.trace.started_at, tunnel.trace.error) == (None, {}, None)
        async with _client(address) as (reader, _):
            assert await reader.readuntil(b"\r\n\r\n") == ESTABLISHED
        tunnel.abort()
        await asyncio.sleep(0)


@contextlib.contextmanager
def _no_descriptor() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    descriptor = os.dup(0)
    os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptor, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextlib.contextmanager
def _failed_callbacks() -> Iterator[list[dict[str, object]]]:
    """Yield a list of what the event loop would only log."""
    loop, failed = asyncio.get_running_loop(), list[dict[str, object]]()
    loop.set_exception_handler(lambda _, context: failed.append(context))
    try:
        yield failed
    finally:
        loop.set_exception_handler(None)


async def test_no_descriptor_is_left_to_accept_with() -> None:
    """The tunnel's own fault, not the endpoint's: no phase has begun, and the trace has the system's name for it."""
    tunnel = Tunnel(LOOPBACK, 1)
    with socket.create_connection((LOOPBACK, tunnel.open().port)):
        with _no_descriptor():
            await asyncio.sleep(0.3)
        tunnel.abort()
        assert not await tunnel.established()
        with _failed_callbacks() as failed:
            await asyncio.sleep(0.3)
        assert failed == []
    assert tunnel.trace.phase is None
    assert tunnel.trace.error is not None
    assert tunnel.trace.error.error_name == "EMFILE"
    assert "the canary's own tunnel" in str(tunnel.trace.error)


async def test_descriptor_is_free_again_after_a_while() -> None:
    """The client waits in the listener's queue until it can be accepted."""
    async with asyncio.timeout(_SOON_S), _endpoint() as endpoint:
        tunnel = Tunnel(LOOPBACK, endpoint.port)
        address = tunnel.open()
        # The event loop sees the connection only when no descriptor is left.
        with socket.create_connection((address.host, address.port)) as client:
            client.sendall(tunnel_request(address))
            with _no_descriptor():
                await asyncio.sleep(0.3)
            client.setblocking(False)  # noqa: FBT003 - the socket module's own signature
            assert await asyncio.get_running_loop().sock_recv(client, 1000) == ESTABLISHED
        tunnel.abort()
        await asyncio.sleep(0)
    assert tunnel.trace.error is None


async def test_whole_answer_of_a_tunnel_whose_endpoint_refuses() -> None:
    """A 502 without a body, after which the tunnel closes."""
    with socket.socket() as bound:
        bound.bind((LOOPBACK, 0))
        tunnel = Tunnel(LOOPBACK, bound.getsockname()[1])
        async with asyncio.timeout(_SOON_S), _client(tunnel.open()) as (reader, _):
            head = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            assert await reader.read() == head
    tunnel.abort()
