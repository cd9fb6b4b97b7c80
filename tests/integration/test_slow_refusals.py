"""Refusals of the upgrade that take seconds: the status is asked for beside the attempt, without a second CONNECT."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from connect_canary.model.mqtt import MqttVersion
from connect_canary.model.outcome import Outcome
from connect_canary.probe.attempt import run_attempt
from tests.faulty import steps, wire
from tests.faulty.cases import ENVIRON, Case, watching
from tests.faulty.process import Handler
from tests.faulty.server import FaultyEndpoint
from tests.faulty.server_connection import RequestLog, ServerConnection
from tests.faulty.specifications import failure_of_status
from tests.faulty.steps import Behaviour, Step
from tests.unit.factories import target_of
from tests.unit.fake_aws import FakeAws, Response, serving

DEADLINE_S = 10.0
# What an attempt takes beyond its deadline: its client is stopped and its outcome made.
OVERTIME_S = 1.5
STATUSES = {
    401: "401 Unauthorized",
    403: "403 Forbidden",
    429: "429 Too Many Requests",
    500: "500 Internal Server Error",
    503: "503 Service Unavailable",
    504: "504 Gateway Timeout",
}
PAUSE_S = 1.5  # longer than an upgrade waits before it is asked about
SHORT_DEADLINE_S = PAUSE_S + 2.0
FIXED_ID = "test-fixed"


@pytest.fixture
async def endpoint(tmp_path: Path) -> AsyncIterator[FaultyEndpoint]:
    """An endpoint without listeners yet."""
    async with FaultyEndpoint(tmp_path) as running:
        yield running


async def _outcome(
    endpoint: FaultyEndpoint, upgrade: Step, timeout_s: float, **settings: str
) -> tuple[Outcome, RequestLog]:
    """Return the outcome at a listener that responds to upgrades with `upgrade`, and what that listener received."""
    log = RequestLog()
    port = await endpoint.serve(Behaviour(upgrade=upgrade), log)
    target = target_of(
        **{"endpoint": f"localhost:{port}", "ca_file": str(endpoint.pki.ca_file), "auth_mode": "custom-unsigned"}
        | settings
    )
    return await run_attempt(target, timeout_s=timeout_s), log


# -- the status ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pause_s", [1.0, 4.0, 8.5])
async def test_late_refusal_is_named_with_its_status(endpoint: FaultyEndpoint, pause_s: float) -> None:
    """However long it took, status, request id and clock are known before the deadline, after two requests."""
    cases = [(status, version) for status in STATUSES for version in MqttVersion]
    results = await asyncio.gather(
        *(
            _outcome(endpoint, steps.refuse(STATUSES[status], pause_s=pause_s), DEADLINE_S, mqtt_version=version)
            for status, version in cases
        )
    )
    for (status, _), (outcome, log) in zip(cases, results, strict=True):
        assert (outcome.failure, outcome.http_status) == (failure_of_status(status), status), outcome.reason
        assert outcome.request_id == steps.REQUEST_ID
        assert outcome.clock_skew_s is not None
        assert outcome.phases_ms["upgrade"] >= pause_s * 1000
        assert outcome.elapsed_ms < (DEADLINE_S + OVERTIME_S) * 1000
        assert (log.upgrades, log.connects) == (2, 0)


@pytest.mark.parametrize("version", MqttVersion)
async def test_late_refusal_where_a_refusal_is_expected(endpoint: FaultyEndpoint, version: MqttVersion) -> None:
    """401 and 403 turn the client away, as is expected; a gateway's time-out does not."""
    results = await asyncio.gather(
        *(
            _outcome(endpoint, steps.refuse(line, pause_s=PAUSE_S), DEADLINE_S, mqtt_version=version, expect="refuse")
            for line in STATUSES.values()
        )
    )
    for status, (outcome, _) in zip(STATUSES, results, strict=True):
        assert outcome.healthy is (status in {401, 403}), outcome.reason
        assert outcome.failure == (None if outcome.healthy else failure_of_status(status))


# -- what is not known ---------------------------------------------------------------------------------------------


def _in_turn(*responses: Step) -> Step:
    """Return an upgrade that responds to each request in its own way; the certificate check sends none."""

    async def respond(connection: ServerConnection) -> bool:
        return await responses[connection.request_log.upgrades](connection)

    return respond


def _unanswered(step: Step) -> Step:
    return steps.sequence(steps.receive_request, step)


async def test_refusal_whose_status_cannot_be_learned(endpoint: FaultyEndpoint) -> None:
    """It was a refusal all the same, and the reason says what is missing; the deadline holds."""
    cases = itertools.product((0.0, PAUSE_S), (steps.silence, steps.close, steps.reset), MqttVersion)
    results = await asyncio.gather(
        *(
            _outcome(
                endpoint,
                _in_turn(steps.refuse("403 Forbidden", pause_s=pause_s), *2 * [_unanswered(later)]),
                SHORT_DEADLINE_S,
                mqtt_version=version,
                client_id=FIXED_ID,
            )
            for pause_s, later, version in cases
        )
    )
    for outcome, log in results:
        assert (outcome.phase, outcome.failure, outcome.http_status) == ("upgrade", "UpgradeRejected", None)
        assert "its HTTP status is not known" in (outcome.reason or "")
        assert outcome.elapsed_ms < (SHORT_DEADLINE_S + OVERTIME_S) * 1000
        assert log.connects == 0


@pytest.mark.parametrize("version", MqttVersion)
async def test_question_that_fails_beside_the_attempt_is_asked_again(
    endpoint: FaultyEndpoint, version: MqttVersion
) -> None:
    """The endpoint drops the second of three requests; the third has the status, with time to spare."""
    refused = steps.refuse("403 Forbidden", pause_s=PAUSE_S)
    upgrade = _in_turn(refused, _unanswered(steps.reset), steps.refuse("403 Forbidden"))
    outcome, log = await _outcome(endpoint, upgrade, DEADLINE_S, mqtt_version=version)
    assert (outcome.failure, outcome.http_status) == ("UpgradeForbidden", 403), outcome.reason
    assert (log.upgrades, log.connects) == (3, 0)


async def test_response_to_the_question_is_no_verdict(endpoint: FaultyEndpoint) -> None:
    """The attempt's own upgrade got no answer, so it timed out, whatever another request was told meanwhile."""
    results = await asyncio.gather(
        *(
            _outcome(
                endpoint,
                _in_turn(_unanswered(steps.silence), steps.refuse("403 Forbidden")),
                SHORT_DEADLINE_S,
                mqtt_version=version,
            )
            for version in MqttVersion
        )
    )
    for outcome, log in results:
        assert (outcome.failure, outcome.http_status, outcome.request_id) == ("UpgradeTimedOut", None, None)
        assert outcome.elapsed_ms < (SHORT_DEADLINE_S + OVERTIME_S) * 1000
        assert log.upgrades == 2


# -- healthy endpoints, client ids ---------------------------------------------------------------------------------


async def test_slow_endpoint_stays_healthy(endpoint: FaultyEndpoint) -> None:
    """The question beside the attempt is an upgrade alone: one CONNECT, and the attempt's own time."""
    upgrade = steps.switch_protocols(pause_s=PAUSE_S)
    results = await asyncio.gather(
        *(
            _outcome(endpoint, upgrade, DEADLINE_S, mqtt_version=version, client_id=client_id)
            for version, client_id in itertools.product(MqttVersion, ("", FIXED_ID))
        )
    )
    for outcome, log in results:
        assert outcome.healthy, outcome.reason
        assert outcome.phases_ms["upgrade"] >= PAUSE_S * 1000
        assert (log.upgrades, log.connects) == (2, 1)
        assert [client.client_id for client in log.clients] == [outcome.client_id]


@pytest.mark.parametrize("version", MqttVersion)
async def test_question_that_is_accepted_sends_no_connect(endpoint: FaultyEndpoint, version: MqttVersion) -> None:
    """The attempt's own upgrade still waits: two sessions with one client id would end each other."""
    upgrade = _in_turn(steps.switch_protocols(pause_s=PAUSE_S), steps.switch_protocols())
    outcome, log = await _outcome(endpoint, upgrade, DEADLINE_S, mqtt_version=version, client_id=FIXED_ID)
    assert outcome.healthy, outcome.reason
    assert (log.upgrades, log.connects) == (2, 1)


@pytest.mark.parametrize("version", MqttVersion)
async def test_connection_that_ends_is_no_refusal(endpoint: FaultyEndpoint, version: MqttVersion) -> None:
    """There is no status to ask for."""
    outcome, log = await _outcome(endpoint, _unanswered(steps.close), DEADLINE_S, mqtt_version=version)
    assert (outcome.failure, log.upgrades) == ("UpgradeFailed", 1)


@pytest.mark.parametrize("version", MqttVersion)
async def test_question_ends_with_the_attempt(endpoint: FaultyEndpoint, version: MqttVersion) -> None:
    """Where the attempt's connection ends, nobody waits for the response to the question any more."""
    ended = asyncio.Event()

    async def wait_for_the_end(connection: ServerConnection) -> bool:
        await steps.sequence(steps.receive_request, steps.silence)(connection)
        ended.set()
        return False

    closed_late = steps.sequence(steps.receive_request, steps.pause(PAUSE_S), steps.close)
    upgrade = _in_turn(closed_late, wait_for_the_end)
    outcome, log = await _outcome(endpoint, upgrade, 6 * DEADLINE_S, mqtt_version=version)
    assert (outcome.failure, log.upgrades) == ("UpgradeFailed", 2)
    async with asyncio.timeout(DEADLINE_S):
        await ended.wait()


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(connack=steps.send_connack(pause_s=PAUSE_S)),
        Behaviour(handshake=steps.tls_handshake(pause_s=PAUSE_S)),
    ],
    ids=["CONNACK", "TLS"],
)
async def test_endpoint_that_is_slow_in_another_phase_is_asked_once(
    endpoint: FaultyEndpoint, behaviour: Behaviour
) -> None:
    """Nothing is asked beside it: there is the attempt's connection, and the certificate check's."""
    log = RequestLog()
    port = await endpoint.serve(behaviour, log)
    target = target_of(
        endpoint=f"localhost:{port}", ca_file=str(endpoint.pki.ca_file), auth_mode="custom-unsigned", client_id=FIXED_ID
    )
    assert (await run_attempt(target, timeout_s=DEADLINE_S)).healthy
    assert (log.connections, log.upgrades, log.connects) == (2, 1, 1)


# -- rotated secrets -----------------------------------------------------------------------------------------------


class _RotatedToken(FakeAws):
    """An account whose token is another one after it has been read once."""

    def respond(self, operation: str, body: Mapping[str, Any], region: str) -> Response:
        """Return what the account holds, and change it."""
        response = super().respond(operation, body, region)
        self.parameters = {"/token": "new"}
        return response


async def _accept_new_token(connection: ServerConnection) -> bool:
    """Accept the new token, and refuse another one late."""
    request = await connection.read_request()
    if request.headers.get("token") != "new":
        await asyncio.sleep(PAUSE_S)
        await connection.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        await connection.read_until_closed()
        return False
    key = wire.accept_key(request.headers["sec-websocket-key"])
    head = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {key}\r\n"
    await connection.send(f"HTTP/1.1 101 OK\r\n{head}Sec-WebSocket-Protocol: mqtt\r\n\r\n".encode())
    return True


@pytest.fixture
def handler() -> Iterator[Handler]:
    """A process of the handler that has read no reference yet."""
    with Handler(**ENVIRON) as running:
        yield running


@pytest.mark.parametrize("client_id", ["", FIXED_ID], ids=["own", "fixed"])
@pytest.mark.parametrize("version", MqttVersion)
async def test_late_refusal_of_a_rotated_secret_is_tried_with_the_new_one(
    endpoint: FaultyEndpoint, handler: Handler, version: MqttVersion, client_id: str
) -> None:
    """A custom authorizer that is slow to refuse an old token pages nobody."""
    log = RequestLog()
    port = await endpoint.serve(Behaviour(upgrade=_accept_new_token), log)
    case = Case(scenario="healthy", version=version, mode="signed-headers")
    settings = {"authorizer_token_value": "ssm:/token"} | ({"client_id": client_id} if client_id else {})
    entry = case.target(port, str(endpoint.pki.ca_file), **settings)
    aws = _RotatedToken(parameters={"/token": "old"})
    with serving(aws):
        environ = watching([entry], DEADLINE_S) | {"AWS_ENDPOINT_URL_SSM": aws.url}
        result, _ = await asyncio.to_thread(handler.invoke, environ, seconds=30)
    (outcome,) = result["response"]["targets"]
    assert (outcome["healthy"], outcome["secrets_refreshed"]) == (True, True), outcome["reason"]
    assert [request.headers["token"] for request in log.requests] == ["old", "old", "new"]
    assert log.connects == 1
