"""Runs a module with its own name resolution and, if wanted, its own network: Linux namespaces, no privileges needed.

`isolated()` is the beginning of a command line; inside the namespaces `main` puts other files in the place of
/etc/hosts, /etc/resolv.conf and /etc/nsswitch.conf, brings the loopback interface up, holds port 53 without
responding, and becomes the rest of the command line. `joined()` begins one that runs in a process's namespaces.
"""

import argparse
import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1
_REQUEST = "16sh14x"


def is_possible() -> bool:
    """Return whether this machine lets an ordinary user make namespaces."""
    if not sys.platform.startswith("linux") or not shutil.which("unshare"):
        return False
    tried = subprocess.run([*_unshare(network=True), "true"], capture_output=True, check=False)
    return tried.returncode == 0


def isolated(
    *, hosts: Path | None = None, resolv: Path | None = None, nsswitch: Path | None = None, network: bool = False
) -> Sequence[str]:
    """Return the beginning of a command line that runs its rest with other files and its own network."""
    replaced = {"hosts": hosts, "resolv": resolv, "nsswitch": nsswitch}
    files = [f"--{name}={path}" for name, path in replaced.items() if path]
    alone = ["--network"] if network else []
    return [*_unshare(network=network), sys.executable, "-m", "tests.faulty.isolated", *files, *alone, "--"]


def joined(pid: int) -> Sequence[str]:
    """Return the beginning of a command line that runs its rest in the namespaces of another process."""
    return ["nsenter", f"--target={pid}", "--user", "--mount", "--net", "--preserve-credentials", f"--wd={Path.cwd()}"]


def _unshare(*, network: bool) -> list[str]:
    return ["unshare", "--map-root-user", "--mount", *(["--net"] if network else [])]


def main() -> None:
    """Change what the namespaces hold, and become the rest of the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.faulty.isolated", description=__doc__)
    parser.add_argument("--hosts", help="file in the place of /etc/hosts")
    parser.add_argument("--resolv", help="file in the place of /etc/resolv.conf")
    parser.add_argument("--nsswitch", help="file in the place of /etc/nsswitch.conf")
    parser.add_argument("--network", action="store_true", help="the network namespace is new")
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    replaced = {"hosts": arguments.hosts, "resolv.conf": arguments.resolv, "nsswitch.conf": arguments.nsswitch}
    for name, path in replaced.items():
        if path:
            subprocess.run(["mount", "--bind", path, f"/etc/{name}"], check=True)
    if arguments.network:
        _bring_up("lo")
        _never_answer()
    os.execvp(arguments.command[0], arguments.command)  # noqa: S606 - a shell would add nothing


def _bring_up(interface: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack(_REQUEST, interface.encode(), 0)
        _, flags = struct.unpack(_REQUEST, fcntl.ioctl(control, _SIOCGIFFLAGS, request))
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack(_REQUEST, interface.encode(), flags | _IFF_UP))


def _never_answer() -> None:
    name_server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    name_server.bind(("127.0.0.1", 53))
    os.set_inheritable(name_server.detach(), True)  # noqa: FBT003 - the os module's own signature


if __name__ == "__main__":
    main()
