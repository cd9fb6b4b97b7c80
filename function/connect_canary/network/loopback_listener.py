"""The loopback listener: accepts the SDK's client of one attempt, and nobody else.

Any local process can connect to the port: a scanner, a health checker, another canary. The attempt's own client shows a
secret in its CONNECT (RFC 9110, section 11.7.2); every other connection is dropped, and the listener goes on.
"""

import asyncio
import hmac
import secrets
import socket
from base64 import b64encode
from typing import cast

from connect_canary.model.frozen import frozen
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
_RETRY_S = 0.1


@frozen
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
        self._credentials = b64encode(f"{_USERNAME}:{self._password}".encode())
        self._heads: dict[socket.socket, bytes] = {}
        self._loop = asyncio.get_running_loop()
        self._client: asyncio.Future[socket.socket] = self._loop.create_future()
        self.error: OSError | None = None

    def open(self) -> TunnelAddress:
        """Listen, and return where."""
        self._socket.setblocking(False)  # noqa: FBT003 - the socket module's own signature
        self._socket.bind((LOOPBACK, 0))
        self._socket.listen(_BACKLOG)
        self._loop.add_reader(self._socket.fileno(), self._accept)
        port = cast("int", self._socket.getsockname()[1])
        return TunnelAddress(port=port, password=Secret(self._password))

    async def accept(self) -> socket.socket:
        """Return the client that shows the secret, its CONNECT read; listen no longer."""
        try:
            return await self._client
        except asyncio.CancelledError:
            if self._client.done() and not self._client.cancelled():
                self._client.result().close()
            raise
        finally:
            self.close()

    def close(self) -> None:
        """Stop listening and drop every connection that has not shown the secret; may be called repeatedly."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
        for connected in list(self._heads):
            self._drop(connected)

    def _accept(self) -> None:
        try:
            connected, _ = self._socket.accept()
        except BlockingIOError:
            return
        except OSError as error:  # no descriptor is left; the connection waits in the queue
            self.error = error
            self._loop.remove_reader(self._socket.fileno())
            self._loop.call_later(_RETRY_S, self._resume)
            return
        self.error = None
        connected.setblocking(False)  # noqa: FBT003 - the socket module's own signature
        self._heads[connected] = b""
        self._loop.add_reader(connected.fileno(), self._read, connected)
        if len(self._heads) > _MAX_UNAUTHENTICATED:
            self._drop(next(iter(self._heads)))

    def _resume(self) -> None:
        if self._socket.fileno() >= 0:
            self._loop.add_reader(self._socket.fileno(), self._accept)

    def _read(self, connected: socket.socket) -> None:
        try:
            data = connected.recv(_MAX_HEAD_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        set_quickack(connected)
        head = self._heads[connected] = self._heads[connected] + data
        if _HEAD_END in head and _shows(head, self._credentials) and not self._client.done():
            self._loop.remove_reader(connected.fileno())
            del self._heads[connected]
            self._client.set_result(connected)
        elif not data or _HEAD_END in head or len(head) > _MAX_HEAD_BYTES:
            self._drop(connected)

    def _drop(self, connected: socket.socket) -> None:
        self._loop.remove_reader(connected.fileno())
        del self._heads[connected]
        connected.close()


def _shows(head: bytes, credentials: bytes) -> bool:
    """Return whether the CONNECT carries `credentials`; takes the same time for any others of the same length."""
    method, *fields = head.split(b"\r\n")
    for field in fields:
        name, _, value = field.partition(b":")
        if name.lower() == b"proxy-authorization":
            scheme, _, shown = value.strip().partition(b" ")
            return hmac.compare_digest(shown, credentials) and scheme == b"Basic" and method.startswith(b"CONNECT ")
    return False
