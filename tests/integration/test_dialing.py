"""Names with several addresses are dialled as the SDK dials them, and the others are surveyed; over real sockets."""

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connect_canary.model.addresses import AddressResult
from connect_canary.model.failures import Failure
from connect_canary.model.mqtt import MqttVersion
from connect_canary.network.address_survey import SURVEY_DELAY_S
from connect_canary.network.dialer import CONNECT_TIMEOUT_S, connect_as_sdk
from connect_canary.network.errors import DialError
from connect_canary.network.resolver import AddressInfo
from connect_canary.probe.attempt import run_attempt
from tests.faulty.cases import ENVIRON, Case, watching
from tests.faulty.isolated import is_possible, isolated
from tests.faulty.process import ROOT, Handler
from tests.faulty.server import FaultyEndpoint
from tests.faulty.steps import Behaviour, tls_handshake
from tests.unit.factories import target_of

NAME = "endpoint.test"
FIRST, SECOND, THIRD = "127.0.0.2", "127.0.0.3", "127.0.0.4"
DEADLINE_S = 10.0
_FILLERS = 8
# How long the bare SDK is watched; it does not end by itself.
_AT_ONCE_S, _TIME_OUT_S = 4.0, CONNECT_TIMEOUT_S + 3


@pytest.fixture
def sockets() -> Iterator[contextlib.ExitStack]:
    """Whatever is entered here is closed in the end."""
    with contextlib.ExitStack() as stack:
        yield stack


def _bound(sockets: contextlib.ExitStack, host: str, port: int = 0) -> socket.socket:
    bound = sockets.enter_context(socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET))
    bound.bind((host, port))
    return bound


def _accepting(sockets: contextlib.ExitStack, host: str, port: int = 0) -> socket.socket:
    listener = _bound(sockets, host, port)
    listener.listen()
    listener.settimeout(0)
    return listener


def _silent(sockets: contextlib.ExitStack, host: str, port: int = 0) -> socket.socket:
    """Return a listener whose queue is full: the system drops every further SYN."""
    listener = _bound(sockets, host, port)
    listener.listen(0)
    for _ in range(_FILLERS):
        filler = sockets.enter_context(socket.socket(listener.family))
        filler.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            filler.connect(listener.getsockname())
    return listener


def _address(bound: socket.socket) -> AddressInfo:
    family = socket.AddressFamily(bound.family)
    return (family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", bound.getsockname())


def _has_connection(listener: socket.socket) -> bool:
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True


# -- the dialer ----------------------------------------------------------------------------------------------------


async def test_only_the_first_address_of_a_family_is_dialled(sockets: contextlib.ExitStack) -> None:
    """A second A record does not help a device whose first one refuses."""
    first, second = _bound(sockets, FIRST), _accepting(sockets, SECOND)
    results: list[AddressResult] = []
    with pytest.raises(DialError, match=rf"^{FIRST}:\d+: Connection refused$") as caught:
        await connect_as_sdk([_address(first), _address(second)], results)
    assert caught.value.error_name == "ECONNREFUSED"
    assert results == [AddressResult(address=FIRST, used=True, failure=Failure.TCP_REFUSED)]
    assert not _has_connection(second)


@pytest.mark.parametrize("order", [1, -1], ids=["IPv4 first", "IPv6 first"])
async def test_other_family_is_used_when_one_refuses(sockets: contextlib.ExitStack, order: int) -> None:
    """Both families are dialled, and the one that accepts wins."""
    refusing, accepting = _bound(sockets, FIRST), _accepting(sockets, "::1")
    results: list[AddressResult] = []
    connected, address = await connect_as_sdk([_address(refusing), _address(accepting)][::order], results)
    with connected:
        assert address == _address(accepting)
        assert connected.getpeername() == accepting.getsockname()
    assert AddressResult(address="::1", used=True) in results
    assert {result.failure for result in results} <= {None, Failure.TCP_REFUSED}


async def test_other_family_is_not_kept_waiting_by_a_silent_one(sockets: contextlib.ExitStack) -> None:
    """They are dialled at the same time, not one after the time-out of the other."""
    silent, accepting = _silent(sockets, FIRST), _accepting(sockets, "::1")
    results: list[AddressResult] = []
    async with asyncio.timeout(CONNECT_TIMEOUT_S):
        connected, address = await connect_as_sdk([_address(silent), _address(accepting)], results)
    connected.close()
    assert (address, results) == (_address(accepting), [AddressResult(address="::1", used=True)])


async def test_both_families_fail_as_the_last_one_did(sockets: contextlib.ExitStack) -> None:
    """The SDK reports the error of the address that failed last; the message names both."""
    silent, refusing = _silent(sockets, FIRST), _bound(sockets, "::1")
    with pytest.raises(DialError) as caught:
        await connect_as_sdk([_address(silent), _address(refusing)], [])
    assert caught.value.error_name == "ETIMEDOUT"
    assert str(caught.value) == f"1 of 2 addresses refuses: ::1; 1 does not answer: {FIRST}"


async def test_deadline_before_the_time_out_is_an_address_without_an_answer(sockets: contextlib.ExitStack) -> None:
    """The attempt is cancelled, and what it waited for is known."""
    results: list[AddressResult] = []
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await connect_as_sdk([_address(_silent(sockets, FIRST))], results)
    assert results == [AddressResult(address=FIRST, used=True, failure=Failure.TCP_TIMED_OUT)]


# -- a whole attempt -----------------------------------------------------------------------------------------------


async def test_path_that_heals_after_the_time_out_of_the_sdk(sockets: contextlib.ExitStack) -> None:
    """A device's SYN that is sent again after 7 s finds nobody waiting any more."""
    listener = _silent(sockets, "127.0.0.1")
    target = target_of(endpoint=f"127.0.0.1:{listener.getsockname()[1]}", auth_mode="custom-unsigned")
    attempt = asyncio.create_task(run_attempt(target, timeout_s=DEADLINE_S))
    await asyncio.sleep(CONNECT_TIMEOUT_S + 1)
    listener.listen(2 * _FILLERS)
    outcome = await attempt
    assert (outcome.phase, outcome.failure) == ("tcp", "TcpTimedOut"), outcome.reason
    assert CONNECT_TIMEOUT_S * 1000 <= outcome.phases_ms["tcp"] < DEADLINE_S * 1000
    assert [result.as_dict() for result in outcome.addresses] == [
        {"address": "127.0.0.1", "used": True, "failure": "TcpTimedOut"}
    ]


async def test_other_addresses_are_left_alone_when_the_first_one_accepts_at_once(
    tmp_path: Path, sockets: contextlib.ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the attempt goes on: a survey is traffic that no device makes."""
    async with FaultyEndpoint(tmp_path, host=FIRST) as endpoint:
        port = await endpoint.serve(Behaviour(handshake=tls_handshake(pause_s=1.5 * SURVEY_DELAY_S)))
        other = _accepting(sockets, SECOND, port)
        infos = [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port)) for host in (FIRST, SECOND)]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: infos)
        target = target_of(endpoint=f"localhost:{port}", ca_file=str(endpoint.pki.ca_file), auth_mode="custom-unsigned")
        outcome = await run_attempt(target, timeout_s=DEADLINE_S)
    assert outcome.phases_ms["tls"] > SURVEY_DELAY_S * 1000
    assert list(outcome.addresses) == [AddressResult(address=FIRST, used=True)]
    assert not _has_connection(other)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What stands at each address of the endpoint's name, in the order of its records, and what must be said."""

    stands: dict[str, str]
    bare: str
    failure: str | None
    reason: str | None
    addresses: list[tuple[str, bool, str | None]]


SCENARIOS = {
    "two of three refuse": Scenario(
        stands={FIRST: "refuses", SECOND: "refuses", THIRD: "healthy"},
        bare="AWS_IO_SOCKET_CONNECTION_REFUSED",
        failure="TcpRefused",
        reason=f"2 of 3 addresses refuse: {FIRST}, {SECOND}",
        addresses=[(FIRST, True, "TcpRefused"), (SECOND, False, "TcpRefused"), (THIRD, False, None)],
    ),
    "first is healthy": Scenario(
        stands={FIRST: "healthy", SECOND: "refuses", THIRD: "refuses"},
        bare="connected",
        failure=None,
        reason=None,
        addresses=[(FIRST, True, None)],
    ),
    "refusal beside a black hole": Scenario(
        stands={FIRST: "refuses", SECOND: "silent"},
        bare="AWS_IO_SOCKET_CONNECTION_REFUSED",
        failure="TcpRefused",
        reason=f"1 of 2 addresses refuses: {FIRST}; 1 does not answer: {SECOND}",
        addresses=[(FIRST, True, "TcpRefused"), (SECOND, False, "TcpTimedOut")],
    ),
    "black hole before a healthy one": Scenario(
        stands={FIRST: "silent", SECOND: "healthy"},
        bare="AWS_IO_SOCKET_TIMEOUT",
        failure="TcpTimedOut",
        reason=f"(1 of 2 addresses does not answer: {FIRST})",
        addresses=[(FIRST, True, "TcpTimedOut"), (SECOND, False, None)],
    ),
}


@pytest.mark.skipif(not is_possible(), reason="this machine lets no ordinary user make namespaces")
@pytest.mark.parametrize("name", SCENARIOS)
async def test_partly_dead_endpoint_is_seen_as_a_device_sees_it(
    tmp_path: Path, sockets: contextlib.ExitStack, name: str
) -> None:
    """The bare SDK and the canary come to the same end; the canary also says what the other addresses do."""
    scenario = SCENARIOS[name]
    hosts = tmp_path / "hosts"
    hosts.write_text("".join(f"{address} {NAME}\n" for address in scenario.stands))
    healthy = [address for address, stands in scenario.stands.items() if stands == "healthy"]
    async with FaultyEndpoint(tmp_path, host=(healthy or [THIRD])[0]) as endpoint:
        port = await endpoint.listen("healthy")
        for address, stands in scenario.stands.items():
            if stands == "silent":
                _silent(sockets, address, port)
        ca_file = str(endpoint.pki.ca_file)
        seconds = _TIME_OUT_S if scenario.failure == "TcpTimedOut" else _AT_ONCE_S
        bare, outcomes = await asyncio.gather(
            asyncio.gather(
                *(asyncio.to_thread(_bare, version, hosts, port, ca_file, seconds) for version in MqttVersion)
            ),
            asyncio.to_thread(_canary, hosts, port, ca_file),
        )
    assert set(bare) == {scenario.bare}
    for outcome in outcomes:
        assert outcome["failure"] == scenario.failure, outcome["reason"]
        assert (scenario.reason or "") in (outcome["reason"] or "")
        assert outcome["addresses"] == [
            {"address": address, "used": used, "failure": failure} for address, used, failure in scenario.addresses
        ]
        if scenario.failure == "TcpRefused":
            assert outcome["phases_ms"]["tcp"] < CONNECT_TIMEOUT_S * 1000


def _bare(version: MqttVersion, hosts: Path, port: int, ca_file: str, seconds: float) -> str:
    """Return what the bare SDK says, in a process of its own: its resolver gives the next try the next address."""
    case = {"id": "dialing", "version": version, "host": NAME, "port": port, "ca_file": ca_file, "proxy": None}
    done = subprocess.run(
        [*isolated(hosts=hosts), sys.executable, "-m", "tests.faulty.bare_sdk"],
        input=json.dumps({"cases": [case], "seconds": seconds}),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return str(json.loads(done.stdout)["message"])


def _canary(hosts: Path, port: int, ca_file: str) -> list[dict[str, Any]]:
    """Return the canary's outcome in each MQTT version."""
    entries = [
        Case(scenario="healthy", version=version).target(0, ca_file, endpoint=f"{NAME}:{port}")
        for version in MqttVersion
    ]
    with Handler(before=isolated(hosts=hosts), **ENVIRON) as handler:
        response, _ = handler.invoke(watching(entries, DEADLINE_S), seconds=30)
    return response["response"]["targets"]  # type: ignore[no-any-return]  # JSON
