"""A process in a network namespace of its own: `hold` makes one, `enter` goes into it and becomes another command.

Only system calls, no program of the system: iproute2 is not on every machine, and a name in the same process is exact.
"""

import ctypes
import fcntl
import os
import socket
import struct
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

_TUN = "/dev/net/tun"
_CLONE_NEWNS, _CLONE_NEWUSER, _CLONE_NEWNET = 0x00020000, 0x10000000, 0x40000000
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x40000
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_SIOCSIFFLAGS, _SIOCSIFADDR, _SIOCSIFDSTADDR, _SIOCSIFTXQLEN = 0x8914, 0x8916, 0x8918, 0x8943
_IFF_UP, _IFF_RUNNING = 0x1, 0x40
_QUEUE_PACKETS = 10_000

_libc = ctypes.CDLL(None, use_errno=True)


class _NotAllowedError(Exception):
    """A system call was refused; the message names the permission."""


def _call(needed: str, result: int) -> None:
    if result != 0:
        raise _NotAllowedError(f"{needed} is refused: {os.strerror(ctypes.get_errno())}")


def hold(connection: socket.socket, own: str, other: str, hosts: str) -> None:
    """Make the namespace, hand its TUN device to the parent, and keep it until the parent closes or ends."""
    try:
        device = _make(own, other, hosts)
    except _NotAllowedError as error:
        connection.sendall(str(error).encode())
        return
    socket.send_fds(connection, [b"device"], [device])
    connection.recv(1)


def _make(own: str, other: str, hosts: str) -> int:
    _leave_the_hosts_namespaces()
    _call("a private mount table (mount)", _libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None))
    _call("a hosts file of its own (mount)", _libc.mount(hosts.encode(), b"/etc/hosts", None, _MS_BIND, None))
    try:
        device = os.open(_TUN, os.O_RDWR | os.O_NONBLOCK)
        request = fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", b"", _IFF_TUN | _IFF_NO_PI))
        _configure(request[:16], own, other)
    except OSError as error:
        raise _NotAllowedError(f"a TUN device ({_TUN}, CAP_NET_ADMIN) is refused: {error.strerror}") from error
    return device


def _leave_the_hosts_namespaces() -> None:
    wanted = _CLONE_NEWNET | _CLONE_NEWNS
    if os.geteuid() == 0:
        _call("a network namespace (unshare, CAP_SYS_ADMIN)", _libc.unshare(wanted))
        return
    user, group = os.geteuid(), os.getegid()
    _call("a user namespace (unshare without root)", _libc.unshare(wanted | _CLONE_NEWUSER))
    try:
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1", encoding="ascii")
    except OSError as error:
        raise _NotAllowedError(f"a user namespace (uid_map) is refused: {error.strerror}") from error


def _configure(device: bytes, own: str, other: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:

        def ask(what: int, name: bytes, argument: bytes) -> None:
            fcntl.ioctl(control, what, struct.pack("16s24s", name, argument))

        def address(text: str) -> bytes:
            return struct.pack("=HH4s", socket.AF_INET, 0, socket.inet_aton(text))

        up = struct.pack("h", _IFF_UP | _IFF_RUNNING)
        ask(_SIOCSIFFLAGS, b"lo", up)
        ask(_SIOCSIFADDR, device, address(own))
        ask(_SIOCSIFDSTADDR, device, address(other))
        ask(_SIOCSIFTXQLEN, device, struct.pack("i", _QUEUE_PACKETS))
        ask(_SIOCSIFFLAGS, device, up)


def enter(holder: int, command: Sequence[str]) -> None:
    """Go into the holder's namespaces and become `command`."""
    directory = Path.cwd()
    kinds = ("user", "net", "mnt") if os.geteuid() != 0 else ("net", "mnt")
    for kind in kinds:
        handle = os.open(f"/proc/{holder}/ns/{kind}", os.O_RDONLY)
        _call(f"setns ({kind})", _libc.setns(handle, 0))
    os.chdir(directory)
    os.execv(command[0], list(command))  # noqa: S606 - the bench's own command, no shell


_COMMANDS: dict[str, Callable[[Sequence[str]], None]] = {
    "hold": lambda rest: hold(socket.socket(fileno=int(rest[0])), *rest[1:]),
    "enter": lambda rest: enter(int(rest[0]), rest[1:]),
}

if __name__ == "__main__":
    _COMMANDS[sys.argv[1]](sys.argv[2:])
