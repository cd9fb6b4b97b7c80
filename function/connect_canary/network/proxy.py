"""The egress proxy: HTTP CONNECT (RFC 9110, section 9.3.6)."""

import asyncio
import errno
import re
import socket
from dataclasses import dataclass, field

from connect_canary.network.errors import DialError, errno_name
from connect_canary.network.socket_options import set_quickack

_MAX_HEAD_BYTES = 16384
_STATUS = re.compile(rb"HTTP/1\.\d (\d{3})\s", re.IGNORECASE)  # some servers send no reason phrase, and no space


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """An egress proxy; `authorization` is the value of its Proxy-Authorization header."""

    host: str
    port: int
    authorization: str | None = field(default=None, repr=False)


async def connect_through_proxy(connected: socket.socket, proxy: Proxy, authority: str) -> None:
    """Send CONNECT for `authority` to the egress proxy; raise DialError unless it responds with 200."""
    credentials = f"Proxy-Authorization: {proxy.authorization}\r\n" if proxy.authorization else ""
    request = f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{credentials}\r\n"
    name = f"egress proxy {proxy.host}:{proxy.port}"
    try:
        await asyncio.get_running_loop().sock_sendall(connected, request.encode())
        head = await read_http_head(connected)
    except OSError as error:
        connected.close()
        raise DialError(f"Proxy{errno_name(error)}", f"{name} closes the connection") from error
    except BaseException:
        connected.close()
        raise
    status = _STATUS.match(head)
    if status is None or status.group(1) != b"200":
        connected.close()
        response = status.group(1).decode() if status else "no HTTP"
        raise DialError("ProxyRefused", f"{name} answers {response} to CONNECT")


async def read_http_head(connected: socket.socket, *, quick_ack: bool = False) -> bytes:
    """Return the head of an HTTP message; no TLS byte follows it before the tunnel is established."""
    head = b""
    while b"\r\n\r\n" not in head:
        chunk = await asyncio.get_running_loop().sock_recv(connected, _MAX_HEAD_BYTES)
        if not chunk or len(head) > _MAX_HEAD_BYTES:
            raise ConnectionAbortedError(errno.ECONNABORTED, "no HTTP head")
        if quick_ack:
            set_quickack(connected)
        head += chunk
    return head
