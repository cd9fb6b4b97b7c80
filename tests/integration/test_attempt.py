"""Single attempts at an endpoint in this process, for situations that only the client can create."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from awscrt.exceptions import AwsCrtError
from awscrt.http import HttpRequest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from connect_canary.model.mqtt import PROTOCOLS, MqttVersion
from connect_canary.model.target import Target
from connect_canary.network.dialer import connect_as_sdk
from connect_canary.network.resolver import resolve
from connect_canary.probe import attempt, attempt_diagnosis
from connect_canary.probe.attempt import run_attempt
from connect_canary.probe.auth.connect_auth import ConnectAuth
from connect_canary.probe.auth.table import authenticate
from connect_canary.probe.certificate_check import check_certificate
from connect_canary.probe.clients.client import ConnectFailedError, Connection, ConnectionOptions
from connect_canary.probe.clients.table import new_connection
from tests.faulty import pki
from tests.faulty.server import FaultyEndpoint
from tests.faulty.server_connection import ClientGoneError, RequestLog, ServerConnection
from tests.faulty.steps import Behaviour, refuse, send_connack, silence, tls_handshake
from tests.unit.factories import target_of


@pytest.fixture
async def endpoint(tmp_path: Path) -> AsyncIterator[FaultyEndpoint]:
    """An endpoint without listeners yet."""
    async with FaultyEndpoint(tmp_path) as running:
        yield running


@pytest.mark.parametrize("version", MqttVersion)
async def test_request_that_cannot_be_signed(
    endpoint: FaultyEndpoint, monkeypatch: pytest.MonkeyPatch, version: MqttVersion
) -> None:
    """The SDK is told so, or it would wait for the signature until the deadline."""

    def sign(_: HttpRequest) -> "Future[object]":
        raise ZeroDivisionError

    async def failing(target: Target) -> ConnectAuth:
        return replace(await authenticate(target), sign=sign)

    monkeypatch.setattr(attempt, "authenticate", failing)
    port = await endpoint.serve(Behaviour())
    target = target_of(
        endpoint=f"localhost:{port}",
        mqtt_version=version,
        auth_mode="custom-unsigned",
        ca_file=str(endpoint.pki.ca_file),
    )
    outcome = await run_attempt(target, timeout_s=5)
    assert (outcome.phase, outcome.failure) == ("credentials", "CredentialsUnavailable"), outcome.error_name
    assert outcome.reason is not None
    assert "within" not in outcome.reason


@pytest.mark.parametrize("version", MqttVersion)
async def test_credentials_that_end_before_signing(
    endpoint: FaultyEndpoint, monkeypatch: pytest.MonkeyPatch, version: MqttVersion
) -> None:
    """They were there a moment ago: nothing has been dialled, and the phase is theirs."""

    def sign(_: HttpRequest) -> "Future[object]":
        refused: Future[object] = Future()
        refused.set_exception(AwsCrtError(6146, "AWS_AUTH_SIGNING_NO_CREDENTIALS", "no credentials"))
        return refused

    async def ending(target: Target) -> ConnectAuth:
        return replace(await authenticate(target), sign=sign)

    monkeypatch.setattr(attempt, "authenticate", ending)
    port = await endpoint.serve(Behaviour())
    target = target_of(
        endpoint=f"localhost:{port}",
        mqtt_version=version,
        auth_mode="sigv4-static",
        access_key_id="a",
        secret_access_key="b",
        ca_file=str(endpoint.pki.ca_file),
    )
    outcome = await run_attempt(target, timeout_s=5)
    assert (outcome.phase, outcome.failure) == ("credentials", "CredentialsUnavailable"), outcome.error_name


async def test_bundle_that_holds_only_the_intermediate_authority(endpoint: FaultyEndpoint, tmp_path: Path) -> None:
    """The SDK trusts it without its root, and so does the certificate check, in every Python."""
    now = datetime.now(UTC)
    between = pki.new_authority("Intermediate CA", now, signer=pki.new_authority("Root CA", now))
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = (
        pki.certificate_builder("localhost", key, between, now - timedelta(days=1), now + timedelta(days=1))
        .add_extension(pki.alternative_names(("localhost",)), critical=False)
        .sign(between.key, hashes.SHA256())
    )
    (tmp_path / "between.pem").write_bytes(pki.certificate_pem(leaf) + pki.key_pem(key))
    bundle = pki.certificate_pem(between.certificate)
    port = await endpoint.serve(Behaviour(handshake=tls_handshake("between")))
    target = target_of(endpoint=f"localhost:{port}", ca_file=bundle.decode(), auth_mode="custom-unsigned")
    assert (await run_attempt(target, timeout_s=5)).healthy

    async def dial() -> socket.socket:
        return (await connect_as_sdk(await resolve("localhost", port), []))[0]

    seen = await check_certificate(dial, "localhost", bundle, 5)
    assert seen.failure is None
    assert seen.certificate is not None


@pytest.mark.parametrize(
    ("host", "kind", "failure"),
    [("127.0.0.1", "wrong-name", "CertificateNameMismatch"), ("127.0.0.1", "good", None)],
)
async def test_certificate_for_an_address(endpoint: FaultyEndpoint, host: str, kind: str, failure: str | None) -> None:
    """An endpoint that is an address must be named as one."""
    port = await endpoint.serve(Behaviour(handshake=tls_handshake(kind)))

    async def dial() -> socket.socket:
        return (await connect_as_sdk(await resolve("localhost", port), []))[0]

    seen = await check_certificate(dial, host, endpoint.pki.ca_file.read_bytes(), 5)
    assert seen.failure == failure
    assert seen.certificate is not None


@pytest.mark.parametrize("between", [" ", "\n    ", ""], ids=["spaces", "indented", "one line"])
@pytest.mark.parametrize(("kind", "failure"), [("good", None), ("expired", "CertificateExpired")])
async def test_bundle_whose_line_ends_are_lost(
    endpoint: FaultyEndpoint, between: str, kind: str, failure: str | None
) -> None:
    """Parameters and shells take line ends away; OpenSSL would then prove a failure that the SDK does not have."""
    bundle = between.join(endpoint.pki.ca_file.read_text().splitlines())
    port = await endpoint.serve(Behaviour(handshake=tls_handshake(kind, pause_s=0.4)))
    target = target_of(endpoint=f"localhost:{port}", ca_file=bundle, auth_mode="custom-unsigned")
    outcome = await run_attempt(target, timeout_s=5)
    assert outcome.failure == failure, outcome.reason
    assert outcome.certificate_days_left is not None


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2])
async def test_certificate_is_read_in_every_version_that_the_sdk_speaks(
    endpoint: FaultyEndpoint, newest: ssl.TLSVersion
) -> None:
    """Python's own default begins at TLS 1.2, the SDK's before."""
    handshake = tls_handshake(newest=newest, ciphers="DEFAULT@SECLEVEL=0")
    port = await endpoint.serve(Behaviour(handshake=handshake))
    target = target_of(endpoint=f"localhost:{port}", ca_file=str(endpoint.pki.ca_file), auth_mode="custom-unsigned")
    outcome = await run_attempt(target, timeout_s=5)
    assert outcome.healthy
    assert outcome.certificate is not None
    assert outcome.certificate["tls_version"] == newest.name.replace("_", ".")


@pytest.mark.parametrize("version", MqttVersion)
@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_endpoint_that_ends_tls_instead_of_answering_the_upgrade(
    endpoint: FaultyEndpoint, version: MqttVersion, newest: ssl.TLSVersion
) -> None:
    """It has closed the connection, although its TCP stays: the SDK closes first and reports only a failure."""

    async def end_tls(connection: ServerConnection) -> bool:
        await connection.read_request()
        await connection.end_tls()
        return await silence(connection)

    port = await endpoint.serve(Behaviour(handshake=tls_handshake(newest=newest), upgrade=end_tls))
    target = target_of(
        endpoint=f"localhost:{port}",
        ca_file=str(endpoint.pki.ca_file),
        auth_mode="custom-unsigned",
        mqtt_version=version,
    )
    outcome = await run_attempt(target, timeout_s=5)
    assert (outcome.failure, outcome.reason) == ("UpgradeFailed", "the endpoint closed the connection")


@pytest.mark.parametrize("version", MqttVersion)
async def test_endpoint_that_ends_tls_with_an_alert_at_the_upgrade(
    endpoint: FaultyEndpoint, version: MqttVersion
) -> None:
    """A client certificate that TLS 1.3 asks for is checked only then; the SDK closes without a reason."""

    async def demand(connection: ServerConnection) -> bool:
        with contextlib.suppress(ClientGoneError):
            await tls_handshake(wants_client_certificate=True)(connection)
        return await silence(connection)

    port = await endpoint.serve(Behaviour(handshake=demand))
    target = target_of(
        endpoint=f"localhost:{port}",
        ca_file=str(endpoint.pki.ca_file),
        auth_mode="custom-unsigned",
        mqtt_version=version,
    )
    outcome = await run_attempt(target, timeout_s=5)
    assert (outcome.failure, outcome.reason) == ("TlsFailed", "the endpoint closed the connection")


@pytest.mark.parametrize("version", MqttVersion)
async def test_secret_that_the_endpoint_echoes_is_masked_in_the_reason(
    endpoint: FaultyEndpoint, version: MqttVersion
) -> None:
    """The diagnosis masks the secrets of the authentication that it repeats."""
    port = await endpoint.serve(Behaviour(upgrade=refuse("403 Forbidden", body=b"hidden-mark is unknown")))
    target = target_of(
        endpoint=f"localhost:{port}",
        ca_file=str(endpoint.pki.ca_file),
        auth_mode="custom-unsigned",
        mqtt_version=version,
        authorizer_password="hidden-mark",
    )
    outcome = await run_attempt(target, timeout_s=5)
    assert (outcome.failure, outcome.http_status) == ("UpgradeForbidden", 403)
    assert "*** is unknown" in (outcome.reason or "")


async def test_longest_connect_that_mqtt_3_1_1_may_have(endpoint: FaultyEndpoint) -> None:
    """The SDK's buffer ends at 16,384 bytes; what the settings allow still fits."""
    port = await endpoint.serve(Behaviour())
    target = target_of(
        endpoint=f"localhost:{port}",
        ca_file=str(endpoint.pki.ca_file),
        auth_mode="custom-unsigned",
        mqtt_version="3.1.1",
        client_id="c" * 128,
        authorizer_username="u" * 8000,
        authorizer_password="p" * (cast("int", PROTOCOLS[MqttVersion.V3_1_1].max_connect_bytes) - 8000),
    )
    assert (await run_attempt(target, timeout_s=5)).healthy


@pytest.mark.parametrize(("client_id", "code"), [("", 5), ("fixed", None)])
async def test_diagnosis_keeps_the_interval_of_a_fixed_client_id_only(
    endpoint: FaultyEndpoint, monkeypatch: pytest.MonkeyPatch, client_id: str, code: int | None
) -> None:
    """One that was used a moment ago is not used again, and where that takes too long nothing is asked."""
    monkeypatch.setattr(attempt_diagnosis, "CLIENT_ID_INTERVAL_S", 60.0)
    port = await endpoint.serve(Behaviour(connack=send_connack(5, 135)))
    target = target_of(
        endpoint=f"localhost:{port}",
        ca_file=str(endpoint.pki.ca_file),
        auth_mode="custom-unsigned",
        mqtt_version=MqttVersion.V3_1_1,
        client_id=client_id,
    )
    outcome = await run_attempt(target, timeout_s=10)
    assert (outcome.phase, outcome.connack_code) == ("connack", code)


# -- the end of the client -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", MqttVersion)
@pytest.mark.parametrize(
    "behaviour",
    [Behaviour(upgrade=refuse("403 Forbidden")), Behaviour(connack=send_connack(5, 135)), Behaviour(connack=silence)],
    ids=["refused upgrade", "refused CONNECT", "no CONNACK"],
)
async def test_client_of_a_failed_attempt_has_stopped_at_its_end(
    endpoint: FaultyEndpoint, monkeypatch: pytest.MonkeyPatch, behaviour: Behaviour, version: MqttVersion
) -> None:
    """It would go on trying to connect, beside the attempts that follow in a warm process."""
    stopped: list[Connection] = []

    def watched(options: ConnectionOptions) -> Connection:
        connection = new_connection(options)
        stop = connection.stopped

        async def stopping() -> None:
            # One of MQTT 3.1.1 that was refused says so in an error: it has no connection any more.
            with contextlib.suppress(ConnectFailedError):
                await stop()
            stopped.append(connection)

        monkeypatch.setattr(connection, "stopped", stopping)
        return connection

    monkeypatch.setattr(attempt, "new_connection", watched)
    port = await endpoint.serve(behaviour)
    target = target_of(
        endpoint=f"localhost:{port}",
        ca_file=str(endpoint.pki.ca_file),
        auth_mode="custom-unsigned",
        mqtt_version=version,
    )
    assert not (await run_attempt(target, timeout_s=2)).healthy
    assert len(stopped) == 1


@pytest.mark.parametrize("version", MqttVersion)
async def test_client_that_is_slow_to_disconnect_is_waited_for(
    endpoint: FaultyEndpoint, monkeypatch: pytest.MonkeyPatch, version: MqttVersion
) -> None:
    """Where the processor is busy its DISCONNECT takes longer than an abandoned client is given, and must be sent."""
    late_s = 0.5

    def slow(options: ConnectionOptions) -> Connection:
        connection = new_connection(options)
        monkeypatch.setattr(connection, "disconnect", _delayed(connection.disconnect, late_s))
        return connection

    monkeypatch.setattr(attempt, "new_connection", slow)
    log = RequestLog()
    port = await endpoint.serve(Behaviour(), log)
    target = target_of(
        endpoint=f"localhost:{port}",
        ca_file=str(endpoint.pki.ca_file),
        auth_mode="custom-unsigned",
        mqtt_version=version,
    )
    outcome = await run_attempt(target, timeout_s=10)
    assert outcome.healthy
    assert (outcome.disconnect_ms or 0) >= late_s * 1000
    assert log.disconnects == 1


def _delayed(disconnect: Callable[[], Awaitable[None]], seconds: float) -> Callable[[], Awaitable[None]]:
    async def later() -> None:
        await asyncio.sleep(seconds)
        await disconnect()

    return later
