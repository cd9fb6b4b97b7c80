"""The tunnel serves the attempt's own client only, whoever else connects to its port, over real sockets."""

import asyncio
import contextlib
import socket
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import pytest

from connect_canary.model.mqtt import MqttVersion
from connect_canary.model.target import Target
from connect_canary.network.loopback_listener import LoopbackListener, TunnelAddress
from connect_canary.network.tunnel import Tunnel
from connect_canary.probe.attempt import run_attempt
from tests.faulty.server import FaultyEndpoint
from tests.unit.factories import target_of

DEADLINE_S = 20.0
_WAIT_S = 10.0


def _connect(password: str) -> bytes:
    shown = b64encode(f"attempt:{password}".encode()).decode()
    return f"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\nProxy-Authorization: Basic {shown}\r\n\r\n".encode()


# What another local process may send first.
STRANGERS: Mapping[str, bytes] = {
    "silent": b"",
    "health checker": b"GET / HTTP/1.0\r\n\r\n",
    "garbage": bytes(range(256)) + b"\r\n\r\n",
    "half a request": b"CONNECT a.test:443 HT",
    "endless request": b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 4000,
    "no secret": b"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n",
    "another attempt's secret": _connect("A" * 32),
}
MANY = 40


@pytest.fixture
async def endpoint(tmp_path: Path) -> AsyncIterator[FaultyEndpoint]:
    """An endpoint without listeners yet."""
    async with FaultyEndpoint(tmp_path) as running:
        yield running


@pytest.fixture
def sockets() -> Iterator[contextlib.ExitStack]:
    """Whatever is entered here is closed in the end."""
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def strangers_first(monkeypatch: pytest.MonkeyPatch, sockets: contextlib.ExitStack) -> Callable[[list[bytes]], None]:
    """Return what makes strangers connect to every tunnel before its own client can."""
    genuine = Tunnel.open

    def arrange(sent: list[bytes]) -> None:
        def opened(tunnel: Tunnel) -> TunnelAddress:
            address = genuine(tunnel)
            for data in sent:
                _stranger(sockets, address, data)
            return address

        monkeypatch.setattr(Tunnel, "open", opened)

    return arrange


def _stranger(sockets: contextlib.ExitStack, address: TunnelAddress, data: bytes) -> socket.socket:
    connected = sockets.enter_context(socket.create_connection((address.host, address.port), timeout=_WAIT_S))
    connected.sendall(data)
    connected.setblocking(False)  # noqa: FBT003 - the socket module's own signature
    return connected


async def _target(endpoint: FaultyEndpoint, scenario: str, version: MqttVersion) -> Target:
    port = await endpoint.listen(scenario)
    return target_of(
        endpoint=f"localhost:{port}",
        ca_file=str(endpoint.pki.ca_file),
        auth_mode="custom-unsigned",
        mqtt_version=version,
    )


@pytest.mark.parametrize("version", MqttVersion)
@pytest.mark.parametrize("stranger", [*STRANGERS, "all of them"])
async def test_other_local_process_connects_first(
    endpoint: FaultyEndpoint, strangers_first: Callable[[list[bytes]], None], stranger: str, version: MqttVersion
) -> None:
    """A healthy endpoint stays healthy."""
    strangers_first([STRANGERS[stranger]] if stranger in STRANGERS else list(STRANGERS.values()))
    outcome = await run_attempt(await _target(endpoint, "healthy", version), timeout_s=DEADLINE_S)
    assert outcome.healthy, (outcome.failure, outcome.reason)


async def test_more_strangers_than_may_wait(
    endpoint: FaultyEndpoint, strangers_first: Callable[[list[bytes]], None]
) -> None:
    """The oldest are dropped: they hold neither a descriptor nor the attempt's own client up."""
    strangers_first([b""] * MANY)
    outcome = await run_attempt(await _target(endpoint, "healthy", MqttVersion.V5), timeout_s=DEADLINE_S)
    assert outcome.healthy, (outcome.failure, outcome.reason)


async def test_diagnosis_has_a_secret_too(
    endpoint: FaultyEndpoint, strangers_first: Callable[[list[bytes]], None]
) -> None:
    """The status of a refusal is learned although strangers connect to the diagnosis's tunnel first."""
    strangers_first(list(STRANGERS.values()))
    outcome = await run_attempt(await _target(endpoint, "http-403", MqttVersion.V5), timeout_s=DEADLINE_S)
    assert (outcome.failure, outcome.http_status) == ("UpgradeForbidden", 403), outcome.reason


async def _is_dropped(stranger: socket.socket) -> bool:
    """Return whether the other side ends the connection."""
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(_WAIT_S):
            return await asyncio.get_running_loop().sock_recv(stranger, 1) == b""
    return True


async def test_stranger_with_a_complete_request_is_dropped_at_once(sockets: contextlib.ExitStack) -> None:
    """Others may still have to say who they are; none of them is told anything."""
    listener = LoopbackListener()
    address = listener.open()
    accepting = asyncio.create_task(listener.accept())
    for name in ("health checker", "garbage", "endless request", "no secret", "another attempt's secret"):
        assert await _is_dropped(_stranger(sockets, address, STRANGERS[name])), name
    assert not accepting.done()
    accepting.cancel()


async def test_silent_strangers_are_dropped_when_the_client_came(sockets: contextlib.ExitStack) -> None:
    """The first that shows the secret is the client, and from then on the port is closed."""
    listener = LoopbackListener()
    address = listener.open()
    accepting = asyncio.create_task(listener.accept())
    silent = [_stranger(sockets, address, STRANGERS["silent"]) for _ in range(3)]
    request = _connect(address.password.reveal())
    client = _stranger(sockets, address, request[:10])
    await asyncio.sleep(0.05)
    assert not accepting.done()
    client.send(request[10:])
    accepted = sockets.enter_context(await asyncio.wait_for(accepting, _WAIT_S))
    assert accepted.getpeername() == client.getsockname()
    assert all([await _is_dropped(stranger) for stranger in silent])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address.host, address.port), timeout=_WAIT_S)


async def test_flood_of_silent_strangers_is_bounded(sockets: contextlib.ExitStack) -> None:
    """Of many that say nothing, the oldest are dropped before the client comes."""
    listener = LoopbackListener()
    address = listener.open()
    accepting = asyncio.create_task(listener.accept())
    silent = []
    for _ in range(MANY):
        silent.append(_stranger(sockets, address, b""))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert await _is_dropped(silent[0])
    client = _stranger(sockets, address, _connect(address.password.reveal()))
    accepted = sockets.enter_context(await asyncio.wait_for(accepting, _WAIT_S))
    assert accepted.getpeername() == client.getsockname()


async def test_only_strangers_come(sockets: contextlib.ExitStack) -> None:
    """Nothing was dialled, so there is no phase that could be blamed on the endpoint; all of them are dropped."""
    tunnel = Tunnel("localhost", 9)
    address = tunnel.open()
    strangers = [_stranger(sockets, address, data) for data in STRANGERS.values()]
    await asyncio.sleep(0.1)
    assert (tunnel.trace.phase, tunnel.trace.error) == (None, None)
    tunnel.abort()
    assert all([await _is_dropped(stranger) for stranger in strangers])


async def test_every_attempt_has_its_own_secret() -> None:
    """It is long, and it shows in no representation."""
    listeners = [LoopbackListener() for _ in range(2)]
    addresses = [listener.open() for listener in listeners]
    passwords = [address.password.reveal() for address in addresses]
    assert len(set(passwords)) == len(passwords)
    for address, password in zip(addresses, passwords, strict=True):
        assert len(password) >= 32
        assert password not in f"{address!r} {address} {address.password}"
    for listener in listeners:
        listener.close()
