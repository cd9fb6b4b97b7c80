"""When a client id may be used again: the endpoint's own times of each CONNECT, diagnosis and second try included."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from connect_canary.model.mqtt import MqttVersion
from tests.faulty import wire
from tests.faulty.cases import ENVIRON, Case, watching
from tests.faulty.process import Handler
from tests.faulty.server import FaultyEndpoint
from tests.faulty.server_connection import ServerConnection
from tests.faulty.steps import Behaviour
from tests.unit.fake_aws import Answer, Aws, serving

CLIENT_ID = "test-fixed"
# AWS IoT's quota is one CONNECT a second for a client id; the rest is the clock's resolution.
_A_SECOND = 0.99
_REFUSED: Mapping[int, int] = {wire.MQTT_311: 5, wire.MQTT_5: 135}


class _Account(Aws):
    """An account whose parameters are others after they have been read once."""

    def __init__(self, then: Mapping[str, str]) -> None:
        super().__init__(parameters={"/password": "old"})
        self._then = dict(then)

    def answer(self, operation: str, body: Mapping[str, Any], region: str) -> Answer:
        """Return what the account holds, and change it."""
        answered = super().answer(operation, body, region)
        self.parameters = self._then
        return answered


class _Door:
    """A listener that accepts clients with the password `new` and refuses all others, and notes when each came."""

    def __init__(self) -> None:
        self.first_upgrade_takes_s = 0.0
        self.refuses_without_a_word = False
        self.port, self.ca_file = 0, ""
        self.came: list[float] = []
        self.clients: list[wire.ConnectPacket] = []

    async def upgrade(self, connection: ServerConnection) -> bool:
        """Accept an upgrade, the first one late; the certificate check asks for none."""
        key = (await connection.read_request()).headers["sec-websocket-key"]
        pause_s, self.first_upgrade_takes_s = self.first_upgrade_takes_s, 0.0
        await asyncio.sleep(pause_s)
        head = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {wire.accept_key(key)}\r\n"
        await connection.send(f"HTTP/1.1 101 OK\r\n{head}Sec-WebSocket-Protocol: mqtt\r\n\r\n".encode())
        return True

    async def answer(self, connection: ServerConnection) -> bool:
        """Take a CONNECT and answer it."""
        client = await connection.read_connect()
        self.came.append(time.monotonic())
        self.clients.append(client)
        code = 0 if client.password == b"new" else _REFUSED[connection.level]
        if not code or not self.refuses_without_a_word:
            await connection.send(wire.frame(wire.connack(connection.level, code)))
        if code:
            await connection.close_tls()
        return not code

    @property
    def gaps(self) -> list[float]:
        """Seconds between each CONNECT and the next."""
        return [later - earlier for earlier, later in pairwise(self.came)]


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[_Door]:
    """The door, open."""
    door = _Door()
    async with FaultyEndpoint(tmp_path) as endpoint:
        door.port = await endpoint.serve(Behaviour(upgrade=door.upgrade, connack=door.answer))
        door.ca_file = str(endpoint.pki.ca_file)
        yield door


@pytest.fixture
def handler() -> Iterator[Handler]:
    """A process of the handler that has read no reference yet."""
    with Handler(**ENVIRON) as running:
        yield running


async def _outcome(
    door: _Door,
    handler: Handler,
    version: MqttVersion,
    *,
    timeout_s: float = 10,
    aws: Aws | None = None,
    **settings: str,
) -> dict[str, Any]:
    """Return the outcome of one target with a fixed client id at `door`."""
    case = Case(scenario="healthy", version=version, mode="unsigned")
    target = case.target(door.port, door.ca_file, **{"client_id": CLIENT_ID} | settings)
    environ = watching([target], timeout_s) | ({"AWS_ENDPOINT_URL_SSM": aws.url} if aws else {})
    said, _ = await asyncio.to_thread(handler.invoke, environ, seconds=30)
    (outcome,) = said["answer"]["targets"]
    return outcome  # type: ignore[no-any-return]  # JSON


async def test_diagnosis_waits_a_second_with_a_fixed_client_id(door: _Door, handler: Handler) -> None:
    """MQTT 3.1.1 loses the code of a refusal, so the diagnosis sends a CONNECT of its own."""
    outcome = await _outcome(door, handler, MqttVersion.V3_1_1)
    assert (outcome["failure"], outcome["connack_code"]) == ("NotAuthorized", 5)
    assert [client.client_id for client in door.clients] == [CLIENT_ID] * 2
    assert min(door.gaps) >= _A_SECOND


async def test_diagnosis_that_would_come_too_early_is_left_out(door: _Door, handler: Handler) -> None:
    """With less than a second left, a fixed client id cannot be used again in time."""
    door.first_upgrade_takes_s = 1.1
    outcome = await _outcome(door, handler, MqttVersion.V3_1_1, timeout_s=2)
    assert outcome["phase"] == "connack"
    assert outcome["elapsed_ms"] < 2000
    assert [client.client_id for client in door.clients] == [CLIENT_ID]


@pytest.mark.parametrize(("version", "connects"), [(MqttVersion.V5, 2), (MqttVersion.V3_1_1, 3)])
async def test_try_with_a_rotated_secret_waits_a_second_with_a_fixed_client_id(
    door: _Door, handler: Handler, version: MqttVersion, connects: int
) -> None:
    """It comes after the diagnosis in MQTT 3.1.1; every CONNECT keeps its distance from the one before."""
    aws = _Account({"/password": "new"})
    with serving(aws):
        outcome = await _outcome(door, handler, version, aws=aws, authorizer_password="ssm:/password")
    assert (outcome["healthy"], outcome["secrets_refreshed"]) == (True, True), outcome["reason"]
    assert [client.client_id for client in door.clients] == [CLIENT_ID] * connects
    assert [client.password for client in door.clients] == [b"old"] * (connects - 1) + [b"new"]
    assert min(door.gaps) >= _A_SECOND


@pytest.mark.parametrize("version", MqttVersion)
async def test_try_with_a_rotated_secret_has_a_client_id_of_its_own(
    door: _Door, handler: Handler, version: MqttVersion
) -> None:
    """Without a fixed one no id is used twice."""
    aws = _Account({"/password": "new"})
    with serving(aws):
        outcome = await _outcome(door, handler, version, aws=aws, client_id="", authorizer_password="ssm:/password")
    assert (outcome["healthy"], outcome["secrets_refreshed"]) == (True, True), outcome["reason"]
    ids = [client.client_id for client in door.clients]
    assert len(set(ids)) == len(ids) > 1
    assert outcome["client_id"] == ids[-1]


@pytest.mark.parametrize("after", [{}, {"/password": "old"}], ids=["gone", "unchanged"])
async def test_secret_that_is_gone_or_unchanged_leaves_the_first_outcome(
    door: _Door, handler: Handler, after: Mapping[str, str]
) -> None:
    """It was asked for again, nothing better was found, and what is told is the endpoint's refusal."""
    aws = _Account(after)
    with serving(aws):
        outcome = await _outcome(door, handler, MqttVersion.V5, aws=aws, authorizer_password="ssm:/password")
    assert (outcome["failure"], outcome["connack_code"]) == ("NotAuthorized", 135)
    assert outcome["secrets_refreshed"] is False
    assert aws.asked == ["GetParameter /password"] * 2
    assert len(door.clients) == 1


async def test_try_that_would_come_too_early_is_left_out(door: _Door, handler: Handler) -> None:
    """With less than a second left, a rotated secret cannot be tried with the same client id."""
    aws = _Account({"/password": "new"})
    door.first_upgrade_takes_s = 2.1
    with serving(aws):
        outcome = await _outcome(
            door, handler, MqttVersion.V5, timeout_s=3, aws=aws, authorizer_password="ssm:/password"
        )
    assert (outcome["failure"], outcome["secrets_refreshed"]) == ("NotAuthorized", False)
    assert outcome["elapsed_ms"] < 3000
    assert aws.asked == ["GetParameter /password"] * 2
    assert len(door.clients) == 1


async def test_denial_without_a_word_is_tried_with_a_rotated_secret_in_mqtt_3_1_1(
    door: _Door, handler: Handler
) -> None:
    """AWS IoT turns such clients away by closing the connection."""
    aws = _Account({"/password": "new"})
    door.refuses_without_a_word = True
    with serving(aws):
        outcome = await _outcome(door, handler, MqttVersion.V3_1_1, aws=aws, authorizer_password="ssm:/password")
    assert (outcome["healthy"], outcome["secrets_refreshed"]) == (True, True), outcome["reason"]
    assert [client.password for client in door.clients] == [b"old", b"old", b"new"]
    assert min(door.gaps) >= _A_SECOND


async def test_connection_that_closes_is_no_denial_in_mqtt_5(door: _Door, handler: Handler) -> None:
    """That version has a word for it, so the secret is not to blame and not asked for again."""
    aws = _Account({"/password": "new"})
    door.refuses_without_a_word = True
    with serving(aws):
        outcome = await _outcome(door, handler, MqttVersion.V5, aws=aws, authorizer_password="ssm:/password")
    assert (outcome["failure"], outcome["secrets_refreshed"]) == ("ConnectionHungUp", False)
    assert aws.asked == ["GetParameter /password"]
    assert len(door.clients) == 1
