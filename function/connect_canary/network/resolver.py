"""Name resolution: the addresses of a host."""

import socket
import time
from collections.abc import Sequence
from typing import cast

from connect_canary.network.errors import DialError, errno_name
from connect_canary.network.threads import run_in_thread

AddressInfo = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int] | tuple[str, int, int, int]]


# The least time after which glibc takes a name server for silent, also with `timeout:0` in resolv.conf (measured).
_NAME_SERVER_TIMEOUT_S = 1.0


async def resolve(host: str, port: int) -> Sequence[AddressInfo]:
    """Return the addresses of `host`, resolved anew; raise DialError."""
    started_at = time.perf_counter()
    # A text would load the codec for international names, 1 ms of each cold start (measured).
    name = host.encode("ascii") if host.isascii() else host
    try:
        addresses = await run_in_thread(lambda: socket.getaddrinfo(name, port, type=socket.SOCK_STREAM))
    except socket.gaierror as error:
        raise DialError(_gai_name(error), f"{host} does not resolve: {_gai_message(error, started_at)}") from error
    except OSError as error:
        raise DialError(errno_name(error), f"{host} does not resolve: {error.strerror}") from error
    except UnicodeError as error:  # the name of an egress proxy is not validated
        raise DialError("EAI_NONAME", f"{host} does not resolve: it is no host name") from error
    return cast("Sequence[AddressInfo]", addresses)


def _gai_message(error: socket.gaierror, started_at: float) -> str:
    """Return the system's message; glibc has the same one for SERVFAIL, REFUSED and a silent name server."""
    if error.errno != socket.EAI_AGAIN:
        return str(error.strerror)
    if time.perf_counter() - started_at < _NAME_SERVER_TIMEOUT_S:
        return f"{error.strerror}; the name server reports a failure such as SERVFAIL, or nothing listens there"
    return f"{error.strerror}; a name server is silent"


def _gai_name(error: socket.gaierror) -> str:
    names = {getattr(socket, name): name for name in dir(socket) if name.startswith("EAI_")}
    return names.get(error.errno, "EAI_FAIL")
