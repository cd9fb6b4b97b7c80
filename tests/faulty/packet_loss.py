"""Packet loss on one socket: a socket filter (Linux, classic BPF) that drops segments before TCP sees them.

To the peer this is a path that is cut, or one with a smaller MTU that sends no ICMP: it gets no acknowledgement.
"""

import ctypes
import socket
import struct
import sys

_SO_ATTACH_FILTER = 26
_LOAD_LENGTH, _JUMP_IF_GREATER, _RETURN = 0x80, 0x25, 0x06  # BPF_LD|W|LEN, BPF_JMP|JGT|K, BPF_RET|K
_WHOLE_PACKET = 0xFFFFFFFF


def lose_packets(received: socket.socket, *, longer_than: int = 0) -> None:
    """Drop what arrives in segments of more bytes than `longer_than`, TCP header included.

    A listener's filter holds for the connections that it accepts. Every segment has at least 20 bytes.
    """
    instructions = b"".join(
        struct.pack("HBBI", *instruction)
        for instruction in (
            (_LOAD_LENGTH, 0, 0, 0),
            (_JUMP_IF_GREATER, 1, 0, longer_than),
            (_RETURN, 0, 0, _WHOLE_PACKET),
            (_RETURN, 0, 0, 0),
        )
    )
    kept = ctypes.create_string_buffer(instructions)
    program = struct.pack("HP", len(instructions) // 8, ctypes.addressof(kept))
    received.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)


def _is_possible() -> bool:
    """Return whether this system has socket filters and lets this user attach one, which some keep for root."""
    if not sys.platform.startswith("linux"):
        return False
    with socket.socket() as tried:
        try:
            lose_packets(tried)
        except PermissionError:
            return False
    return True


POSSIBLE = _is_possible()
