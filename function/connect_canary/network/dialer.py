"""Dialing as the SDK does: from addresses to a connected socket.

The SDK's resolver returns one A and one AAAA record, the first of each as the system orders them. Its bootstrap dials
both at the same time, each for 5 s, and the first that connects wins; another address is dialled only by a client's
next try (aws-c-io, host_resolver.c and channel_bootstrap.c; measured with awscrt 0.36.1).
"""

import asyncio
import errno
import os
import socket
from collections.abc import Iterable, Mapping, Sequence

from connect_canary.model.addresses import AddressResult, describe_failed, tcp_failure
from connect_canary.model.failures import Failure
from connect_canary.network.errors import DialError, errno_name
from connect_canary.network.resolver import AddressInfo

CONNECT_TIMEOUT_S = 5.0  # connect_timeout_ms of the SDK's SocketOptions
_Dial = asyncio.Task[socket.socket]


def first_of_each_family(addresses: Iterable[AddressInfo]) -> list[AddressInfo]:
    """Return the addresses that the SDK would dial."""
    chosen: dict[socket.AddressFamily, AddressInfo] = {}
    for address in addresses:
        chosen.setdefault(address[0], address)
    return list(chosen.values())


async def connect_as_sdk(
    addresses: Sequence[AddressInfo], results: list[AddressResult]
) -> tuple[socket.socket, AddressInfo]:
    """Return a connected socket and its address; raise DialError. What came of each address is added to `results`."""
    chosen = first_of_each_family(addresses)
    return await (_race(chosen, results) if len(chosen) > 1 else _connect_only(chosen[0], results))


async def _connect_only(address: AddressInfo, results: list[AddressResult]) -> tuple[socket.socket, AddressInfo]:
    # Most names have one family: no task is needed.
    try:
        connected = await connect_address(address)
    except DialError as error:
        results.append(_result(address, tcp_failure(error.error_name)))
        raise
    except asyncio.CancelledError:  # the deadline is reached
        results.append(_result(address, Failure.TCP_TIMED_OUT))
        raise
    results.append(_result(address))
    return connected, address


async def _race(addresses: Sequence[AddressInfo], results: list[AddressResult]) -> tuple[socket.socket, AddressInfo]:
    dials = {asyncio.create_task(connect_address(address)): address for address in addresses}
    connected: _Dial | None = None
    try:
        connected = await _first_connected(dials, results)
        return connected.result(), dials[connected]
    except asyncio.CancelledError:  # the deadline is reached
        results += [_result(dials[dial], Failure.TCP_TIMED_OUT) for dial in dials if not dial.done()]
        raise
    finally:
        for dial in dials:
            if dial is not connected:
                dial.add_done_callback(_close_result)
                dial.cancel()


async def _first_connected(dials: Mapping[_Dial, AddressInfo], results: list[AddressResult]) -> _Dial:
    """Return the first dial that connects; raise the DialError of the last one if none does, as the SDK does."""
    waiting, last = set(dials), DialError("EADDRNOTAVAIL", "no address")
    while waiting:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for dial in (dial for dial in dials if dial in done):
            try:
                dial.result()
            except DialError as error:
                results.append(_result(dials[dial], tcp_failure(error.error_name)))
                last = error
            else:
                results.append(_result(dials[dial]))
                return dial
    raise DialError(last.error_name, describe_failed(results) or str(last)) from last


async def connect_address(address: AddressInfo) -> socket.socket:
    """Return a socket connected to `address`, within the SDK's time-out; raise DialError."""
    family, kind, protocol, _name, socket_address = address
    try:
        connected = socket.socket(family, kind, protocol)
        try:
            connected.setblocking(False)  # noqa: FBT003 - the socket module's own signature
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await asyncio.get_running_loop().sock_connect(connected, socket_address)
        except BaseException:
            connected.close()
            raise
    except OSError as error:
        name = "ETIMEDOUT" if isinstance(error, TimeoutError) else errno_name(error)
        message = os.strerror(error.errno or errno.ETIMEDOUT)
        raise DialError(name, f"{_format_address(socket_address)}: {message}") from error
    return connected


def _result(address: AddressInfo, failure: Failure | None = None) -> AddressResult:
    return AddressResult(address=address[4][0], used=True, failure=failure)


def _close_result(dial: _Dial) -> None:
    if not dial.cancelled() and dial.exception() is None:
        dial.result().close()


def _format_address(address: Sequence[object]) -> str:
    return f"[{address[0]}]:{address[1]}" if ":" in str(address[0]) else f"{address[0]}:{address[1]}"
