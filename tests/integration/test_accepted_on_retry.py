"""An endpoint that refuses once and accepts on retry: the second response does not explain the first."""

from pathlib import Path

import pytest

from connect_canary.model.mqtt import MqttVersion
from connect_canary.model.outcome import Outcome
from connect_canary.probe.attempt import run_attempt
from tests.faulty import wire
from tests.faulty.server import FaultyEndpoint
from tests.faulty.server_connection import ServerConnection
from tests.faulty.steps import Behaviour, Step
from tests.unit.factories import target_of

ACCEPTED = "asked once more, the endpoint accepts what it has just refused"


def _refusing_first() -> Step:
    """Return an upgrade that is refused once; the certificate check sends none."""
    refused: list[ServerConnection] = []

    async def answer(connection: ServerConnection) -> bool:
        key = (await connection.read_request()).headers["sec-websocket-key"]
        if refused:
            head = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {wire.accept_key(key)}\r\n"
            await connection.send(f"HTTP/1.1 101 OK\r\n{head}Sec-WebSocket-Protocol: mqtt\r\n\r\n".encode())
            return True
        refused.append(connection)
        await connection.send(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
        await connection.read_until_closed()
        return False

    return answer


def _refusing_client_first() -> Step:
    codes = iter((3, 0))

    async def answer(connection: ServerConnection) -> bool:
        await connection.read_connect()
        code = next(codes)
        await connection.send(wire.frame(wire.connack(connection.level, code)))
        return not code

    return answer


async def _outcome(directory: Path, version: MqttVersion, behaviour: Behaviour) -> Outcome:
    async with FaultyEndpoint(directory) as endpoint:
        port = await endpoint.serve(behaviour)
        target = target_of(
            endpoint=f"localhost:{port}",
            mqtt_version=version,
            auth_mode="custom-unsigned",
            ca_file=str(endpoint.pki.ca_file),
        )
        return await run_attempt(target, timeout_s=10)


@pytest.mark.parametrize("version", MqttVersion)
async def test_upgrade_accepted_the_second_time(tmp_path: Path, version: MqttVersion) -> None:
    """The status of the first refusal stays unknown, and the reason says so: the 101 is another answer."""
    outcome = await _outcome(tmp_path, version, Behaviour(upgrade=_refusing_first()))
    reason = f"the WebSocket upgrade is refused; its HTTP status is not known ({ACCEPTED})"
    assert (outcome.failure, outcome.http_status, outcome.reason) == ("UpgradeRejected", None, reason)


async def test_connect_accepted_the_second_time(tmp_path: Path) -> None:
    """MQTT 3.1.1 loses the first code, but the endpoint is one that answers properly: it has refused."""
    outcome = await _outcome(tmp_path, MqttVersion.V3_1_1, Behaviour(connack=_refusing_client_first()))
    assert (outcome.failure, outcome.connack_code, outcome.reason) == ("ConnectRefused", None, ACCEPTED)
