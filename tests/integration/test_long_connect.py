"""Upgrade requests and CONNECTs of more than one TLS record: what the endpoint does afterwards is still noticed."""

from pathlib import Path

import pytest

from connect_canary.model.mqtt import MqttVersion
from connect_canary.model.outcome import Outcome
from connect_canary.probe.attempt import run_attempt
from tests.faulty.server import FaultyEndpoint
from tests.faulty.server_connection import ServerConnection
from tests.faulty.steps import Behaviour, close, cork, send_connack, sequence
from tests.unit.factories import target_of

LONG: dict[str, dict[str, str]] = {
    "CONNECT": {
        "auth_mode": "custom-unsigned",
        "authorizer_name": "gate",
        "authorizer_username": "u" * 7000,
        "authorizer_password": "p" * 7000,
    },
    "upgrade request": {
        "auth_mode": "custom-signed",
        "authorizer_name": "gate",
        "authorizer_placement": "headers",
        "authorizer_token_key_name": "token",
        "authorizer_token_value": "t" * 9000,
        "authorizer_token_signature": "s",
    },
}


async def _outcome(directory: Path, settings: dict[str, str], version: MqttVersion, behaviour: Behaviour) -> Outcome:
    async with FaultyEndpoint(directory) as endpoint:
        port = await endpoint.serve(behaviour)
        bundle = str(endpoint.pki.ca_file)
        target = target_of(endpoint=f"localhost:{port}", ca_file=bundle, mqtt_version=version, **settings)
        return await run_attempt(target, timeout_s=10)


async def _read_connect_and_close(connection: ServerConnection) -> bool:
    await connection.read_connect()
    return await close(connection)


@pytest.mark.parametrize("version", MqttVersion)
@pytest.mark.parametrize("settings", LONG.values(), ids=LONG)
async def test_accepted_and_disconnected(tmp_path: Path, settings: dict[str, str], version: MqttVersion) -> None:
    """Every phase is seen."""
    outcome = await _outcome(tmp_path, settings, version, Behaviour())
    assert outcome.healthy, outcome.reason
    assert list(outcome.phases_ms) == ["dns", "tcp", "tls", "upgrade", "connack"]


@pytest.mark.parametrize("version", MqttVersion)
@pytest.mark.parametrize("settings", LONG.values(), ids=LONG)
async def test_closed_after_connack(tmp_path: Path, settings: dict[str, str], version: MqttVersion) -> None:
    """The 3.1.1 client does not report it: it was taken for a clean disconnect."""
    behaviour = Behaviour(connack=sequence(cork, send_connack()), disconnect=close)
    outcome = await _outcome(tmp_path, settings, version, behaviour)
    assert (outcome.phase, outcome.failure) == ("disconnect", "DisconnectFailed")
    assert outcome.reason == "the endpoint closed the connection"


@pytest.mark.parametrize("version", MqttVersion)
@pytest.mark.parametrize("settings", LONG.values(), ids=LONG)
async def test_closed_after_connect(tmp_path: Path, settings: dict[str, str], version: MqttVersion) -> None:
    """The reason says who closed."""
    outcome = await _outcome(tmp_path, settings, version, Behaviour(connack=_read_connect_and_close))
    assert (outcome.phase, outcome.failure) == ("connack", "ConnectionHungUp")
    assert outcome.reason == "the endpoint closed the connection"
