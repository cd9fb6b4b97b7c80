"""How the tests of foreign servers start and stop a program, with one of our own in its place."""

import os
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from tests.foreign.programs import LOOPBACK, free_ports, program, running

_SERVER = """
import os, socket, sys, time
if int(sys.argv[2]) in map(int, sys.argv[3:]):
    sys.exit("this port is taken")
with open(sys.argv[1], "w") as file:
    file.write(str(os.getpid()))
server = socket.create_server(("127.0.0.1", int(sys.argv[2])))
while True:
    server.accept()[0].close()
"""


def _accepts(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex((LOOPBACK, port)) == 0


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_program_that_is_not_installed() -> None:
    """The test skips, and its reason names the program."""
    with pytest.raises(pytest.skip.Exception, match="no-such-program is not installed"):
        program("no-such-program")


def test_program_that_is_installed() -> None:
    """Its path is returned, also of one that only root has on its PATH."""
    assert Path(program("sh")).is_file()


def test_ports_are_different() -> None:
    """Ports that are chosen together differ."""
    assert len(set(free_ports(5))) == 5


@pytest.mark.parametrize("fails", [False, True])
def test_server_is_stopped(tmp_path: Path, *, fails: bool) -> None:
    """The server listens during the test and is gone after it, also after one that fails."""
    pid_file, seen = tmp_path / "pid", []

    def configure(ports: Sequence[int]) -> list[str]:
        return [sys.executable, "-c", _SERVER, str(pid_file), str(ports[0])]

    with suppress(LookupError), running(configure, tmp_path / "log") as (port,):
        seen.append(_accepts(port))
        if fails:
            raise LookupError
    assert seen == [True]
    assert not _is_alive(int(pid_file.read_text()))
    assert not _accepts(port)


def test_server_whose_port_is_taken_has_another(tmp_path: Path) -> None:
    """A server that ends at its start is started again on other ports."""
    tried: list[int] = []

    def configure(ports: Sequence[int]) -> list[str]:
        tried.extend(ports)
        return [sys.executable, "-c", _SERVER, str(tmp_path / "pid"), str(ports[0]), str(tried[0])]

    with running(configure, tmp_path / "log") as (port,):
        assert tried == [tried[0], port]
        assert tried[0] != port


def test_server_that_does_not_start(tmp_path: Path) -> None:
    """The error has what the server wrote."""
    with (
        pytest.raises(RuntimeError, match="does not start:\nno configuration"),
        running(lambda _: [sys.executable, "-c", "exit('no configuration')"], tmp_path / "log"),
    ):
        pytest.fail("it runs")
