"""Where server and client of a measurement run: on loopback, or in two namespaces with a true round trip between them.

A relay on loopback cannot stand for a distance: the kernel acknowledges there at once, and stalls that wait for an
acknowledgement do not show. So each side gets a network namespace with a TUN device, and a process in between passes
whole packets on, late.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from tests.bench import idle_gate

REPOSITORY = Path(__file__).resolve().parents[2]
_NAME = "localhost"  # the endpoint's certificate is for this name, so the far one has it too
SERVER_ADDRESS, CLIENT_ADDRESS = "10.111.0.2", "10.111.0.1"
_STARTS_WITHIN_S = 10.0
_ENDS_WITHIN_S = 5.0
_ANSWERS_WITHIN_S = 900.0
_CONFIGURES = ("AWS_", "CANARY_", "POWERTOOLS_", "SSL_CERT_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")

Process = subprocess.Popen[str]


class UnavailableError(Exception):
    """This machine does not allow what a measurement needs; the message says what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Two places to start processes in; the server listens on `address` and is reached as `host`."""

    host: str
    address: str
    server_side: Sequence[str] = ()
    client_side: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchEndpoint:
    """Where a healthy endpoint listens and what to trust there."""

    host: str
    ports: Sequence[int]
    ca_file: str


@contextmanager
def loopback() -> Iterator[Network]:
    """Yield the network without a distance."""
    yield Network(host=_NAME, address="127.0.0.1")


@contextmanager
def delayed_network(round_trip_ms: float) -> Iterator[Network]:
    """Yield a network with a true round trip; raise UnavailableError where this machine does not allow one."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        hosts = directory / "hosts"
        hosts.write_text(f"{SERVER_ADDRESS} {_NAME}\n", encoding="ascii")
        server = stack.enter_context(open_side(SERVER_ADDRESS, CLIENT_ADDRESS, hosts))
        client = stack.enter_context(open_side(CLIENT_ADDRESS, SERVER_ADDRESS, hosts))
        devices = (server.device, client.device)
        delay_s = str(round_trip_ms / 2000)
        relay = start_process(module_command("tests.bench.relay", delay_s, *map(str, devices)), pass_fds=devices)
        stack.callback(end_process, relay)
        yield Network(host=_NAME, address=SERVER_ADDRESS, server_side=server.enter, client_side=client.enter)


def network(round_trip_ms: float) -> AbstractContextManager[Network]:
    """Return the context of a network with this round trip; 0 is loopback."""
    return delayed_network(round_trip_ms) if round_trip_ms else loopback()


@contextmanager
def healthy_endpoint(place: Network, count: int = 1) -> Iterator[BenchEndpoint]:
    """Yield a healthy endpoint on `count` ports, served by a process of its own."""
    command = module_command("tests.faulty.server", "--host", place.address, *["healthy"] * count)
    server = start_process([*place.server_side, *command])
    try:
        hello = cast("IO[str]", server.stdout).readline()
        if not hello.startswith("PORTS "):
            raise RuntimeError("the healthy endpoint did not start; what it said is above")
        listening = json.loads(hello.removeprefix("PORTS "))
        yield BenchEndpoint(
            host=place.host, ports=[port for _, port in listening["ports"]], ca_file=listening["ca_file"]
        )
    finally:
        end_process(server)


def measure(place: Network, module: str, request: object) -> Any:
    """Return a fresh client process's response to `request`, JSON both ways, once the machine is idle."""
    return measure_command([*place.client_side, *module_command(module)], request)


def measure_command(command: Sequence[str], request: object) -> Any:
    """Return the response of any program to `request`, as of our modules."""
    idle_gate.wait_until_idle()
    client = start_process(command)
    try:
        response, _ = client.communicate(json.dumps(request), timeout=_ANSWERS_WITHIN_S)
    finally:
        end_process(client)
    if client.returncode != 0:
        raise RuntimeError(f"{command[-1]} failed with exit code {client.returncode}; what it said is above")
    return json.loads(response)


def module_command(name: str, *arguments: str) -> list[str]:
    """Return the command line of one of our modules."""
    return [sys.executable, "-m", name, *arguments]


def start_process(command: Sequence[str], *, pass_fds: Sequence[int] = ()) -> Process:
    """Start a process with pipes, without the variables that configure the canary or the SDK."""
    environ = {name: value for name, value in os.environ.items() if not name.upper().startswith(_CONFIGURES)}
    return subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=pass_fds,
        # An interrupt from the keyboard reaches the bench alone, which then ends them in order.
        start_new_session=True,
    )


def end_process(process: Process) -> None:
    """End a process with its standard input, or with force."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    try:
        process.wait(_ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@dataclass(frozen=True, slots=True)
class Side:
    """A namespace: its TUN device, and the command that enters it before another one."""

    device: int
    enter: Sequence[str]


@contextmanager
def open_side(own: str, other: str, hosts: Path) -> Iterator[Side]:
    """Yield a namespace, which a process keeps for as long."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with ExitStack() as stack:
        hold = module_command("tests.bench.namespace", "hold", str(theirs.fileno()), own, other, str(hosts))
        with theirs:
            holder = start_process(hold, pass_fds=[theirs.fileno()])
        stack.callback(end_process, holder)
        stack.callback(ours.close)
        device = _received_device(ours)
        stack.callback(os.close, device)
        yield Side(device, module_command("tests.bench.namespace", "enter", str(holder.pid)))


def _received_device(connection: socket.socket) -> int:
    connection.settimeout(_STARTS_WITHIN_S)
    message, devices, _flags, _address = socket.recv_fds(connection, 4096, 1)
    if not devices:
        raise UnavailableError(message.decode() or "the namespace's process ended without a word")
    return devices[0]
