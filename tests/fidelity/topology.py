"""The topology of a run: two namespaces, the path between them, the endpoint in one and the clients in the other."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from tests.bench.network import (
    CLIENT_ADDRESS,
    SERVER_ADDRESS,
    Process,
    Side,
    UnavailableError,
    end_process,
    module_command,
    open_side,
    start_process,
)
from tests.fidelity.endpoint import NAMES, STOPS
from tests.fidelity.impairments import Impairment
from tests.fidelity.plan import SERVER_NETWORK, SERVER_NETWORK_6

_CLIENT_ADDRESS_6, _SERVER_ADDRESS_6 = "fd00:111::1", "fd00:111::2"
_DEVICE = "tun0"  # the first one of a namespace


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """Where things are: `server_side` and `client_side` begin command lines; `clients` is the process of connects."""

    server_side: Sequence[str]
    clients: Process
    ports: Mapping[str, int]
    ca_file: str


def why_impossible() -> str | None:
    """Return what this machine lacks, None if nothing."""
    if os.geteuid() != 0:
        return "two network namespaces with routes of their own need root"
    if shutil.which("ip") is None:
        return "the command ip is missing (Debian's package iproute2)"
    return None


@contextmanager
def open_topology(hosts: str, impairments: Mapping[str, Impairment], seed: int) -> Iterator[Topology]:
    """Yield the topology; raise UnavailableError where this machine does not allow one."""
    missing = why_impossible()
    if missing is not None:
        raise UnavailableError(missing)
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fidelity-")))
        hosts_file = directory / "hosts"
        hosts_file.write_text(hosts, encoding="ascii")
        server = stack.enter_context(open_side(SERVER_ADDRESS, CLIENT_ADDRESS, hosts_file))
        client = stack.enter_context(open_side(CLIENT_ADDRESS, SERVER_ADDRESS, hosts_file))
        _route(server, client)
        path = start_process(
            module_command("tests.fidelity.path", str(client.device), str(server.device)),
            pass_fds=(client.device, server.device),
        )
        stack.callback(end_process, path)
        rules = {"impairments": {address: each.as_dict() for address, each in impairments.items()}, "seed": seed}
        _tell(path, rules)
        _answer(path, "READY")
        endpoint = start_process([*server.enter, *endpoint_command(*(name for name in NAMES if name not in STOPS))])
        stack.callback(end_process, endpoint)
        listening = listening_at(_answer(endpoint, "PORTS "))
        clients = start_process([*client.enter, *module_command("tests.fidelity.clients")])
        stack.callback(end_process, clients)
        yield Topology(server_side=server.enter, clients=clients, **listening)


def endpoint_command(*names: str) -> list[str]:
    """Return the command line of an endpoint that behaves in these ways."""
    return module_command("tests.fidelity.endpoint", "--host", "::", *names)


def listening_at(hello: str) -> dict[str, Any]:
    """Return ports and CA file from the endpoint's first line."""
    return cast("dict[str, Any]", json.loads(hello.removeprefix("PORTS ")))


def _tell(process: Process, document: object) -> None:
    stdin = cast("IO[str]", process.stdin)
    stdin.write(json.dumps(document) + "\n")
    stdin.flush()


def _answer(process: Process, prefix: str) -> str:
    line = cast("IO[str]", process.stdout).readline()
    if not line.startswith(prefix):
        raise RuntimeError("a process of the topology did not start; what it said is above")
    return line


def _route(server: Side, client: Side) -> None:
    """Give both sides IPv6, and the server every address of its networks."""
    for side, own, other in (
        (server, _SERVER_ADDRESS_6, _CLIENT_ADDRESS_6),
        (client, _CLIENT_ADDRESS_6, _SERVER_ADDRESS_6),
    ):
        _ip(side, f"-6 address add {own} peer {other} dev {_DEVICE} nodad")
    _ip(server, f"route add local {SERVER_NETWORK} dev lo")
    _ip(server, f"-6 route add local {SERVER_NETWORK_6} dev lo")
    _ip(client, f"route add {SERVER_NETWORK} dev {_DEVICE}")
    _ip(client, f"-6 route add {SERVER_NETWORK_6} dev {_DEVICE}")


def _ip(side: Side, words: str) -> None:
    command = [*side.enter, cast("str", shutil.which("ip")), *words.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise UnavailableError(f"ip {words} failed: {done.stderr.strip()}")
