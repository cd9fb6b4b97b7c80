"""macOS and Windows: the command line runs where modules and options of Linux are missing."""

import subprocess
import sys

import pytest

# What the standard library of another system lacks.
_LINUX_ONLY = [
    *("socket.TCP_QUICKACK", "socket.TCP_INFO", "socket.TCP_KEEPIDLE", "socket.TCP_USER_TIMEOUT"),
    *("socket.SO_BINDTODEVICE", "socket.SO_MARK", "os.sched_getaffinity", "select.epoll"),
]
MISSING = {
    "darwin": _LINUX_ONLY,
    "win32": [
        *_LINUX_ONLY,
        *("resource", "fcntl", "grp", "pwd", "pty", "termios", "tty", "select.poll"),
        *("os.O_NONBLOCK", "os.mkfifo", "os.fork", "os.getuid", "os.geteuid", "os.getppid", "os.killpg", "os.uname"),
        *("signal.SIGHUP", "signal.SIGKILL", "signal.SIGPIPE", "signal.SIGCHLD", "time.tzset"),
    ],
}
# Windows cannot play macOS: it lacks what both others have.
PLAYED = sorted(MISSING) if sys.platform != "win32" else ["win32"]
_HIDE = """\
import os, select, signal, socket, sys, time
import asyncio, awscrt.io, boto3.s3.transfer, rich.console, subprocess  # they ask for the real platform
for name in {missing!r}:
    module, _, attribute = name.partition(".")
    if attribute:
        vars(sys.modules[module]).pop(attribute, None)
    else:
        sys.modules[name] = None
sys.platform = {platform!r}
"""
_IMPORT = """\
import importlib, pkgutil, connect_canary
names = [each.name for each in pkgutil.walk_packages(connect_canary.__path__, "connect_canary.")]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
print(len(names))
"""
_RUN = """\
from connect_canary.cli.main import main
from connect_canary.network.descriptors import max_descriptors
from connect_canary.network.socket_options import probe_when_idle, set_quickack
from connect_canary.network.tcp_info import read_tcp_info
with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
    set_quickack(client)
    probe_when_idle(client)
    print(read_tcp_info(client), max_descriptors())
sys.exit(main(["connect", "--endpoint", "localhost:1", "--auth_mode", "custom-unsigned", "--json"]))
"""


def _python(platform: str, program: str) -> subprocess.CompletedProcess[str]:
    """Run a program as on another system."""
    hidden = _HIDE.format(missing=MISSING[platform], platform=platform)
    return subprocess.run(
        [sys.executable, "-c", hidden + program], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("platform", PLAYED)
def test_every_module_is_imported_without_what_the_platform_lacks(platform: str) -> None:
    """No module needs Linux to be imported."""
    done = _python(platform, _IMPORT)
    assert done.stderr == ""
    assert int(done.stdout) > 50


@pytest.mark.parametrize("platform", PLAYED)
def test_command_line_runs_without_what_the_platform_lacks(platform: str) -> None:
    """It says what it found: a refused connection, and null for what the system does not tell."""
    done = _python(platform, _RUN)
    assert done.stderr == ""
    assert done.returncode == 1
    first, _, answer = done.stdout.partition("\n")
    assert first.startswith("None ")
    assert '"failure": "TcpRefused"' in answer
    assert '"network": null' in answer
