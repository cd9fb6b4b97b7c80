"""The SDK's two clients after their CONNACK, at a real endpoint and through a real tunnel."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connect_canary.model.mqtt import MqttVersion
from connect_canary.network.tunnel import Tunnel
from connect_canary.probe.auth.table import authenticate
from connect_canary.probe.clients.client import ConnectFailedError, ConnectionOptions
from connect_canary.probe.clients.table import new_connection
from tests.faulty import wire
from tests.faulty.server import FaultyEndpoint
from tests.faulty.steps import Behaviour, send, send_connack, sequence, silence
from tests.unit.factories import target_of

_SOON_S = 20.0
_DISCONNECT = wire.frame(bytes([wire.DISCONNECT << 4, 0]))


@pytest.fixture
async def endpoint(tmp_path: Path) -> AsyncIterator[FaultyEndpoint]:
    """An endpoint without listeners yet."""
    async with FaultyEndpoint(tmp_path) as running:
        yield running


@pytest.mark.parametrize(
    ("version", "error_name"),
    [
        (MqttVersion.V5, "AWS_ERROR_MQTT5_DISCONNECT_RECEIVED"),
        (MqttVersion.V3_1_1, "AWS_ERROR_MQTT_INVALID_PACKET_TYPE"),
    ],
)
async def test_connection_that_the_client_gave_up_is_lost_before_its_disconnect(
    endpoint: FaultyEndpoint, version: MqttVersion, error_name: str
) -> None:
    """The client itself closes after a packet that it must not get: only it knows why, and says so when asked."""
    port = await endpoint.serve(Behaviour(connack=sequence(send_connack(), send(_DISCONNECT)), disconnect=silence))
    target = target_of(
        endpoint=f"localhost:{port}",
        ca_file=str(endpoint.pki.ca_file),
        auth_mode="custom-unsigned",
        mqtt_version=version,
    )
    tunnel = Tunnel(target.host, target.port)
    try:
        async with asyncio.timeout(_SOON_S):
            connection = new_connection(
                ConnectionOptions(
                    target=target,
                    client_id="test-lost",
                    auth=await authenticate(target),
                    tunnel_address=tunnel.open(),
                    deadline_ms=int(_SOON_S * 1000),
                )
            )
            await connection.connect()
            await tunnel.closed.wait()
            with pytest.raises(ConnectFailedError) as caught:
                await connection.disconnect()
    finally:
        tunnel.abort()
    assert caught.value.error_name == error_name
