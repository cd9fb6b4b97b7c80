"""An attempt whose own loopback tunnel fails: reported as the canary's own failure."""

import asyncio
import contextlib
import os
import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from connect_canary.model.mqtt import MqttVersion
from connect_canary.model.outcome import Outcome
from connect_canary.model.secret import Secret
from connect_canary.network.loopback_listener import LOOPBACK, TunnelAddress
from connect_canary.network.tunnel import Tunnel
from connect_canary.probe.attempt import run_attempt
from tests.unit.factories import target_of

Opened = Callable[[TunnelAddress], TunnelAddress]
STRANGERS = [b"CONNECT x:443 HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b""]
_DEADLINE_S = 20.0


@pytest.fixture
def after_open(monkeypatch: pytest.MonkeyPatch) -> Callable[[Opened], None]:
    """Return a function that lets something happen on loopback between the tunnel's opening and the SDK's connect."""

    def install(happens: Opened) -> None:
        opening = Tunnel.open
        monkeypatch.setattr(Tunnel, "open", lambda tunnel: happens(opening(tunnel)))

    return install


@contextmanager
def _silent_endpoint() -> Iterator[str]:
    """Yield an endpoint that accepts TCP and never responds."""
    with socket.create_server((LOOPBACK, 0)) as listening:
        yield f"{LOOPBACK}:{listening.getsockname()[1]}"


async def _attempt(endpoint: str, version: MqttVersion) -> Outcome:
    target = target_of(endpoint=endpoint, auth_mode="custom-unsigned", mqtt_version=version)
    return await run_attempt(target, timeout_s=_DEADLINE_S)


def _assert_own_trouble(outcome: Outcome) -> None:
    assert (outcome.phase, outcome.failure, outcome.healthy) == (None, "Unclassified", False), outcome
    assert outcome.phases_ms == {}
    assert f"through the canary's own tunnel on {LOOPBACK}" in (outcome.reason or "")
    assert outcome.elapsed_ms < _DEADLINE_S * 1000


def _connect_stranger(stack: contextlib.ExitStack, address: TunnelAddress, request_head: bytes) -> None:
    stranger = stack.enter_context(socket.create_connection((address.host, address.port)))
    stranger.sendall(request_head)
    if not request_head:
        stranger.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("version", MqttVersion)
@pytest.mark.parametrize("request_head", STRANGERS)
async def test_another_process_connects_to_the_tunnel_first(
    after_open: Callable[[Opened], None], version: MqttVersion, request_head: bytes
) -> None:
    """The SDK is served all the same: the outcome is the endpoint's."""
    with contextlib.ExitStack() as stack:

        def come_first(address: TunnelAddress) -> TunnelAddress:
            _connect_stranger(stack, address, request_head)
            return address

        after_open(come_first)
        outcome = await _attempt("localhost:1", version)
    assert (outcome.phase, outcome.failure) == ("tcp", "TcpRefused"), outcome


@pytest.mark.parametrize("version", MqttVersion)
@pytest.mark.parametrize("request_head", STRANGERS)
async def test_only_other_processes_connect_to_the_tunnel(
    after_open: Callable[[Opened], None], version: MqttVersion, request_head: bytes
) -> None:
    """The SDK is refused elsewhere; no name is resolved and no endpoint dialled for another client."""
    with contextlib.ExitStack() as stack:
        bound = stack.enter_context(socket.socket())
        bound.bind((LOOPBACK, 0))

        def come_alone(address: TunnelAddress) -> TunnelAddress:
            _connect_stranger(stack, address, request_head)
            return replace(address, port=int(bound.getsockname()[1]))

        after_open(come_alone)
        endpoint = stack.enter_context(_silent_endpoint())
        _assert_own_trouble(await _attempt(endpoint, version))


@pytest.mark.parametrize("version", MqttVersion)
async def test_client_without_the_secret_of_the_attempt(
    after_open: Callable[[Opened], None], version: MqttVersion
) -> None:
    """Another attempt's SDK client is dropped as every stranger is."""
    after_open(lambda address: replace(address, password=Secret("another attempt's")))
    with _silent_endpoint() as endpoint:
        _assert_own_trouble(await _attempt(endpoint, version))


@pytest.mark.parametrize("version", MqttVersion)
async def test_nothing_listens_where_the_tunnel_was(after_open: Callable[[Opened], None], version: MqttVersion) -> None:
    """As when the listener is closed before the SDK has connected."""
    with socket.socket() as bound:
        bound.bind((LOOPBACK, 0))
        after_open(lambda address: replace(address, port=int(bound.getsockname()[1])))
        outcome = await _attempt("iot.example.com", version)
    _assert_own_trouble(outcome)
    assert outcome.error_name == "AWS_IO_SOCKET_CONNECTION_REFUSED"


@pytest.mark.parametrize("version", MqttVersion)
async def test_process_has_no_descriptor_left(after_open: Callable[[Opened], None], version: MqttVersion) -> None:
    """Neither the SDK nor the tunnel gets a socket."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    def exhaust(address: TunnelAddress) -> TunnelAddress:
        descriptor = os.dup(0)
        os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptor, hard))
        asyncio.get_running_loop().call_later(2, resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        return address

    # What an earlier run of the process has opened stays open: the trust store is read, the event loop group made.
    assert (await _attempt("localhost:1", version)).failure == "TcpRefused"
    after_open(exhaust)
    try:
        with _silent_endpoint() as endpoint:
            _assert_own_trouble(await _attempt(endpoint, version))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
