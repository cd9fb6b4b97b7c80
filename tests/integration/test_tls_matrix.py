"""Phases are read off TLS records rightly, whatever was negotiated: cipher suites and what an endpoint does then."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest

from connect_canary.model.failures import SWITCHING_PROTOCOLS
from connect_canary.model.mqtt import MqttVersion
from connect_canary.model.outcome import Outcome
from connect_canary.probe.attempt import run_attempt
from tests.faulty.openssl import OpenSslServer
from tests.faulty.server import FaultyEndpoint
from tests.faulty.tls_matrix import AFTER_HANDSHAKE, SERVERS, SILENT, Expectation, write_rsa_certificate
from tests.unit.factories import target_of

DEADLINE_S = 20.0
SILENT_S = 4.0


@pytest.fixture
async def endpoint(tmp_path: Path) -> AsyncIterator[FaultyEndpoint]:
    """An endpoint without listeners yet."""
    async with FaultyEndpoint(tmp_path) as running:
        write_rsa_certificate(tmp_path)
        yield running


async def _outcomes(
    endpoint: FaultyEndpoint, servers: Iterable[str], expectations: Iterable[Expectation], timeout_s: float
) -> list[tuple[str, Expectation, Outcome]]:
    """Return the outcome of each server in each scenario and each MQTT version, all asked at the same time."""
    trust = endpoint.pki.ca_file.read_text() + (endpoint.pki.file("rsa")).read_text().partition("-----BEGIN PRIV")[0]
    cases = [(name, expected, version) for name in servers for expected in expectations for version in MqttVersion]
    attempts = []
    for name, expected, version in cases:
        port = await endpoint.serve(expected.behaviour(SERVERS[name].handshake()))
        target = target_of(
            endpoint=f"localhost:{port}", ca_file=trust, mqtt_version=version, auth_mode="custom-unsigned"
        )
        attempts.append(run_attempt(target, timeout_s=timeout_s))
    outcomes = await asyncio.gather(*attempts)
    return [(name, expected, outcome) for (name, expected, _), outcome in zip(cases, outcomes, strict=True)]


def _assert_expected(name: str, expected: Expectation, outcome: Outcome) -> None:
    said = (outcome.phase, outcome.failure, outcome.http_status)
    assert said == (expected.phase, expected.failure, expected.http_status), f"{name}: {outcome.reason}"
    sent_connect = expected.http_status == SWITCHING_PROTOCOLS
    phases = ["dns", "tcp", "tls", "upgrade", *(["connack"] if sent_connect else [])]
    assert [phase for phase in outcome.phases_ms if phase != "disconnect"] == phases, name


@pytest.mark.parametrize("name", SERVERS)
async def test_phase_is_right_for_every_handshake(endpoint: FaultyEndpoint, name: str) -> None:
    """Healthy, refused at the upgrade, refused at CONNECT; an alert of a CBC suite is as long as a CONNECT."""
    for case in await _outcomes(endpoint, [name], AFTER_HANDSHAKE.values(), DEADLINE_S):
        _assert_expected(*case)


async def test_silence_after_connect_is_phase_connack_for_every_handshake(endpoint: FaultyEndpoint) -> None:
    """The CONNECT is recognized by every suite's records, also where nothing follows it."""
    for case in await _outcomes(endpoint, SERVERS, [SILENT], SILENT_S):
        _assert_expected(*case)


@pytest.mark.skipif(not shutil.which("openssl"), reason="this machine has no openssl")
@pytest.mark.parametrize("cipher", ["ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"])
@pytest.mark.parametrize("refused", [False, True], ids=["healthy", "forbidden"])
async def test_renegotiation_is_no_phase(endpoint: FaultyEndpoint, cipher: str, *, refused: bool) -> None:
    """A HelloRequest of TLS 1.2, which the SDK ignores, before the response to the upgrade and after it."""
    async with OpenSslServer(endpoint.pki.file("good"), cipher=cipher) as server:
        target = target_of(
            endpoint=f"localhost:{await server.port()}",
            ca_file=str(endpoint.pki.ca_file),
            auth_mode="custom-unsigned",
        )
        attempt = asyncio.create_task(run_attempt(target, timeout_s=DEADLINE_S if not refused else SILENT_S))
        key = await server.read_request()
        await server.renegotiate()
        if refused:
            await server.refuse("403 Forbidden")
        else:
            await server.switch_protocols(key)
            await server.renegotiate()
            await server.accept_connect()
        outcome = await attempt
    assert outcome.phase == ("upgrade" if refused else None), outcome.reason
    assert ("connack" in outcome.phases_ms) is not refused
