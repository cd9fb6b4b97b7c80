"""Dialling: from a host's name to a connected socket, and through an egress proxy where there is one."""

import asyncio
import contextlib
import errno
import os
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from connect_canary.threads import in_thread

_HEAD_LIMIT = 16384
_STATUS = re.compile(rb"HTTP/1\.\d (\d{3})\s", re.IGNORECASE)  # some servers send no reason phrase, and no space
_HAPPY_EYEBALLS_DELAY_S = 0.25  # RFC 8305, section 5
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)

AddressInfo = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int] | tuple[str, int, int, int]]


class DialError(Exception):
    """No connection to the endpoint; `error_name` is the system's name for it, the message is in plain words."""

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


async def resolve(host: str, port: int) -> Sequence[AddressInfo]:
    """Return the addresses of `host`, asked for now; raise DialError."""
    try:
        found = await in_thread(lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except socket.gaierror as error:
        raise DialError(_gai_name(error), f"{host} does not resolve: {error.strerror}") from error
    except OSError as error:
        raise DialError(_errno_name(error), f"{host} does not resolve: {error.strerror}") from error
    except UnicodeError as error:  # an egress proxy's name, which nobody has checked
        raise DialError("EAI_NONAME", f"{host} does not resolve: it is no host name") from error
    return cast("Sequence[AddressInfo]", found)


def _gai_name(error: socket.gaierror) -> str:
    names = {getattr(socket, name): name for name in dir(socket) if name.startswith("EAI_")}
    return names.get(error.errno, "EAI_FAIL")


async def connect(addresses: Sequence[AddressInfo]) -> tuple[socket.socket, AddressInfo]:
    """Return a socket connected to the first address that answers, and it (RFC 8305); raise DialError."""
    attempts: list[asyncio.Task[tuple[socket.socket, AddressInfo]]] = []
    errors: list[OSError] = []
    try:
        for address in addresses:
            attempts.append(asyncio.create_task(connect_one(address)))
            delay = _HAPPY_EYEBALLS_DELAY_S if address is not addresses[-1] else None
            winner = await _first_connected(attempts, errors, delay)
            if winner is not None:
                return winner
    finally:
        for attempt in attempts:
            attempt.add_done_callback(_discard)
            attempt.cancel()
    error = errors[0]
    raise DialError(
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


async def connect_one(address: AddressInfo) -> tuple[socket.socket, AddressInfo]:
    """Return a socket connected to `address`, and it; raise OSError."""
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
    """Ask the egress proxy to connect to `authority`; raise DialError when it does not."""
    credentials = f"Proxy-Authorization: {proxy.authorization}\r\n" if proxy.authorization else ""
    request = f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{credentials}\r\n"
    who = f"egress proxy {proxy.host}:{proxy.port}"
    try:
        await asyncio.get_running_loop().sock_sendall(connected, request.encode())
        head = await receive_head(connected)
    except OSError as error:
        connected.close()
        raise DialError(f"Proxy{_errno_name(error)}", f"{who} closes the connection") from error
    except BaseException:
        connected.close()
        raise
    status = _STATUS.match(head)
    if status is None or status.group(1) != b"200":
        connected.close()
        answer = status.group(1).decode() if status else "no HTTP"
        raise DialError("ProxyRefused", f"{who} answers {answer} to CONNECT")


async def receive_head(connected: socket.socket, *, quick_ack: bool = False) -> bytes:
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


def acknowledge_quickly(received: socket.socket) -> None:
    """Acknowledge what was just received at once; Linux forgets the option after each use.

    The SDK's socket has no TCP_NODELAY: its upgrade request waits up to 40 ms for this acknowledgement.
    """
    if _QUICKACK is not None:
        with contextlib.suppress(OSError):
            received.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
