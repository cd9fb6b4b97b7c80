"""The tunnel: a CONNECT proxy on loopback that leads one SDK client to its endpoint."""

import asyncio
import contextlib
import errno
import socket
from typing import cast

from connect_canary.model.phases import Phase
from connect_canary.network.dialer import connect_address, connect_any
from connect_canary.network.errors import DialError
from connect_canary.network.phase_detector import PhaseDetector
from connect_canary.network.proxy import Proxy, connect_through_proxy, read_http_head
from connect_canary.network.relay import Relay
from connect_canary.network.resolver import AddressInfo, resolve
from connect_canary.network.trace import Trace

LOOPBACK = "127.0.0.1"
# How a connect ends that was accepted and reset at once; a refused one ends with ECONNREFUSED (RFC 9293).
_RESET = "ECONNRESET"
_BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def own_error(error_name: str) -> DialError:
    """Return the error of a tunnel that its client could not use: trouble of the canary, not of the endpoint."""
    return DialError(error_name, f"nothing came through the canary's own tunnel on {LOOPBACK}: {error_name}")


class Tunnel:
    """One attempt's tunnel: serves one connection of the SDK, and no second one."""

    def __init__(self, host: str, port: int, *, proxy: Proxy | None = None) -> None:
        """Lead to `host:port`, through `proxy` if there is one."""
        self.trace = Trace()
        self._host, self._port, self._proxy = host, port, proxy
        # asyncio sets TCP_NODELAY only where the protocol is named.
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._serving: asyncio.Task[None] | None = None
        self._sides: tuple[Relay, ...] = ()
        self.over = asyncio.Event()
        self._carrying: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def open(self) -> int:
        """Listen on a loopback port of the system's choice and return it."""
        self._listener.setblocking(False)  # noqa: FBT003 - the socket module's own signature
        self._listener.bind((LOOPBACK, 0))
        self._listener.listen(1)
        self._serving = asyncio.create_task(self._serve())
        # Not before: the event loop may still be about to accept.
        self._serving.add_done_callback(lambda _: self._listener.close())
        return cast("int", self._listener.getsockname()[1])

    async def carrying(self) -> bool:
        """Wait until the endpoint is dialled; return False when it cannot be, or when the tunnel is cut before."""
        return await asyncio.shield(self._carrying)

    async def dial_again(self) -> socket.socket:
        """Return another socket to the address that the tunnel leads to; raise DialError, OSError."""
        address = cast("AddressInfo", self.trace.address)
        again, _ = await connect_address(address)
        if self._proxy is not None:
            await connect_through_proxy(again, self._proxy, f"{self._host}:{self._port}")
        return again

    def cut(self) -> None:
        """Close everything now; safe at any time, any number of times."""
        if self._serving is None:
            self._listener.close()
        else:
            self._serving.cancel()
        self._settle(carrying=False)
        for side in self._sides:
            side.abort()

    async def _serve(self) -> None:
        try:
            accepted = await self._accept()
        except OSError as error:
            self.trace.error = own_error(errno.errorcode.get(error.errno or 0, type(error).__name__))
            self._settle(carrying=False)
            return
        with contextlib.ExitStack() as unused:
            unused.callback(accepted.close)
            try:
                dialled = await self._dial()
            except DialError as error:
                if error.error_name == _RESET:
                    self.trace.enter(Phase.TLS)
                self.trace.error = error
                self._settle(carrying=False)
                await asyncio.get_running_loop().sock_sendall(accepted, _BAD_GATEWAY)
                return
            unused.pop_all()
        await self._carry(accepted, dialled)

    async def _accept(self) -> socket.socket:
        """Return the client's connection once its CONNECT request is received; raise OSError."""
        accepted, _ = await asyncio.get_running_loop().sock_accept(self._listener)
        self._listener.close()
        try:
            await read_http_head(accepted, quick_ack=True)
        except BaseException:
            accepted.close()
            raise
        return accepted

    async def _dial(self) -> socket.socket:
        """Return a socket on which the endpoint's bytes come and go; raise DialError."""
        if self._proxy is None:
            return await self._dial_hop(self._host, self._port)
        try:
            dialled = await self._dial_hop(self._proxy.host, self._proxy.port)
        except DialError as error:
            raise DialError(error.error_name, f"egress proxy {error}") from error
        await connect_through_proxy(dialled, self._proxy, f"{self._host}:{self._port}")
        return dialled

    async def _dial_hop(self, host: str, port: int) -> socket.socket:
        self.trace.enter(Phase.DNS)
        addresses = await resolve(host, port)
        self.trace.enter(Phase.TCP)
        dialled, self.trace.address = await connect_any(addresses)
        return dialled

    async def _carry(self, accepted: socket.socket, dialled: socket.socket) -> None:
        """Answer the SDK's CONNECT request and carry bytes from then on."""
        flights = PhaseDetector(self.trace, stop=self._stop, ended=self._ended)
        inner = Relay(flights.client_sent, closed=lambda _: self._client_closed(flights), quick_ack=True)
        outer = Relay(flights.endpoint_sent, closed=self._endpoint_closed)
        inner.peer, outer.peer = outer, inner
        self._sides = (inner, outer)
        loop = asyncio.get_running_loop()
        self.trace.enter(Phase.TLS)
        with contextlib.ExitStack() as unused:
            unused.callback(accepted.close)
            await loop.connect_accepted_socket(lambda: outer, dialled)
            unused.pop_all()
        await loop.connect_accepted_socket(lambda: inner, accepted)
        inner.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self._settle(carrying=True)

    def _settle(self, *, carrying: bool) -> None:
        if not self._carrying.done():
            self._carrying.set_result(carrying)

    def _stop(self, error: DialError) -> None:
        if self.trace.error is None:
            self.trace.error = error
        self.cut()

    def _client_closed(self, flights: PhaseDetector) -> None:
        flights.client_closed()
        self.over.set()

    def _endpoint_closed(self, error: Exception | None) -> None:
        self._ended("reset" if isinstance(error, ConnectionResetError) else "closed")

    def _ended(self, how: str = "closed") -> None:
        """Note that the endpoint ends the connection: before the client does, or in answer to it."""
        if not self.trace.client_ended and self.trace.endpoint_closed is None:
            self.trace.endpoint_closed = how
        self.over.set()
