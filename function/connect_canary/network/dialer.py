"""Dialing: from addresses to a connected socket (RFC 8305)."""

import asyncio
import os
import socket
from collections.abc import Sequence

from connect_canary.network.errors import DialError, errno_name
from connect_canary.network.resolver import AddressInfo

_HAPPY_EYEBALLS_DELAY_S = 0.25  # RFC 8305, section 5


async def connect_any(addresses: Sequence[AddressInfo]) -> tuple[socket.socket, AddressInfo]:
    """Return a socket connected to the first address that accepts, and that address (RFC 8305); raise DialError."""
    attempts: list[asyncio.Task[tuple[socket.socket, AddressInfo]]] = []
    errors: list[OSError] = []
    try:
        for address in addresses:
            attempts.append(asyncio.create_task(connect_address(address)))
            delay = _HAPPY_EYEBALLS_DELAY_S if address is not addresses[-1] else None
            winner = await _first_connected(attempts, errors, delay)
            if winner is not None:
                return winner
    finally:
        for attempt in attempts:
            attempt.add_done_callback(_close_result)
            attempt.cancel()
    error = errors[0]
    raise DialError(
        errno_name(error), f"{_format_address(addresses[0][4])}: {os.strerror(error.errno) if error.errno else error}"
    ) from error


async def _first_connected(
    attempts: list[asyncio.Task[tuple[socket.socket, AddressInfo]]], errors: list[OSError], delay: float | None
) -> tuple[socket.socket, AddressInfo] | None:
    """Wait until one attempt has connected, all have failed, or `delay` seconds have passed."""
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


async def connect_address(address: AddressInfo) -> tuple[socket.socket, AddressInfo]:
    """Return a socket connected to `address`, and that address; raise OSError."""
    family, kind, protocol, _name, socket_address = address
    connected = socket.socket(family, kind, protocol)
    try:
        connected.setblocking(False)  # noqa: FBT003 - the socket module's own signature
        await asyncio.get_running_loop().sock_connect(connected, socket_address)
    except BaseException:
        connected.close()
        raise
    return connected, address


def _close_result(attempt: asyncio.Task[tuple[socket.socket, AddressInfo]]) -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result()[0].close()


def _format_address(address: Sequence[object]) -> str:
    return f"[{address[0]}]:{address[1]}" if ":" in str(address[0]) else f"{address[0]}:{address[1]}"
