"""Options of the tunnel's sockets."""

import contextlib
import socket

_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)


def set_quickack(received: socket.socket) -> None:
    """Acknowledge what was just received at once; Linux forgets the option after each use.

    The SDK's socket has no TCP_NODELAY: its upgrade request waits up to 40 ms for this acknowledgement.
    """
    if _QUICKACK is not None:
        with contextlib.suppress(OSError):
            received.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
