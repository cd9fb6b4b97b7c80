"""Options of the tunnel's sockets."""

import contextlib
import socket

_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)


def set_quickack(received: socket.socket) -> None:
    """Acknowledge received data at once (TCP_QUICKACK); Linux clears the option after each use.

    The SDK's socket has no TCP_NODELAY: its upgrade request waits up to 40 ms for the acknowledgement (measured).
    """
    if _QUICKACK is not None:
        with contextlib.suppress(OSError):
            received.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
