"""A failed connect that is tried once more in the same run: what counts, what is told, and how time is kept."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from connect_canary.model.mqtt import MqttVersion
from tests.faulty import steps, wire
from tests.faulty.cases import ENVIRON, Case, watching
from tests.faulty.process import Handler
from tests.faulty.server import FaultyEndpoint
from tests.faulty.server_connection import ServerConnection
from tests.faulty.steps import Behaviour
from tests.unit.fake_aws import FakeAws, Response, serving

AFTER_S = 1.2
# What the clock and the rounding of times may take from a pause.
_EARLY_S = 0.01
# CONNACK codes of MQTT 5, and none.
ACCEPTED, UNAVAILABLE, DENIED, SILENT = 0, 136, 135, None


class _Endpoint:
    """An endpoint that answers each CONNECT with the next of `answers`, and every later one with the last."""

    def __init__(self) -> None:
        self.answers: list[int | None] = [ACCEPTED]
        self.passwords: list[bytes | None] = []
        self.certificates: list[tuple[float, str]] = [(0.0, "good")]
        self.port, self.ca_file = 0, ""
        self.times: list[float] = []
        self._first: float | None = None

    async def handshake(self, connection: ServerConnection) -> bool:
        """Show the certificate of the time since the first connection."""
        now = time.monotonic()
        self._first = self._first or now
        kind = [kind for since, kind in self.certificates if now - self._first >= since][-1]
        return await steps.tls_handshake(kind)(connection)

    async def answer(self, connection: ServerConnection) -> bool:
        """Respond to a CONNECT."""
        self.times.append(time.monotonic())
        self.passwords.append((await connection.read_connect()).password)
        code = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if code is SILENT:
            return await steps.silence(connection)
        await connection.send(wire.frame(wire.connack(connection.level, code)))
        if code:
            await connection.close_tls()
        return not code

    @property
    def gaps(self) -> list[float]:
        """Seconds between each CONNECT and the next."""
        return [later - earlier for earlier, later in pairwise(self.times)]


@dataclass(frozen=True, kw_only=True)
class _Run:
    """What came of one run."""

    outcomes: list[dict[str, Any]]
    healthy: bool
    lines: list[dict[str, Any]]

    @property
    def outcome(self) -> dict[str, Any]:
        """The outcome of the only target."""
        (outcome,) = self.outcomes
        return outcome

    def records(self, message: str) -> list[dict[str, Any]]:
        """The log records with a message."""
        return [line for line in self.lines if line.get("message") == message]

    def metric(self, name: str) -> list[float]:
        """The values of a metric."""
        return [value for line in self.lines if "_aws" in line for value in line.get(name, [])]


@pytest.fixture
async def endpoint(tmp_path: Path) -> AsyncIterator[_Endpoint]:
    """An endpoint that is serving."""
    endpoint = _Endpoint()
    async with FaultyEndpoint(tmp_path) as listeners:
        endpoint.port = await listeners.serve(Behaviour(handshake=endpoint.handshake, connack=endpoint.answer))
        endpoint.ca_file = str(listeners.pki.ca_file)
        yield endpoint


@pytest.fixture(scope="module")
def handler() -> Iterator[Handler]:
    """A warm process of the handler."""
    with Handler(**ENVIRON) as running:
        running.invoke({"CANARY_ENDPOINT": "localhost"}, seconds=30, event={"dry_run": True})
        yield running


def _target(endpoint: _Endpoint, **settings: object) -> dict[str, object]:
    case = Case(scenario="healthy", version=MqttVersion.V5, mode="unsigned")
    return case.target(endpoint.port, endpoint.ca_file, **{"name": "t", "confirm_after_seconds": AFTER_S, **settings})


async def _run(handler: Handler, *targets: dict[str, object], seconds: float = 30, **others: Any) -> _Run:
    environ = watching(targets, 10, others.get("concurrent", 100)) | others.get("environ", {})
    result, printed = await asyncio.to_thread(handler.invoke, environ, seconds=seconds)
    lines = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    return _Run(outcomes=result["response"]["targets"], healthy=result["response"]["healthy"], lines=lines)


async def test_second_attempt_that_succeeds_makes_the_target_healthy(handler: Handler, endpoint: _Endpoint) -> None:
    """The failure stands in the log only: the metrics count one connect, which succeeded."""
    endpoint.answers = [UNAVAILABLE, ACCEPTED]
    run = await _run(handler, _target(endpoint))
    assert (run.outcome["healthy"], run.outcome["confirmed"], run.outcome["failure"]) == (True, False, None)
    assert run.healthy
    assert (run.metric("ConnectSuccess"), run.metric("ConnectFailures")) == ([1.0], [])
    assert len(run.metric("ConnectLatency")) == 1
    assert min(endpoint.gaps) >= AFTER_S - _EARLY_S
    assert run.outcome["elapsed_ms"] < AFTER_S * 1000


async def test_second_attempt_that_fails_too_confirms_the_failure(handler: Handler, endpoint: _Endpoint) -> None:
    """The outcome is the second attempt's; the metrics count one failure."""
    endpoint.answers = [UNAVAILABLE, DENIED]
    run = await _run(handler, _target(endpoint))
    assert (run.outcome["healthy"], run.outcome["confirmed"]) == (False, True)
    assert (run.outcome["failure"], run.healthy) == ("NotAuthorized", False)
    assert (run.metric("ConnectSuccess"), run.metric("ConnectFailures")) == ([0.0], [1.0])
    assert [line["Failure"] for line in run.lines if "Failure" in line] == ["NotAuthorized"]


async def test_both_attempts_are_in_the_log(handler: Handler, endpoint: _Endpoint) -> None:
    """Under two messages, so that nobody counts the first, with the same keys and a client id each."""
    endpoint.answers = [UNAVAILABLE, DENIED]
    run = await _run(handler, _target(endpoint))
    (first,), (last,) = run.records("connect attempt to be confirmed"), run.records("connect attempt finished")
    assert (first["failure"], first["healthy"], first["confirmed"]) == ("ServerUnavailable", False, None)
    assert {key: last[key] for key in run.outcome} == run.outcome
    assert first.keys() == last.keys()
    assert first["client_id"] != last["client_id"]


@pytest.mark.parametrize(("answer", "settings"), [(ACCEPTED, {}), (UNAVAILABLE, {"confirm_after_seconds": 0})])
async def test_nothing_is_confirmed(
    handler: Handler, endpoint: _Endpoint, answer: int, settings: Mapping[str, object]
) -> None:
    """Neither a healthy connect, nor anything without the setting."""
    endpoint.answers = [answer]
    run = await _run(handler, _target(endpoint, **settings))
    assert run.outcome["confirmed"] is None
    assert run.outcome["healthy"] is (answer is ACCEPTED)
    assert run.records("connect attempt to be confirmed") == []
    assert len(endpoint.times) == 1


async def test_failure_counts_at_once_if_no_time_remains(handler: Handler, endpoint: _Endpoint) -> None:
    """The wait would outlast the function, so the run does not wait."""
    endpoint.answers = [UNAVAILABLE, ACCEPTED]
    started = time.monotonic()
    run = await _run(handler, _target(endpoint, confirm_after_seconds=20), seconds=15)
    assert time.monotonic() - started < 15
    assert (run.outcome["failure"], run.outcome["confirmed"]) == ("ServerUnavailable", None)
    assert run.metric("ConnectFailures") == [1.0]
    assert run.records("connect attempt to be confirmed") == []
    assert len(endpoint.times) == 1


async def test_second_attempt_that_the_run_cuts_off_confirms_nothing(handler: Handler, endpoint: _Endpoint) -> None:
    """The function's end is no evidence against the endpoint; the first failure counts, and the run ends in time."""
    endpoint.answers, lambda_has_s = [UNAVAILABLE, SILENT], 5.0
    started = time.monotonic()
    run = await _run(handler, _target(endpoint), seconds=lambda_has_s)
    assert time.monotonic() - started < lambda_has_s
    assert (run.outcome["failure"], run.outcome["confirmed"]) == ("ServerUnavailable", None)
    assert (run.metric("ConnectSuccess"), run.metric("ConnectFailures")) == ([0.0], [1.0])
    assert len(run.records("connect attempt to be confirmed")) == len(run.records("connect attempt finished")) == 1
    assert len(endpoint.times) == 2


async def test_unexpected_accept_counts_at_once(handler: Handler, endpoint: _Endpoint) -> None:
    """A client that gets in where it must not is told without delay, even if it is refused a second later."""
    endpoint.answers = [ACCEPTED, DENIED]
    run = await _run(handler, _target(endpoint, expect="refuse"))
    assert (run.outcome["failure"], run.outcome["confirmed"]) == ("UnexpectedAccept", None)
    assert len(endpoint.times) == 1


@pytest.mark.parametrize(
    ("second", "failure", "confirmed"), [(DENIED, None, False), (ACCEPTED, "UnexpectedAccept", True)]
)
async def test_failure_of_a_target_that_must_refuse_is_confirmed(
    handler: Handler, endpoint: _Endpoint, second: int, failure: str | None, *, confirmed: bool
) -> None:
    """A broker that is unavailable is no refusal, and the second attempt says what the client meets."""
    endpoint.answers = [UNAVAILABLE, second]
    run = await _run(handler, _target(endpoint, expect="refuse"))
    assert (run.outcome["failure"], run.outcome["confirmed"]) == (failure, confirmed)
    assert run.outcome["healthy"] is (failure is None)


async def test_lost_connection_is_no_failed_connect(handler: Handler, tmp_path: Path) -> None:
    """DisconnectFailed counts at once: the client could connect."""
    async with FaultyEndpoint(tmp_path) as listeners:
        lost = _Endpoint()
        lost.port = await listeners.serve(Behaviour(connack=steps.sequence(steps.cork, lost.answer, steps.close)))
        lost.ca_file = str(listeners.pki.ca_file)
        run = await _run(handler, _target(lost))
    assert (run.outcome["failure"], run.outcome["confirmed"]) == ("DisconnectFailed", None)
    assert len(lost.times) == 1


async def test_waiting_target_takes_no_slot(handler: Handler, endpoint: _Endpoint) -> None:
    """With one connect at a time, the next target connects while the first one waits."""
    endpoint.answers = [UNAVAILABLE, ACCEPTED]
    targets = (_target(endpoint, name="a"), _target(endpoint, name="b"))
    run = await _run(handler, *targets, concurrent=1)
    assert [(outcome["healthy"], outcome["confirmed"]) for outcome in run.outcomes] == [(True, False), (True, None)]
    finished = [record["target"] for record in run.records("connect attempt finished")]
    assert finished == ["b", "a"]
    assert [record["target"] for record in run.records("connect attempt to be confirmed")] == ["a"]


async def test_fixed_client_id_waits_a_second(handler: Handler, endpoint: _Endpoint) -> None:
    """AWS IoT takes one CONNECT a second from a client id, however short the wait is set."""
    endpoint.answers = [UNAVAILABLE, ACCEPTED]
    run = await _run(handler, _target(endpoint, confirm_after_seconds=0.1, client_id="test-fixed"))
    assert (run.outcome["confirmed"], run.outcome["client_id"]) == (False, "test-fixed")
    assert min(endpoint.gaps) >= 1 - _EARLY_S


async def test_certificate_is_checked_again(handler: Handler, endpoint: _Endpoint) -> None:
    """What the first attempt learned of an expired certificate does not fail the second, which meets its successor."""
    endpoint.certificates = [(0.0, "expired"), (AFTER_S, "good")]
    run = await _run(handler, _target(endpoint))
    (first,) = run.records("connect attempt to be confirmed")
    assert first["failure"] == "CertificateExpired"
    assert (run.outcome["healthy"], run.outcome["confirmed"]) == (True, False), run.outcome["reason"]
    assert min(run.metric("CertificateDaysLeft")) > 0


class _Rotating(FakeAws):
    """An account whose password is another after it has been read once."""

    def respond(self, operation: str, body: Mapping[str, Any], region: str) -> Response:
        """Return what the account holds, and change it."""
        response = super().respond(operation, body, region)
        self.parameters = {"/password": "new"}
        return response


async def test_second_attempt_has_the_secrets_that_were_fetched_last(endpoint: _Endpoint) -> None:
    """A refusal fetched them, a failure of another kind is confirmed with them, and they are not fetched again."""
    endpoint.answers = [DENIED, UNAVAILABLE, ACCEPTED]
    aws = _Rotating(parameters={"/password": "old"})
    with serving(aws), Handler(**ENVIRON) as handler:
        run = await _run(
            handler,
            _target(endpoint, authorizer_password="ssm:/password"),
            environ={"AWS_ENDPOINT_URL_SSM": aws.url},
        )
    assert (run.outcome["healthy"], run.outcome["confirmed"]) == (True, False), run.outcome["reason"]
    assert run.outcome["secrets_refreshed"] is True
    assert aws.calls == ["GetParameter /password"] * 2
    assert endpoint.passwords == [b"old", b"new", b"new"]
