"""macOS and Windows: the command line runs where modules and options of Linux are missing."""

import subprocess
import sys

import pytest

# What the standard library of another system lacks.
MISSING = {
    "darwin": ["socket.TCP_QUICKACK", "socket.TCP_INFO"],
    "win32": ["resource", "socket.TCP_QUICKACK", "socket.TCP_INFO", "os.O_NONBLOCK", "os.mkfifo"],
}
_PROGRAM = """\
import os, socket, sys
for name in {missing!r}:
    module, _, attribute = name.partition(".")
    if attribute:
        vars(sys.modules[module]).pop(attribute, None)
    else:
        sys.modules[name] = None
import awscrt.io, asyncio  # they ask for the real platform
sys.platform = {platform!r}
from connect_canary.cli.main import main
from connect_canary.network.descriptors import max_descriptors
from connect_canary.network.socket_options import set_quickack
from connect_canary.network.tcp_info import read_tcp_info
with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
    set_quickack(client)
    print(read_tcp_info(client), max_descriptors())
sys.exit(main(["connect", "--endpoint", "localhost:1", "--auth_mode", "custom-unsigned", "--json"]))
"""


@pytest.mark.parametrize("platform", MISSING)
def test_command_line_runs_without_what_the_platform_lacks(platform: str) -> None:
    """It says what it found: a refused connection, and null for what the system does not tell."""
    program = _PROGRAM.format(missing=MISSING[platform], platform=platform)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    assert done.returncode == 1
    first, _, answer = done.stdout.partition("\n")
    assert first.startswith("None ")
    assert '"failure": "TcpRefused"' in answer
    assert '"network": null' in answer
