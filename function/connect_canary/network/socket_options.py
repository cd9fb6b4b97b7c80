"""Options of the tunnel's sockets."""

import contextlib
import socket
from typing import cast

_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)
# The most that Linux takes, and Lambda's longest run: the probes are there to be counted, not to end a connection.
_MAX_PROBES, _NEVER_MS = 127, 900_000
_PROBE_EVERY_S = 1
_PROBING = {
    "TCP_KEEPIDLE": _PROBE_EVERY_S,
    "TCP_KEEPINTVL": _PROBE_EVERY_S,
    "TCP_KEEPCNT": _MAX_PROBES,
    "TCP_USER_TIMEOUT": _NEVER_MS,
}


def set_quickack(received: socket.socket) -> None:
    """Acknowledge received data at once (TCP_QUICKACK); Linux clears the option after each use.

    The SDK's socket has no TCP_NODELAY: its upgrade request waits up to 40 ms for the acknowledgement (measured).
    """
    if _QUICKACK is not None:
        with contextlib.suppress(OSError):
            received.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)


def probe_when_idle(connected: socket.socket) -> None:
    """Send a keep-alive probe in each second in which nothing else passes; TCP_INFO counts the unanswered ones.

    A path that is cut while both sides wait shows in nothing else. The probes end no connection: TCP_USER_TIMEOUT
    (Linux) replaces their count. Where the system lacks an option, none is set.
    """
    options = [(getattr(socket, name, None), value) for name, value in _PROBING.items()]
    if all(option is not None for option, _ in options):
        with contextlib.suppress(OSError):
            for option, value in options:
                connected.setsockopt(socket.IPPROTO_TCP, cast("int", option), value)
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
