"""The egress proxy: HTTP CONNECT (RFC 9110, section 9.3.6)."""

import asyncio
import binascii
import errno
import socket
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import field

from connect_canary.model.frozen import frozen
from connect_canary.model.redaction import redact
from connect_canary.network.errors import DialError, errno_name
from connect_canary.network.http_head import ResponseHead, can_be_http, parse_response_head

_MAX_HEAD_BYTES = 16384
_HEAD_END = b"\r\n\r\n"
_OK = 200
# The headers in which a proxy says why it refuses: RFC 9209, squid's own, who it is, and how to authenticate.
_TELLING_HEADERS = ("Proxy-Status", "X-Squid-Error", "Proxy-Authenticate", "Via", "Server")


@frozen
class Proxy:
    """An egress proxy; `authorization` is the value of its Proxy-Authorization header."""

    host: str
    port: int
    authorization: str | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"egress proxy {self.host}:{self.port}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be shown of the proxy's response: the password, plain and as it was sent."""
        encoded = (self.authorization or "").partition(" ")[2]
        try:
            pair = b64decode(encoded).decode()
        except (binascii.Error, UnicodeDecodeError):
            return (encoded,)
        return (encoded, pair, pair.partition(":")[2])


async def connect_through_proxy(connected: socket.socket, proxy: Proxy, authority: str) -> None:
    """Send CONNECT for `authority` to the egress proxy; raise DialError unless it responds with 200."""
    credentials = f"Proxy-Authorization: {proxy.authorization}\r\n" if proxy.authorization else ""
    request = f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{credentials}\r\n"
    try:
        await asyncio.get_running_loop().sock_sendall(connected, request.encode())
        _require_success(await _read_response(connected), proxy)
    except OSError as error:
        connected.close()
        raise DialError(errno_name(error), f"{proxy.name} closes the connection after CONNECT") from error
    except BaseException:
        connected.close()
        raise


def _require_success(head: ResponseHead | None, proxy: Proxy) -> None:
    if head is None:
        raise DialError("NotHttp", f"{proxy.name} responds to CONNECT, but not with HTTP")
    if head.status != _OK:
        words = redact(_words(head), proxy.secrets)
        raise DialError("ProxyRefused", f"{proxy.name} responds to CONNECT with {words}", http_status=head.status)


def _words(head: ResponseHead) -> str:
    """Return the status line and what the headers tell of the proxy's reason."""
    told = "; ".join(_told(head))
    return f"{head.status} {head.phrase}".rstrip() + (f" ({told})" if told else "")


def _told(head: ResponseHead) -> Iterator[str]:
    for name in _TELLING_HEADERS:
        value = head.headers.get(name.lower())
        if value:
            yield f"{name}: {value}"


async def _read_response(connected: socket.socket) -> ResponseHead | None:
    """Return the head of the final response, after any interim ones; None as soon as it cannot be HTTP."""
    received = b""
    while True:
        while _HEAD_END not in received:
            if not can_be_http(received) or len(received) > _MAX_HEAD_BYTES:
                return None
            received += await _receive(connected)
        head, _, received = received.partition(_HEAD_END)
        response = parse_response_head(head)
        if response is None or not response.is_interim:
            return response


async def _receive(connected: socket.socket) -> bytes:
    """Return what comes next; raise OSError at its end."""
    chunk = await asyncio.get_running_loop().sock_recv(connected, _MAX_HEAD_BYTES)
    if not chunk:
        raise ConnectionAbortedError(errno.ECONNABORTED, "closed before the end of the HTTP head")
    return chunk
