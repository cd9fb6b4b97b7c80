"""Installed programs as servers on loopback: found, started on free ports, stopped by their process id."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

LOOPBACK = "127.0.0.1"
# Debian keeps servers where only root looks for programs.
_SERVER_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
_STARTS = 3
_LISTENS_WITHIN_S = 30
_ENDS_WITHIN_S = 10

# Writes the configuration for these ports and returns the command line.
Configure = Callable[[Sequence[int]], Sequence[str]]


def program(name: str) -> str:
    """Return the path of an installed program; skip the test if there is none."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *_SERVER_FOLDERS))
    found = shutil.which(name, path=path)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def free_ports(count: int) -> list[int]:
    """Return ports that the system chooses and nobody uses at the moment."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server((LOOPBACK, 0))) for _ in range(count)]
        return [int(each.getsockname()[1]) for each in sockets]


@contextmanager
def running(configure: Configure, log: Path, *, ports: int = 1) -> Iterator[list[int]]:
    """Run a server for the duration of the context; yield its ports once it listens on each."""
    for _ in range(_STARTS):
        # Between our look and its start another process may take a port; then the server ends and has new ones.
        chosen = free_ports(ports)
        with log.open("wb") as output, _process(configure(chosen), output.fileno()) as process:
            if _listens(process, chosen):
                yield chosen
                return
    raise RuntimeError(f"the server does not start:\n{log.read_text(errors='replace')[-2000:]}")


@contextmanager
def _process(command: Sequence[str], output: int) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _listens(process: "subprocess.Popen[bytes]", ports: Sequence[int]) -> bool:
    """Wait until the server listens on every port; return whether it does, not whether somebody else does."""
    deadline = time.monotonic() + _LISTENS_WITHIN_S
    while process.poll() is None and time.monotonic() < deadline:
        if all(_accepts(port) for port in ports):
            return process.poll() is None
        time.sleep(0.05)
    return False


def _accepts(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex((LOOPBACK, port)) == 0
