"""The loopback listener: accepts the SDK's client of one attempt, and nobody else.

Any local process can connect to the port: a scanner, a health checker, another canary. The attempt's own client shows a
secret in its CONNECT (RFC 9110, section 11.7.2); every other connection is dropped, and the listener goes on.
"""

import asyncio
import hmac
import secrets
import socket
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from connect_canary.model.secret import Secret
from connect_canary.network.socket_options import set_quickack

LOOPBACK = "127.0.0.1"
_USERNAME = "attempt"
_SECRET_BYTES = 24
_HEAD_END = b"\r\n\r\n"
_MAX_HEAD_BYTES = 16384
# How many connections may wait for their CONNECT to be complete; the oldest of more is dropped.
_MAX_UNAUTHENTICATED = 16
_BACKLOG = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelAddress:
    """Where an attempt's client finds its tunnel, and what it shows there in basic authentication."""

    port: int
    password: Secret
    host: str = LOOPBACK
    username: str = _USERNAME


class LoopbackListener:
    """Listens on a loopback port that the system chooses, for one client."""

    def __init__(self) -> None:
        """Make the secret; nothing listens yet."""
        # asyncio sets TCP_NODELAY only where the protocol is named.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._password = secrets.token_urlsafe(_SECRET_BYTES)
        self._server: asyncio.Server | None = None
        self._waiting: list[asyncio.Transport] = []
        self._client: asyncio.Future[asyncio.Transport] = asyncio.get_running_loop().create_future()

    def open(self) -> TunnelAddress:
        """Listen, and return where."""
        self._socket.bind((LOOPBACK, 0))
        self._socket.listen(_BACKLOG)
        port = cast("int", self._socket.getsockname()[1])
        return TunnelAddress(port=port, password=Secret(self._password))

    async def accept(self) -> asyncio.Transport:
        """Return the client that shows the secret, its CONNECT read and its reading paused; listen no longer."""
        credentials = b64encode(f"{_USERNAME}:{self._password}".encode())
        try:
            self._server = await asyncio.get_running_loop().create_server(
                lambda: _Unauthenticated(credentials, self._admit, self._authenticated, self._forget),
                sock=self._socket,
                backlog=_BACKLOG,
            )
            return await self._client
        except asyncio.CancelledError:
            if self._client.done() and not self._client.cancelled():
                self._client.result().abort()
            raise
        finally:
            self.close()

    def close(self) -> None:
        """Stop listening and drop every connection that has not shown the secret."""
        if self._server is None:
            self._socket.close()
        else:
            self._server.close()
        for transport in self._waiting:
            transport.abort()

    def _admit(self, transport: asyncio.Transport) -> None:
        self._waiting.append(transport)
        if self._client.done() or len(self._waiting) > _MAX_UNAUTHENTICATED:
            self._waiting.pop(0).abort()

    def _authenticated(self, transport: asyncio.Transport) -> None:
        if self._client.done():
            transport.abort()
            return
        self._forget(transport)
        transport.pause_reading()
        self._client.set_result(transport)

    def _forget(self, transport: asyncio.Transport) -> None:
        if transport in self._waiting:
            self._waiting.remove(transport)


OnTransport = Callable[[asyncio.Transport], None]


class _Unauthenticated(asyncio.Protocol):
    """A connection whose CONNECT is not complete yet."""

    def __init__(self, credentials: bytes, admit: OnTransport, authenticated: OnTransport, forget: OnTransport) -> None:
        self._credentials, self._admit, self._authenticated, self._forget = credentials, admit, authenticated, forget
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._admit(self._transport)

    def data_received(self, data: bytes) -> None:
        set_quickack(self._transport.get_extra_info("socket"))
        self._head += data
        if _HEAD_END in self._head and _shows(self._head, self._credentials):
            self._authenticated(self._transport)
        elif _HEAD_END in self._head or len(self._head) > _MAX_HEAD_BYTES:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's signature
        self._forget(self._transport)


def _shows(head: bytes, credentials: bytes) -> bool:
    """Return whether the CONNECT carries `credentials`; takes the same time for any others of the same length."""
    method, *fields = head.split(b"\r\n")
    for field in fields:
        name, _, value = field.partition(b":")
        if name.lower() == b"proxy-authorization":
            scheme, _, shown = value.strip().partition(b" ")
            return hmac.compare_digest(shown, credentials) and scheme == b"Basic" and method.startswith(b"CONNECT ")
    return False
