"""The loopback CONNECT tunnel of one attempt: dials the endpoint, carries bytes unchanged, stamps phases, can be cut.

The SDK's client is told to use an HTTP proxy (RFC 9110, section 9.3.6) that is this tunnel. TLS, upgrade and CONNECT go
strictly turn by turn, so the record headers of the client's flights (RFC 8446, section 5.1), which stay in clear, tell
where each phase ends. The bytes themselves stay end-to-end encrypted: the tunnel knows TLS records, not MQTT.
"""

import asyncio
import contextlib
import errno
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

from connect_canary.failures import Phase
from connect_canary.threads import in_thread

AddressInfo = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int] | tuple[str, int, int, int]]

LOOPBACK = "127.0.0.1"
_HEAD_LIMIT = 16384
_HAPPY_EYEBALLS_DELAY_S = 0.25  # RFC 8305, section 5
_HANDSHAKE, _ALERT, _APPLICATION_DATA = 22, 21, 23
_RECORD_HEADER = 5
# A TLS 1.3 Finished travels as application data, 4 + 48 (SHA-384) + 1 + 16 bytes at most; no request is so short.
_LONGEST_FINISHED = 69
# Between the upgrade request and the CONNECT a client may only end: a close_notify is 19 bytes, a close frame 25.
_SHORTEST_CONNECT = 37
_SEALED_ALERT = 19  # TLS 1.3: level, description, content type and 16 bytes of tag
_CONTENT_TYPES = range(20, 24)
_AFTER_UPGRADE = {Phase.CONNACK, Phase.DISCONNECT}
_AFTER_TLS = {Phase.UPGRADE, Phase.CONNACK, Phase.DISCONNECT}
# The SDK reads an endless answer for ever and grows by 200 MB a second (measured); an honest one has some kilobytes.
_MOST_RECEIVED = 1 << 20
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)
# How a connect ends that was accepted and reset at once; a refused one ends with ECONNREFUSED (RFC 9293).
_RESET = "ECONNRESET"
_BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class TunnelError(Exception):
    """DNS or TCP failed; `error_name` is the system's name for it, the message is in plain words."""

    def __init__(self, error_name: str, message: str) -> None:
        """Keep the system's name beside the words."""
        super().__init__(message)
        self.error_name = error_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """An egress proxy; `authorization` is the value of its Proxy-Authorization header."""

    host: str
    port: int
    authorization: str | None = field(default=None, repr=False)


@dataclass(slots=True)
class Trace:
    """When each phase began (seconds, `time.perf_counter`), where things stand, and what the wire showed."""

    began: dict[Phase, float] = field(default_factory=dict)
    phase: Phase | None = None
    error: TunnelError | None = None
    address: AddressInfo | None = None
    endpoint_closed: str | None = None
    client_ended: bool = False
    alert: int | None = None

    def enter(self, phase: Phase) -> None:
        """Stamp the beginning of `phase`, which ends the one before it."""
        self.began[phase] = time.perf_counter()
        self.phase = phase

    def phases_ms(self, until: float) -> dict[str, float]:
        """Return the duration of each phase in milliseconds; the last one ends at `until`."""
        starts = [*self.began.values(), until]
        return {str(phase): (starts[i + 1] - starts[i]) * 1000 for i, phase in enumerate(self.began)}


class Tunnel:
    """One attempt's tunnel: serves one connection of the SDK, and no second one."""

    def __init__(self, host: str, port: int, *, proxy: Proxy | None = None) -> None:
        """Lead to `host:port`, through `proxy` if there is one."""
        self.trace = Trace()
        self._host, self._port, self._proxy = host, port, proxy
        # asyncio sets TCP_NODELAY only where the protocol is named.
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._serving: asyncio.Task[None] | None = None
        self._sides: tuple[_Side, ...] = ()
        self.over = asyncio.Event()
        self._carrying: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def open(self) -> int:
        """Listen on a loopback port of the system's choice and return it."""
        self._listener.setblocking(False)  # noqa: FBT003 - the socket module's own signature
        self._listener.bind((LOOPBACK, 0))
        self._listener.listen(1)
        self._serving = asyncio.create_task(self._serve())
        return cast("int", self._listener.getsockname()[1])

    async def carrying(self) -> bool:
        """Wait until the endpoint is dialled; return False when it cannot be, or when the tunnel is cut before."""
        return await asyncio.shield(self._carrying)

    async def dial_again(self) -> socket.socket:
        """Return another socket to the address that the tunnel leads to; raise TunnelError, OSError."""
        address = cast("AddressInfo", self.trace.address)
        again, _ = await _connect_one(address)
        if self._proxy is not None:
            await ask_proxy(again, self._proxy, f"{self._host}:{self._port}")
        return again

    def cut(self) -> None:
        """Close everything now; safe at any time, any number of times."""
        if self._serving is not None:
            self._serving.cancel()
        self._listener.close()
        self._settle(carrying=False)
        for side in self._sides:
            side.abort()

    async def _serve(self) -> None:
        accepted, _ = await asyncio.get_running_loop().sock_accept(self._listener)
        self._listener.close()
        with contextlib.ExitStack() as unused:
            unused.callback(accepted.close)
            await _receive_head(accepted, quick_ack=True)
            try:
                dialled = await self._dial()
            except TunnelError as error:
                if error.error_name == _RESET:
                    self.trace.enter(Phase.TLS)
                self.trace.error = error
                self._settle(carrying=False)
                await asyncio.get_running_loop().sock_sendall(accepted, _BAD_GATEWAY)
                return
            unused.pop_all()
        await self._carry(accepted, dialled)

    async def _dial(self) -> socket.socket:
        """Return a socket on which the endpoint's bytes come and go; raise TunnelError."""
        if self._proxy is None:
            return await self._dial_hop(self._host, self._port)
        try:
            dialled = await self._dial_hop(self._proxy.host, self._proxy.port)
        except TunnelError as error:
            raise TunnelError(error.error_name, f"egress proxy {error}") from error
        await ask_proxy(dialled, self._proxy, f"{self._host}:{self._port}")
        return dialled

    async def _dial_hop(self, host: str, port: int) -> socket.socket:
        self.trace.enter(Phase.DNS)
        addresses = await resolve(host, port)
        self.trace.enter(Phase.TCP)
        dialled, self.trace.address = await connect(addresses)
        return dialled

    async def _carry(self, accepted: socket.socket, dialled: socket.socket) -> None:
        """Answer the SDK's CONNECT request and carry bytes from then on."""
        flights = _Flights(self.trace, stop=self._stop, ended=self._ended)
        inner = _Side(flights.client_sent, closed=lambda _: self.over.set(), quick_ack=True)
        outer = _Side(flights.endpoint_sent, closed=self._endpoint_closed)
        inner.peer, outer.peer = outer, inner
        self._sides = (inner, outer)
        loop = asyncio.get_running_loop()
        self.trace.enter(Phase.TLS)
        await loop.connect_accepted_socket(lambda: outer, dialled)
        await loop.connect_accepted_socket(lambda: inner, accepted)
        inner.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self._settle(carrying=True)

    def _settle(self, *, carrying: bool) -> None:
        if not self._carrying.done():
            self._carrying.set_result(carrying)

    def _stop(self, error: TunnelError) -> None:
        if self.trace.error is None:
            self.trace.error = error
        self.cut()

    def _endpoint_closed(self, error: Exception | None) -> None:
        self._ended("reset" if isinstance(error, ConnectionResetError) else "closed")

    def _ended(self, how: str = "closed") -> None:
        """Note that the endpoint ends the connection: before the client does, or in answer to it."""
        if not self.trace.client_ended and self.trace.endpoint_closed is None:
            self.trace.endpoint_closed = how
        self.over.set()


class _Side(asyncio.Protocol):
    """One side of the tunnel: lets `watch` see what it receives and hands it to its peer."""

    def __init__(
        self,
        watch: Callable[[bytes], None],
        *,
        closed: Callable[[Exception | None], None] | None = None,
        quick_ack: bool = False,
    ) -> None:
        self.peer: _Side | None = None
        self._watch, self._closed, self._quick_ack = watch, closed, quick_ack
        self._transport: asyncio.Transport | None = None
        self._cut = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if self._cut:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._quick_ack:
            acknowledge_quickly(cast("asyncio.Transport", self._transport).get_extra_info("socket"))
        self._watch(data)
        if self.peer is not None:
            self.peer.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._closed is not None and not self._cut:
            self._closed(exc)
        if self.peer is not None:
            self.peer.close()

    def pause_writing(self) -> None:
        if self.peer is not None and self.peer._transport is not None:  # noqa: SLF001 - the same class
            self.peer._transport.pause_reading()  # noqa: SLF001

    def resume_writing(self) -> None:
        if self.peer is not None and self.peer._transport is not None:  # noqa: SLF001
            self.peer._transport.resume_reading()  # noqa: SLF001

    def write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        """Close once what was written is sent; what the other side does then is no news of it."""
        self._closed = None
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        self._cut = True
        if self._transport is not None:
            self._transport.abort()


def acknowledge_quickly(received: socket.socket) -> None:
    """Acknowledge what was just received at once; Linux forgets the option after each use.

    The SDK's socket has no TCP_NODELAY: its upgrade request waits up to 40 ms for this acknowledgement.
    """
    if _QUICKACK is not None:
        with contextlib.suppress(OSError):
            received.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)


class _Flights:
    """Tells the phases apart by the record headers that pass."""

    def __init__(self, trace: Trace, *, stop: Callable[[TunnelError], None], ended: Callable[[], None]) -> None:
        self._trace, self._stop, self._ended = trace, stop, ended
        self._client, self._endpoint = _Records(), _Records()
        self._answered = False
        self._received = 0

    def client_sent(self, data: bytes) -> None:
        """Look at bytes from the client before they are carried on."""
        trace = self._trace
        for kind, length in self._client.headers(data):
            if trace.phase is Phase.TLS and kind == _APPLICATION_DATA and length > _LONGEST_FINISHED:
                trace.enter(Phase.UPGRADE)
                self._answered = False
            elif trace.phase is Phase.UPGRADE and self._answered and length >= _SHORTEST_CONNECT:
                trace.enter(Phase.CONNACK)
            elif trace.phase is Phase.DISCONNECT and not trace.client_ended and _is_alert(kind, length):
                self._ended()
            elif trace.phase in _AFTER_TLS:
                # A DISCONNECT, a close frame or a close_notify: from now on the endpoint only answers that.
                trace.client_ended = True

    def endpoint_sent(self, data: bytes) -> None:
        """Look at bytes from the endpoint before they are carried on."""
        if not self._received and not _is_tls(data):
            self._stop(TunnelError("NotTls", "the endpoint answers, but not with TLS"))
        self._received += len(data)
        if self._received > _MOST_RECEIVED and self._trace.phase is not Phase.DISCONNECT:
            self._stop(TunnelError("AnswerTooLong", f"the endpoint's answer has more than {_MOST_RECEIVED >> 20} MiB"))
        for kind, length in self._endpoint.headers(data):
            self._answered = True
            if self._trace.phase in _AFTER_UPGRADE and _is_alert(kind, length):
                self._ended()
            if kind == _ALERT and self._trace.phase is Phase.TLS and self._trace.alert is None:
                self._trace.alert = self._endpoint.alert


def _is_alert(kind: int, length: int) -> bool:
    """Tell whether a record is an alert, such as the close_notify of a side that ends without DISCONNECT."""
    return kind == _ALERT or (kind == _APPLICATION_DATA and length == _SEALED_ALERT)


def _is_tls(data: bytes) -> bool:
    """Tell whether `data` can begin a TLS record (RFC 8446, section 5.1)."""
    return data[0] in _CONTENT_TYPES and data[1:2] in {b"", b"\x03"}


class _Records:
    """Follows the framing of TLS records through a stream of chunks."""

    def __init__(self) -> None:
        self._header = b""
        self._body = 0
        self.alert: int | None = None

    def headers(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Yield content type and length of each record that begins in `data`."""
        at = 0
        while at < len(data):
            if self._body:
                step = min(self._body, len(data) - at)
                self._body -= step
                at += step
                continue
            missing = _RECORD_HEADER - len(self._header)
            self._header += data[at : at + missing]
            at += missing
            if len(self._header) == _RECORD_HEADER:
                kind, length = self._header[0], int.from_bytes(self._header[3:5])
                self._header, self._body = b"", length
                if kind == _ALERT and length == 2 and at + 2 <= len(data):  # noqa: PLR2004 - level, description
                    self.alert = data[at + 1]
                yield kind, length


async def resolve(host: str, port: int) -> Sequence[AddressInfo]:
    """Return the addresses of `host`, asked for now; raise TunnelError."""
    try:
        found = await in_thread(lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except socket.gaierror as error:
        raise TunnelError(_gai_name(error), f"{host} does not resolve: {error.strerror}") from error
    except OSError as error:
        raise TunnelError(_errno_name(error), f"{host} does not resolve: {error.strerror}") from error
    return cast("Sequence[AddressInfo]", found)


def _gai_name(error: socket.gaierror) -> str:
    names = {getattr(socket, name): name for name in dir(socket) if name.startswith("EAI_")}
    return names.get(error.errno, "EAI_FAIL")


async def connect(addresses: Sequence[AddressInfo]) -> tuple[socket.socket, AddressInfo]:
    """Return a socket connected to the first address that answers, and it (RFC 8305); raise TunnelError."""
    attempts: list[asyncio.Task[tuple[socket.socket, AddressInfo]]] = []
    errors: list[OSError] = []
    try:
        for address in addresses:
            attempts.append(asyncio.create_task(_connect_one(address)))
            delay = _HAPPY_EYEBALLS_DELAY_S if address is not addresses[-1] else None
            winner = await _first_connected(attempts, errors, delay)
            if winner is not None:
                return winner
    finally:
        for attempt in attempts:
            attempt.add_done_callback(_discard)
            attempt.cancel()
    error = errors[0]
    raise TunnelError(
        _errno_name(error), f"{_shown(addresses[0][4])}: {os.strerror(error.errno) if error.errno else error}"
    ) from error


async def _first_connected(
    attempts: list[asyncio.Task[tuple[socket.socket, AddressInfo]]], errors: list[OSError], delay: float | None
) -> tuple[socket.socket, AddressInfo] | None:
    """Wait until one has connected, all have failed, or `delay` seconds are over."""
    waiting = set(attempts)
    while waiting:
        done, waiting = await asyncio.wait(waiting, timeout=delay, return_when=asyncio.FIRST_COMPLETED)
        for attempt in done:
            attempts.remove(attempt)
            error = attempt.exception()
            if error is None:
                return attempt.result()
            if not isinstance(error, OSError):
                raise error
            errors.append(error)
        if not done:
            return None
    return None


async def _connect_one(address: AddressInfo) -> tuple[socket.socket, AddressInfo]:
    family, kind, protocol, _name, where = address
    dialled = socket.socket(family, kind, protocol)
    try:
        dialled.setblocking(False)  # noqa: FBT003 - the socket module's own signature
        await asyncio.get_running_loop().sock_connect(dialled, where)
    except BaseException:
        dialled.close()
        raise
    return dialled, address


def _discard(attempt: asyncio.Task[tuple[socket.socket, AddressInfo]]) -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result()[0].close()


async def ask_proxy(connected: socket.socket, proxy: Proxy, authority: str) -> None:
    """Ask the egress proxy to connect to `authority`; raise TunnelError when it does not."""
    credentials = f"Proxy-Authorization: {proxy.authorization}\r\n" if proxy.authorization else ""
    request = f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{credentials}\r\n"
    who = f"egress proxy {proxy.host}:{proxy.port}"
    try:
        await asyncio.get_running_loop().sock_sendall(connected, request.encode())
        head = await _receive_head(connected)
    except OSError as error:
        connected.close()
        raise TunnelError(f"Proxy{_errno_name(error)}", f"{who} closes the connection") from error
    except BaseException:
        connected.close()
        raise
    status = head.split(b" ", 2)[1:2]
    if status != [b"200"]:
        connected.close()
        answer = status[0][:3].decode("ascii", "replace") if status else "no HTTP"
        raise TunnelError("ProxyRefused", f"{who} answers {answer} to CONNECT")


async def _receive_head(connected: socket.socket, *, quick_ack: bool = False) -> bytes:
    """Return an HTTP head: nothing can follow it, because in TLS the client speaks first and only after the answer."""
    head = b""
    while b"\r\n\r\n" not in head:
        chunk = await asyncio.get_running_loop().sock_recv(connected, _HEAD_LIMIT)
        if not chunk or len(head) > _HEAD_LIMIT:
            raise ConnectionAbortedError(errno.ECONNABORTED, "no HTTP head")
        if quick_ack:
            acknowledge_quickly(connected)
        head += chunk
    return head


def _errno_name(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, type(error).__name__)


def _shown(address: Sequence[object]) -> str:
    return f"[{address[0]}]:{address[1]}" if ":" in str(address[0]) else f"{address[0]}:{address[1]}"
