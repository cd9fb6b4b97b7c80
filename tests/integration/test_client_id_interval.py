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
from tests.unit.fake_aws import FakeAws, Response, serving

CLIENT_ID = "test-fixed"
# AWS IoT's quota is one CONNECT a second for a client id; the rest is the clock's resolution.
_A_SECOND = 0.99
_REFUSED: Mapping[int, int] = {wire.MQTT_311: 5, wire.MQTT_5: 135}


class _Account(FakeAws):
    """An account whose parameters are others after they have been read once."""

    def __init__(self, later_parameters: Mapping[str, str]) -> None:
        super().__init__(parameters={"/password": "old"})
        self._later_parameters = dict(later_parameters)

    def respond(self, operation: str, body: Mapping[str, Any], region: str) -> Response:
        """Return what the account holds, and change it."""
        response = super().respond(operation, body, region)
        self.parameters = self._later_parameters
        return response


class _PasswordListener:
    """A listener that accepts clients with the password `new`, refuses all others, and records each connect time."""

    def __init__(self) -> None:
        self.first_upgrade_takes_s = 0.0
        self.refuses_without_a_word = False
        self.port, self.ca_file = 0, ""
        self.connect_times: list[float] = []
        self.clients: list[wire.ConnectPacket] = []

    async def upgrade(self, connection: ServerConnection) -> bool:
        """Accept an upgrade, the first one late; the certificate check requests none."""
        key = (await connection.read_request()).headers["sec-websocket-key"]
        pause_s, self.first_upgrade_takes_s = self.first_upgrade_takes_s, 0.0
        await asyncio.sleep(pause_s)
        head = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {wire.accept_key(key)}\r\n"
        await connection.send(f"HTTP/1.1 101 OK\r\n{head}Sec-WebSocket-Protocol: mqtt\r\n\r\n".encode())
        return True

    async def answer(self, connection: ServerConnection) -> bool:
        """Respond to a CONNECT."""
        client = await connection.read_connect()
        self.connect_times.append(time.monotonic())
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
        return [later - earlier for earlier, later in pairwise(self.connect_times)]


@pytest.fixture
async def listener(tmp_path: Path) -> AsyncIterator[_PasswordListener]:
    """A listener that is serving."""
    listener = _PasswordListener()
    async with FaultyEndpoint(tmp_path) as endpoint:
        listener.port = await endpoint.serve(Behaviour(upgrade=listener.upgrade, connack=listener.answer))
        listener.ca_file = str(endpoint.pki.ca_file)
        yield listener


@pytest.fixture
def handler() -> Iterator[Handler]:
    """A process of the handler that has read no reference yet."""
    with Handler(**ENVIRON) as running:
        yield running


async def _outcome(
    listener: _PasswordListener,
    handler: Handler,
    version: MqttVersion,
    *,
    timeout_s: float = 10,
    aws: FakeAws | None = None,
    **settings: str,
) -> dict[str, Any]:
    """Return the outcome of one target with a fixed client id at `listener`."""
    case = Case(scenario="healthy", version=version, mode="unsigned")
    target = case.target(listener.port, listener.ca_file, **{"client_id": CLIENT_ID} | settings)
    environ = watching([target], timeout_s) | ({"AWS_ENDPOINT_URL_SSM": aws.url} if aws else {})
    result, _ = await asyncio.to_thread(handler.invoke, environ, seconds=30)
    (outcome,) = result["response"]["targets"]
    return outcome  # type: ignore[no-any-return]  # JSON


async def test_diagnosis_waits_a_second_with_a_fixed_client_id(listener: _PasswordListener, handler: Handler) -> None:
    """MQTT 3.1.1 loses the code of a refusal, so the diagnosis sends a CONNECT of its own."""
    outcome = await _outcome(listener, handler, MqttVersion.V3_1_1)
    assert (outcome["failure"], outcome["connack_code"]) == ("NotAuthorized", 5)
    assert [client.client_id for client in listener.clients] == [CLIENT_ID] * 2
    assert min(listener.gaps) >= _A_SECOND


async def test_diagnosis_that_would_come_too_early_is_left_out(listener: _PasswordListener, handler: Handler) -> None:
    """With less than a second left, a fixed client id cannot be used again in time."""
    listener.first_upgrade_takes_s = 1.1
    outcome = await _outcome(listener, handler, MqttVersion.V3_1_1, timeout_s=2)
    assert outcome["phase"] == "connack"
    assert outcome["elapsed_ms"] < 2000
    assert [client.client_id for client in listener.clients] == [CLIENT_ID]


@pytest.mark.parametrize(("version", "connects"), [(MqttVersion.V5, 2), (MqttVersion.V3_1_1, 3)])
async def test_try_with_a_rotated_secret_waits_a_second_with_a_fixed_client_id(
    listener: _PasswordListener, handler: Handler, version: MqttVersion, connects: int
) -> None:
    """It comes after the diagnosis in MQTT 3.1.1; every CONNECT keeps its distance from the one before."""
    aws = _Account({"/password": "new"})
    with serving(aws):
        outcome = await _outcome(listener, handler, version, aws=aws, authorizer_password="ssm:/password")
    assert (outcome["healthy"], outcome["secrets_refreshed"]) == (True, True), outcome["reason"]
    assert [client.client_id for client in listener.clients] == [CLIENT_ID] * connects
    assert [client.password for client in listener.clients] == [b"old"] * (connects - 1) + [b"new"]
    assert min(listener.gaps) >= _A_SECOND


@pytest.mark.parametrize("version", MqttVersion)
async def test_try_with_a_rotated_secret_has_a_client_id_of_its_own(
    listener: _PasswordListener, handler: Handler, version: MqttVersion
) -> None:
    """Without a fixed one no id is used twice."""
    aws = _Account({"/password": "new"})
    with serving(aws):
        outcome = await _outcome(listener, handler, version, aws=aws, client_id="", authorizer_password="ssm:/password")
    assert (outcome["healthy"], outcome["secrets_refreshed"]) == (True, True), outcome["reason"]
    ids = [client.client_id for client in listener.clients]
    assert len(set(ids)) == len(ids) > 1
    assert outcome["client_id"] == ids[-1]


@pytest.mark.parametrize("after", [{}, {"/password": "old"}], ids=["gone", "unchanged"])
async def test_secret_that_is_gone_or_unchanged_leaves_the_first_outcome(
    listener: _PasswordListener, handler: Handler, after: Mapping[str, str]
) -> None:
    """It is fetched again without a new value, and the endpoint's refusal is reported."""
    aws = _Account(after)
    with serving(aws):
        outcome = await _outcome(listener, handler, MqttVersion.V5, aws=aws, authorizer_password="ssm:/password")
    assert (outcome["failure"], outcome["connack_code"]) == ("NotAuthorized", 135)
    assert outcome["secrets_refreshed"] is False
    assert aws.calls == ["GetParameter /password"] * 2
    assert len(listener.clients) == 1


async def test_try_that_would_come_too_early_is_left_out(listener: _PasswordListener, handler: Handler) -> None:
    """With less than a second left, a rotated secret cannot be tried with the same client id."""
    aws = _Account({"/password": "new"})
    listener.first_upgrade_takes_s = 2.1
    with serving(aws):
        outcome = await _outcome(
            listener, handler, MqttVersion.V5, timeout_s=3, aws=aws, authorizer_password="ssm:/password"
        )
    assert (outcome["failure"], outcome["secrets_refreshed"]) == ("NotAuthorized", False)
    assert outcome["elapsed_ms"] < 3000
    assert aws.calls == ["GetParameter /password"] * 2
    assert len(listener.clients) == 1


async def test_denial_without_a_word_is_tried_with_a_rotated_secret_in_mqtt_3_1_1(
    listener: _PasswordListener, handler: Handler
) -> None:
    """AWS IoT refuses such clients by closing the connection."""
    aws = _Account({"/password": "new"})
    listener.refuses_without_a_word = True
    with serving(aws):
        outcome = await _outcome(listener, handler, MqttVersion.V3_1_1, aws=aws, authorizer_password="ssm:/password")
    assert (outcome["healthy"], outcome["secrets_refreshed"]) == (True, True), outcome["reason"]
    assert [client.password for client in listener.clients] == [b"old", b"old", b"new"]
    assert min(listener.gaps) >= _A_SECOND


async def test_connection_that_closes_is_no_denial_in_mqtt_5(listener: _PasswordListener, handler: Handler) -> None:
    """That version has a reason code for it, so the secret is not fetched again."""
    aws = _Account({"/password": "new"})
    listener.refuses_without_a_word = True
    with serving(aws):
        outcome = await _outcome(listener, handler, MqttVersion.V5, aws=aws, authorizer_password="ssm:/password")
    assert (outcome["failure"], outcome["secrets_refreshed"]) == ("ConnectionHungUp", False)
    assert aws.calls == ["GetParameter /password"]
    assert len(listener.clients) == 1
