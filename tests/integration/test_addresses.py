"""Names with several addresses (RFC 8305), and what a port decides (ALPN), over real sockets."""

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from connect_canary.model.mqtt import MqttVersion
from connect_canary.network.dialer import connect_any
from connect_canary.network.errors import DialError
from connect_canary.network.resolver import AddressInfo
from tests.faulty.cases import ENVIRON, Case, watching
from tests.faulty.isolated import is_possible, isolated
from tests.faulty.process import ROOT, Handler
from tests.faulty.server import FaultyEndpoint

needs_namespaces = pytest.mark.skipif(not is_possible(), reason="this machine lets no ordinary user make namespaces")

DELAY_S = 0.25  # RFC 8305, section 5, "Connection Attempt Delay"
DEADLINE_S = 10.0
NAME = "endpoint.test"
_FILLERS = 8


def _address(bound: socket.socket) -> AddressInfo:
    return (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", bound.getsockname())


def _bound(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    bound = socket.socket()
    bound.bind((host, port))
    return bound


@pytest.fixture
def sockets() -> Iterator[contextlib.ExitStack]:
    """Whatever is entered here is closed in the end."""
    with contextlib.ExitStack() as stack:
        yield stack


def _answering(sockets: contextlib.ExitStack) -> socket.socket:
    """Return a listener that accepts."""
    listener = sockets.enter_context(_bound())
    listener.listen()
    listener.settimeout(0)
    return listener


def _refusing(sockets: contextlib.ExitStack) -> socket.socket:
    """Return a bound socket that does not listen."""
    return sockets.enter_context(_bound())


def _silent(sockets: contextlib.ExitStack, host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """Return a listener whose queue is full: the system drops every further SYN."""
    listener = sockets.enter_context(_bound(host, port))
    listener.listen(0)
    listener.settimeout(0)
    for _ in range(_FILLERS):
        filler = sockets.enter_context(socket.socket())
        filler.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            filler.connect(listener.getsockname())
    return listener


async def _connected(*addresses: socket.socket) -> tuple[AddressInfo, float]:
    """Return the address that was connected to, and the seconds that it took."""
    started = time.monotonic()
    async with asyncio.timeout(DEADLINE_S):
        connected, address = await connect_any([_address(bound) for bound in addresses])
    elapsed_s = time.monotonic() - started
    with connected:
        assert connected.getpeername() == address[4]
    return address, elapsed_s


async def test_second_address_is_tried_250_ms_after_a_silent_first_one(sockets: contextlib.ExitStack) -> None:
    """No sooner, so that a first address that answers is the only one that is bothered."""
    first, second = _silent(sockets), _answering(sockets)
    address, elapsed_s = await _connected(first, second)
    assert address == _address(second)
    assert elapsed_s >= DELAY_S


async def test_every_silent_address_costs_250_ms(sockets: contextlib.ExitStack) -> None:
    """The third one comes as long after the second as that after the first."""
    addresses = [*(_silent(sockets) for _ in range(3)), _answering(sockets)]
    address, elapsed_s = await _connected(*addresses)
    assert address == _address(addresses[-1])
    assert 3 * DELAY_S <= elapsed_s < DEADLINE_S / 2


async def test_next_address_is_tried_at_once_when_one_refuses(sockets: contextlib.ExitStack) -> None:
    """Forty refusals in a row would otherwise take 10 seconds."""
    refusing, last = [_refusing(sockets) for _ in range(40)], _answering(sockets)
    address, elapsed_s = await _connected(*refusing, last)
    assert address == _address(last)
    assert elapsed_s < 40 * DELAY_S / 2


async def test_second_address_is_left_alone_when_the_first_answers(sockets: contextlib.ExitStack) -> None:
    """It sees no connection."""
    first, second = _answering(sockets), _answering(sockets)
    assert (await _connected(first, second))[0] == _address(first)
    first.accept()[0].close()
    await asyncio.sleep(2 * DELAY_S)
    with pytest.raises(BlockingIOError):
        second.accept()


@pytest.mark.parametrize("late", [0, 1])
async def test_address_that_answers_late_is_still_waited_for(sockets: contextlib.ExitStack, late: int) -> None:
    """Whether it is the first one or the last: an attempt goes on while the next one is made."""
    addresses = [_silent(sockets), _silent(sockets)]
    connecting = asyncio.create_task(_connected(*addresses))
    await asyncio.sleep(2 * DELAY_S)
    # With a longer queue, the retransmitted SYN is accepted.
    addresses[late].listen(2 * _FILLERS)
    assert (await connecting)[0] == _address(addresses[late])


async def test_addresses_that_all_fail_are_one_failure(sockets: contextlib.ExitStack) -> None:
    """It is the first address's; the failure of the broadcast address is not reported."""
    first, second = _address(_refusing(sockets)), (*_address(_refusing(sockets))[:4], ("255.255.255.255", 443))
    with pytest.raises(DialError, match=rf"^127\.0\.0\.1:{first[4][1]}: Connection refused$") as caught:
        await connect_any([first, second])
    assert caught.value.error_name == "ECONNREFUSED"


# -- a whole attempt -----------------------------------------------------------------------------------------------


async def _outcomes(tmp_path: Path, sockets: contextlib.ExitStack, *, silent: bool) -> Sequence[dict[str, Any]]:
    """Return the outcomes of a healthy endpoint that is the second address of its name."""
    hosts = tmp_path / "hosts"
    hosts.write_text(f"127.0.0.1 {NAME}\n127.0.0.2 {NAME}\n")
    async with FaultyEndpoint(tmp_path, host="127.0.0.2") as endpoint:
        port = await endpoint.listen("healthy")
        if silent:
            _silent(sockets, port=port)
        entries = [
            Case(scenario="healthy", version=version).target(0, str(endpoint.pki.ca_file), endpoint=f"{NAME}:{port}")
            for version in MqttVersion
        ]
        with Handler(before=isolated(hosts=hosts), **ENVIRON) as handler:
            result, _ = await asyncio.to_thread(handler.invoke, watching(entries, DEADLINE_S), seconds=30)
    return result["response"]["targets"]  # type: ignore[no-any-return]  # JSON


@needs_namespaces
@pytest.mark.parametrize("silent", [False, True], ids=["refuses", "silent"])
async def test_healthy_second_address_makes_a_healthy_target(
    tmp_path: Path, sockets: contextlib.ExitStack, *, silent: bool
) -> None:
    """The SDK connects as well; a silent first address shows in phase tcp."""
    for outcome in await _outcomes(tmp_path, sockets, silent=silent):
        assert outcome["healthy"], outcome["reason"]
        assert not silent or outcome["phases_ms"]["tcp"] >= DELAY_S * 1000


@needs_namespaces
def test_alpn_is_offered_on_port_443_only() -> None:
    """As the SDK's builders do it: on any other port AWS IoT would take it for another protocol."""
    command = [*isolated(network=True), sys.executable, "-m", "tests.faulty.client_hello", "443", "8443"]
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{ROOT / 'function'}"}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=True)
    offered = json.loads(done.stdout)
    assert ["http/1.1"] in offered["443"]
    assert [protocols for protocols in offered["443"] if protocols not in ([], ["http/1.1"])] == []
    assert offered["8443"]
    assert [protocols for protocols in offered["8443"] if protocols] == []
