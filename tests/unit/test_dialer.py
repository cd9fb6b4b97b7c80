"""From a name to a connected socket, and through an egress proxy: real sockets on loopback, no TLS."""

import asyncio
import contextlib
import errno
import gc
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest

from connect_canary.model.addresses import AddressResult
from connect_canary.network.dialer import connect_address, connect_as_sdk
from connect_canary.network.errors import DialError, errno_name
from connect_canary.network.proxy import Proxy, connect_through_proxy
from connect_canary.network.resolver import AddressInfo, resolve

LOOPBACK = "127.0.0.1"
HEAD_LIMIT = 16384
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def _address(port: int, host: str = LOOPBACK) -> AddressInfo:
    return (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port))


@contextmanager
def _refusing() -> Iterator[AddressInfo]:
    """Yield an address whose port is taken and does not listen."""
    with socket.socket() as bound:
        bound.bind((LOOPBACK, 0))
        yield _address(bound.getsockname()[1])


@contextmanager
def _full(listener: socket.socket) -> Iterator[AddressInfo]:
    """Yield the address of a listener whose queue of new connections is full: it answers no SYN."""
    with contextlib.ExitStack() as stack:
        listener.bind((LOOPBACK, 0))
        listener.listen(0)
        for _ in range(8):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)  # noqa: FBT003 - the socket module's own signature
            with contextlib.suppress(BlockingIOError):
                filler.connect(listener.getsockname())
        yield _address(listener.getsockname()[1])


@contextmanager
def _silent() -> Iterator[AddressInfo]:
    with socket.socket() as listener, _full(listener) as address:
        yield address


@contextmanager
def _listening() -> Iterator[AddressInfo]:
    with socket.create_server((LOOPBACK, 0)) as listening:
        yield _address(listening.getsockname()[1])


# -- names ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "EAI_NONAME"),
        (socket.gaierror(socket.EAI_FAIL, "Non-recoverable failure"), "EAI_FAIL"),
        (socket.gaierror(socket.EAI_SYSTEM, "System error"), "EAI_SYSTEM"),
        (socket.gaierror(socket.EAI_MEMORY, "Memory allocation failure"), "EAI_MEMORY"),
        (socket.gaierror(-9999, "Unheard of"), "EAI_FAIL"),
        (OSError(errno.EMFILE, "Too many open files"), "EMFILE"),
    ],
)
async def test_error_of_the_resolver_is_named(monkeypatch: pytest.MonkeyPatch, error: OSError, name: str) -> None:
    """The system's name for it, and its own words."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(DialError) as caught:
        await resolve("iot.example.com", 443)
    assert caught.value.error_name == name
    assert str(caught.value) == f"iot.example.com does not resolve: {error.strerror}"


async def test_temporary_failure_of_the_resolver_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that comes at once is not a name server that was waited for."""

    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(DialError, match=r"resolution; the name server reports a failure such as SERVFAIL") as caught:
        await resolve("iot.example.com", 443)
    assert caught.value.error_name == "EAI_AGAIN"


@pytest.mark.parametrize("host", ["nowhere.invalid", f"{'a' * 64}.invalid", "x..y", ""])
async def test_name_that_does_not_resolve(host: str) -> None:
    """By the resolver of this machine; a label that is too long or empty is not looked up."""
    with pytest.raises(DialError) as caught:
        await resolve(host, 443)
    assert caught.value.error_name.startswith("EAI_")
    assert str(caught.value).startswith(f"{host} does not resolve: ")


async def test_address_resolves_to_itself() -> None:
    """For TCP, with the port."""
    addresses = await resolve(LOOPBACK, 8443)
    assert [(info[0], info[1], info[4]) for info in addresses] == [
        (socket.AF_INET, socket.SOCK_STREAM, (LOOPBACK, 8443)),
    ]


# -- TCP -----------------------------------------------------------------------------------------------------------


async def test_refused_address() -> None:
    """By the system's name, with address and port."""
    with _refusing() as refusing, pytest.raises(DialError) as caught:
        await connect_as_sdk([refusing], [])
    assert caught.value.error_name == "ECONNREFUSED"
    assert str(caught.value) == f"{LOOPBACK}:{refusing[4][1]}: Connection refused"


async def test_what_came_of_the_address_is_told() -> None:
    """Of the only address too, whether or not it can be connected."""
    results: list[AddressResult] = []
    with _listening() as listening, _refusing() as refusing:
        connected, _ = await connect_as_sdk([listening], results)
        connected.close()
        with pytest.raises(DialError):
            await connect_as_sdk([refusing], results)
    assert [(result.address, result.used, result.failure) for result in results] == [
        (LOOPBACK, True, None),
        (LOOPBACK, True, "TcpRefused"),
    ]


async def test_refused_address_of_ipv6_is_in_brackets() -> None:
    """Whether or not this machine has IPv6, the address is written as in URLs."""
    refusing: AddressInfo = (socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("::1", 1, 0, 0))
    with pytest.raises(DialError, match=r"^\[::1\]:1: ") as caught:
        await connect_as_sdk([refusing], [])
    assert caught.value.error_name in {"ECONNREFUSED", "EADDRNOTAVAIL", "EAFNOSUPPORT", "ENETUNREACH"}


async def test_address_that_answers_first_is_taken_without_the_others() -> None:
    """The second of a family is not dialled at all."""
    with _listening() as listening, socket.create_server((LOOPBACK, 0)) as other:
        other.setblocking(False)  # noqa: FBT003 - the socket module's own signature
        connected, address = await connect_as_sdk([listening, _address(other.getsockname()[1])], [])
        connected.close()
        assert address == listening
        with pytest.raises(BlockingIOError):
            other.accept()


async def test_address_that_answers_late_is_waited_for() -> None:
    """Its SYN is sent again after a second, inside the SDK's time-out."""
    with socket.socket() as full, contextlib.ExitStack() as stack:
        silent = stack.enter_context(_full(full))
        connecting = asyncio.create_task(connect_as_sdk([silent], []))
        await asyncio.sleep(0.5)
        assert not connecting.done()
        full.listen(16)
        connected, address = await connecting
        with connected:
            assert address == silent


async def test_losing_family_leaves_no_task() -> None:
    """The dial that is still waiting when the other family connects is cancelled, and its socket closed."""
    with _silent() as silent, socket.create_server(("::1", 0), family=socket.AF_INET6) as listening:
        ipv6: AddressInfo = (socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", listening.getsockname())
        async with asyncio.timeout(10):
            connected, address = await connect_as_sdk([silent, ipv6], [])
        connected.close()
        assert address == ipv6
        await asyncio.sleep(0.01)
        assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_losing_family_that_connects_too_is_closed() -> None:
    """Nothing warns of a socket left open, and the endpoint sees its end."""
    with (
        socket.create_server((LOOPBACK, 0)) as listening,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as other,
    ):
        ipv6: AddressInfo = (socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", other.getsockname())
        for _ in range(10):
            connected, _address_of = await connect_as_sdk([_address(listening.getsockname()[1]), ipv6], [])
            connected.close()
            await asyncio.sleep(0.01)
            for server in (listening, other):
                accepted, _ = server.accept()
                with accepted:
                    accepted.settimeout(10)
                    assert accepted.recv(1) == b""
        gc.collect()


async def test_silent_address_is_left_when_time_is_over() -> None:
    """The socket is closed with the task: nothing warns of one left open. The address has not answered in time."""
    results: list[AddressResult] = []
    with _silent() as silent, pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await connect_as_sdk([silent, silent], results)
    assert [(result.address, result.failure) for result in results] == [(LOOPBACK, "TcpTimedOut")]


# -- heads of HTTP responses ---------------------------------------------------------------------------------------


@asynccontextmanager
async def _answering(serve: Serve) -> AsyncIterator[socket.socket]:
    """Yield a socket that is connected to a server running `serve`."""
    ended = asyncio.Event()

    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.close()
            ended.set()

    server = await asyncio.start_server(serving, LOOPBACK, 0)
    connected = await connect_address(_address(server.sockets[0].getsockname()[1]))
    try:
        yield connected
    finally:
        connected.close()
        await asyncio.wait_for(ended.wait(), 10)
        server.close()


def _saying(*chunks: bytes, pause_s: float = 0.0, stay: bool = True) -> Serve:
    """Return a server that answers a request with `chunks`, each in a segment of its own."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            for chunk in chunks:
                writer.write(chunk)
                await writer.drain()
                await asyncio.sleep(pause_s)
            if stay:
                await reader.read()

    return serve


async def _ask(serve: Serve, proxy: Proxy | None = None) -> None:
    async with _answering(serve) as connected:
        await connect_through_proxy(connected, proxy or Proxy(host="proxy.test", port=3128), "iot.example.com:443")
        assert connected.fileno() >= 0


async def _refusal(serve: Serve) -> DialError:
    """Return why the proxy does not connect; the socket is closed then."""
    async with _answering(serve) as connected:
        with pytest.raises(DialError) as caught:
            await connect_through_proxy(
                connected, Proxy(host="proxy.test", port=3128, authorization="Basic dXNlcjpwYXNz"), "iot.test:443"
            )
        assert connected.fileno() == -1
    assert str(caught.value).startswith("egress proxy proxy.test:3128 ")
    assert "dXNlcjpwYXNz" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 Connection established\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nVia: 1.0 squid\r\n\r\n",
        b"HTTP/1.1 200 \r\n\r\n",
        b"HTTP/1.1 200 OK\r\nProxy-Agent: x\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_proxy_that_connects(head: bytes) -> None:
    """In either version of HTTP, with or without a reason phrase."""
    await _ask(_saying(head))


async def test_head_may_be_cut_at_any_byte() -> None:
    """TCP promises nothing about segments."""
    head = b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n"
    for at in range(1, len(head)):
        await _ask(_saying(head[:at], head[at:]))


async def test_head_that_comes_slowly() -> None:
    """Byte by byte."""
    await _ask(_saying(*(bytes([byte]) for byte in b"HTTP/1.1 200 OK\r\n\r\n"), pause_s=0.002))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n",
            "to CONNECT with 407",
        ),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", "to CONNECT with 503"),
        (b"HTTP/1.0 403 Forbidden\r\nContent-Length: 3\r\n\r\nno!", "to CONNECT with 403"),
        (b"HTTP/1.1 407 \r\n\r\n", "to CONNECT with 407"),
        (b"HTTP/1.1 200\r\n\r\n", "responds to CONNECT, but not with HTTP"),
        (b"http/1.1 200 OK\r\n\r\n", "responds to CONNECT, but not with HTTP"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "responds to CONNECT, but not with HTTP"),
        (b"HTTP/1.1 20 OK\r\n\r\n", "responds to CONNECT, but not with HTTP"),
        (b"ICY 200 OK\r\n\r\n", "responds to CONNECT, but not with HTTP"),
        (b"\x15\x03\x03\x00\x02\x02\x28\r\n\r\n", "responds to CONNECT, but not with HTTP"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "responds to CONNECT, but not with HTTP"),
    ],
)
async def test_proxy_that_does_not_connect(answer: bytes, words: str) -> None:
    """The status is reported, and nothing else of the response."""
    refused = await _refusal(_saying(answer))
    assert refused.error_name == ("NotHttp" if "not with HTTP" in words else "ProxyRefused")
    assert words in str(refused)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r"])
async def test_proxy_that_closes_early(answer: bytes) -> None:
    """A head without its end is none."""
    refused = await _refusal(_saying(answer, stay=False))
    assert refused.error_name == "ECONNABORTED"
    assert str(refused).endswith("closes the connection after CONNECT")


async def test_proxy_that_resets() -> None:
    """By the system's name for it."""

    async def reset(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Unread bytes and an immediate end are a reset.
        await asyncio.sleep(0.05)
        writer.transport.abort()

    assert (await _refusal(reset)).error_name in {"ECONNRESET", "ECONNABORTED", "EPIPE"}


async def test_head_without_end_is_not_read_for_ever() -> None:
    """A proxy that sends on and on is left after some kilobytes."""
    refused = await _refusal(_saying(b"HTTP/1.1 200 OK\r\nA: ", *[b"x" * 4096] * 64))
    assert refused.error_name == "NotHttp"


@pytest.mark.parametrize(
    ("error", "name"),
    [(OSError(111, "refused"), "ECONNREFUSED"), (TimeoutError(), "TimeoutError"), (OSError(), "OSError")],
)
def test_error_of_the_system_is_named(error: OSError, name: str) -> None:
    """By its number, or by its class if it has none."""
    assert errno_name(error) == name


@pytest.mark.parametrize(("size", "is_read"), [(HEAD_LIMIT, True), (3 * HEAD_LIMIT, False)])
async def test_longest_head(size: int, is_read: bool) -> None:  # noqa: FBT001 - a case
    """16 KiB fit."""
    head = b"HTTP/1.1 200 OK\r\nA: ".ljust(size - 4, b"a") + b"\r\n\r\n"
    chunks = [head[at : at + 1024] for at in range(0, size, 1024)]
    if is_read:
        await _ask(_saying(*chunks))
    else:
        assert (await _refusal(_saying(*chunks))).error_name == "NotHttp"


async def test_silent_proxy_is_left_when_time_is_over() -> None:
    """The socket is closed."""
    async with _answering(_saying()) as connected:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await connect_through_proxy(connected, Proxy(host="proxy.test", port=3128), "iot.test:443")
        assert connected.fileno() == -1


@pytest.mark.parametrize("authorization", [None, "Basic dXNlcjpwYXNz"])
async def test_request_to_the_proxy(authorization: str | None) -> None:
    """CONNECT with authority and Host (RFC 9110, section 9.3.6), and credentials where there are some."""
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await reader.read()

    await _ask(serve, Proxy(host="proxy.test", port=3128, authorization=authorization))
    credentials = f"Proxy-Authorization: {authorization}\r\n" if authorization else ""
    expected = f"CONNECT iot.example.com:443 HTTP/1.1\r\nHost: iot.example.com:443\r\n{credentials}\r\n"
    assert requests == [expected.encode()]
