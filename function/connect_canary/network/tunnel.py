"""The tunnel: a CONNECT proxy on loopback between the SDK's client and the endpoint.

The SDK's client is told to use an HTTP proxy (RFC 9110, section 9.3.6) that is this tunnel. Its bytes pass unchanged
and end-to-end encrypted, so the very connection that gives the verdict can be timed, explained and aborted.
"""

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from typing import cast

from connect_canary.model.phases import Phase
from connect_canary.model.tcp_info import TcpInfo
from connect_canary.network.address_survey import SURVEY_DELAY_S, AddressSurvey
from connect_canary.network.dialer import connect_address, connect_as_sdk, first_of_each_family
from connect_canary.network.errors import DialError, errno_name
from connect_canary.network.loopback_listener import LOOPBACK, LoopbackListener, TunnelAddress
from connect_canary.network.phase_detector import PhaseDetector
from connect_canary.network.proxy import Proxy, connect_through_proxy
from connect_canary.network.relay import Relay
from connect_canary.network.resolver import AddressInfo, resolve
from connect_canary.network.socket_options import probe_when_idle
from connect_canary.network.trace import Trace

# A connection that is accepted and reset at once; a refused one has ECONNREFUSED (RFC 9293).
_RESET = "ECONNRESET"
_BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def own_error(error_name: str) -> DialError:
    """Return the error of a tunnel that its client could not use: a fault of the canary, not of the endpoint."""
    return DialError(error_name, f"nothing came through the canary's own tunnel on {LOOPBACK}: {error_name}")


class Tunnel:
    """The tunnel of one attempt: it serves the one client that shows the attempt's secret."""

    def __init__(self, host: str, port: int, *, proxy: Proxy | None = None) -> None:
        """Connect to `host:port`, through `proxy` if it is given."""
        self.trace = Trace()
        self._host, self._port, self._proxy = host, port, proxy
        self._listener = LoopbackListener()
        self._serving: asyncio.Task[None] | None = None
        self._survey = AddressSurvey()
        self._sides: tuple[Relay, ...] = ()
        self._detector: PhaseDetector | None = None
        self.closed = asyncio.Event()
        self._established: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def open(self) -> TunnelAddress:
        """Listen on a loopback port that the system chooses; return it with the secret that the client has to show."""
        address = self._listener.open()
        self._serving = asyncio.create_task(self._serve())
        return address

    async def established(self) -> bool:
        """Return True once the endpoint is connected, False if it cannot be or the tunnel is aborted before."""
        return await asyncio.shield(self._established)

    async def open_second_connection(self) -> socket.socket:
        """Return a second socket, connected to the address that the tunnel uses; raise DialError, OSError."""
        address = cast("AddressInfo", self.trace.address)
        again = await connect_address(address)
        if self._proxy is not None:
            await connect_through_proxy(again, self._proxy, f"{self._host}:{self._port}")
        return again

    def tcp_info(self) -> TcpInfo | None:
        """Return TCP's counters of the connection to the endpoint or the egress proxy, None if there was none."""
        return self._sides[-1].tcp_info() if self._sides else None

    async def finish_survey(self, timeout_s: float) -> None:
        """Add to the trace what is known of the addresses that were not dialled, after at most `timeout_s`."""
        self.trace.addresses += await self._survey.finish(timeout_s)

    def abort(self) -> None:
        """Close every socket at once; may be called at any time and repeatedly."""
        self._listener.close()
        if self._listener.error is not None:
            self.trace.error = own_error(errno_name(self._listener.error))
        if self._serving is not None:
            self._serving.cancel()
        self._resolve_established(established=False)
        if self._detector is not None:
            # The client may have given up already, which the event loop has not seen yet.
            self._detector.client_closed()
        for side in self._sides:
            side.abort()

    async def _serve(self) -> None:
        accepted = await self._listener.accept()
        with contextlib.ExitStack() as unused:
            unused.callback(accepted.close)
            try:
                connected = await self._dial()
            except DialError as error:
                if error.error_name == _RESET and self._proxy is None:
                    self.trace.start_phase(Phase.TLS)
                self.trace.error = error
                self._resolve_established(established=False)
                with contextlib.suppress(OSError):  # the client has left
                    await asyncio.get_running_loop().sock_sendall(accepted, _BAD_GATEWAY)
                return
            await self._relay(accepted, connected)
            unused.pop_all()

    async def _dial(self) -> socket.socket:
        """Return a socket connected to the endpoint, through the egress proxy if there is one; raise DialError."""
        if self._proxy is not None:
            return await self._dial_proxy(self._proxy)
        self.trace.start_phase(Phase.DNS)
        addresses = await resolve(self._host, self._port)
        self.trace.start_phase(Phase.TCP)
        return await self._connect(addresses)

    async def _connect(self, addresses: Sequence[AddressInfo]) -> socket.socket:
        """Return a socket that is connected as the SDK would; survey the other addresses if that fails or is slow."""
        dialled = first_of_each_family(addresses)
        others = [address for address in addresses if address not in dialled]
        delayed = asyncio.get_running_loop().call_later(SURVEY_DELAY_S, self._survey.start, others)
        try:
            connected, self.trace.address = await connect_as_sdk(addresses, self.trace.addresses)
        except DialError:
            self._survey.start(others)
            raise
        finally:
            delayed.cancel()
        return connected

    async def _dial_proxy(self, proxy: Proxy) -> socket.socket:
        self.trace.start_phase(Phase.PROXY)
        try:
            connected = await self._connect(await resolve(proxy.host, proxy.port))
        except DialError as error:
            raise DialError(error.error_name, f"egress proxy {error}") from error
        self.trace.proxy_connected = True
        await connect_through_proxy(connected, proxy, f"{self._host}:{self._port}")
        return connected

    async def _relay(self, accepted: socket.socket, connected: socket.socket) -> None:
        """Accept the SDK's CONNECT request and relay bytes in both directions."""
        self._detector = detector = PhaseDetector(self.trace, stop=self._stop, closing=self._note_server_closed)
        inner = Relay(detector.feed_client, closed=lambda _: self._client_closed(detector), quick_ack=True)
        outer = Relay(detector.feed_server, closed=self._server_closed)
        inner.peer, outer.peer = outer, inner
        self._sides = (inner, outer)
        loop = asyncio.get_running_loop()
        self.trace.start_phase(Phase.TLS)
        probe_when_idle(connected)
        await loop.connect_accepted_socket(lambda: outer, connected)
        await loop.connect_accepted_socket(lambda: inner, accepted)
        inner.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self._resolve_established(established=True)

    def _resolve_established(self, *, established: bool) -> None:
        if not self._established.done():
            self._established.set_result(established)

    def _stop(self, error: DialError) -> None:
        if self.trace.error is None:
            self.trace.error = error
        self.abort()

    def _client_closed(self, detector: PhaseDetector) -> None:
        detector.client_closed()
        self.closed.set()

    def _server_closed(self, error: Exception | None) -> None:
        self._note_server_closed("reset" if isinstance(error, ConnectionResetError) else "closed")

    def _note_server_closed(self, how: str = "closed") -> None:
        """Record that the server closes the connection, unless the client closed it first."""
        if not self.trace.client_closed and self.trace.server_closed is None:
            self.trace.server_closed = how
        self.closed.set()
