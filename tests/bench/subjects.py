"""The subjects: the canary's handler, and the bare SDK as its documentation shows it, with the same arguments."""

import asyncio
import os
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from awscrt import mqtt, mqtt5
from awscrt.auth import AwsCredentialsProvider
from awsiot import mqtt5_client_builder, mqtt_connection_builder

from connect_canary.handler import lambda_handler
from connect_canary.model.certificate import CertificateCheck
from connect_canary.model.outcome import Outcome
from connect_canary.probe.attempt import run_attempt
from connect_canary.probe.certificate_check import CertificateChecker
from connect_canary.run import plan_run
from tests.bench.network import BenchEndpoint
from tests.bench.settings import ACCESS_KEY_ID, DEADLINE_MS, REGION, SECRET_ACCESS_KEY, Context

_KEEP_ALIVE_S = 1200


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Milliseconds of one connect: from the client's start to CONNACK, and of everything around it."""

    connect_ms: float
    wall_ms: float


def run_handler() -> dict[str, Any]:
    """Run the handler; raise RuntimeError unless every target is healthy."""
    response = lambda_handler({}, Context())
    if not response["healthy"]:
        raise RuntimeError(f"unhealthy: {response}")
    return response


def time_canary() -> Timing:
    """Time a whole run of the handler with one target."""
    started_at = time.perf_counter()
    response = run_handler()
    wall_ms = (time.perf_counter() - started_at) * 1000
    return Timing(connect_ms=response["targets"][0]["connect_ms"], wall_ms=wall_ms)


class _NoCertificateCheck(CertificateChecker):
    """Leaves the certificate check out of an attempt."""

    def start(self, *_: object, **__: object) -> "asyncio.Task[CertificateCheck]":
        return asyncio.create_task(asyncio.sleep(0, CertificateCheck()))


def time_attempt(*, certificate: bool) -> Timing:
    """Time one attempt at the configured target, with or without the certificate check."""
    planned = plan_run({}, os.environ).planned[0]

    async def run() -> Outcome:
        checker = CertificateChecker() if certificate else _NoCertificateCheck()
        return await run_attempt(planned.target, timeout_s=DEADLINE_MS / 1000, checker=checker)

    outcome = asyncio.run(run())
    if not outcome.healthy or outcome.connect_ms is None or (outcome.certificate is not None) is not certificate:
        raise RuntimeError(f"not the outcome to measure: {outcome}")
    return Timing(connect_ms=outcome.connect_ms, wall_ms=outcome.elapsed_ms)


def time_bare_sdk(endpoint: BenchEndpoint, version: str) -> Timing:
    """Time the SDK alone: builder, start, CONNACK, disconnect."""
    started_at = time.perf_counter()
    arguments = {
        "endpoint": endpoint.host,
        "port": endpoint.ports[0],
        "ca_filepath": endpoint.ca_file,
        "client_id": f"test-bare-{uuid4().hex[:8]}",
        "region": REGION,
        "credentials_provider": AwsCredentialsProvider.new_static(ACCESS_KEY_ID, SECRET_ACCESS_KEY),
    }
    client = _CLIENTS[version](arguments)
    started = time.perf_counter()
    client.connect()
    connected = time.perf_counter()
    client.disconnect()
    return Timing(connect_ms=(connected - started) * 1000, wall_ms=(time.perf_counter() - started_at) * 1000)


class _Bare5:
    def __init__(self, arguments: Mapping[str, Any]) -> None:
        connected: Future[None] = Future()
        stopped = threading.Event()
        self._connected, self._stopped = connected, stopped
        self._client = mqtt5_client_builder.websockets_with_default_aws_signing(
            **arguments,
            keep_alive_interval_sec=_KEEP_ALIVE_S,
            ping_timeout_ms=DEADLINE_MS,
            connack_timeout_ms=DEADLINE_MS,
            on_lifecycle_connection_success=lambda _: connected.set_result(None),
            on_lifecycle_connection_failure=lambda data: connected.set_exception(data.exception),
            on_lifecycle_stopped=lambda _: stopped.set(),
        )

    def connect(self) -> None:
        self._client.start()
        self._connected.result(DEADLINE_MS / 1000)

    def disconnect(self) -> None:
        self._client.stop(mqtt5.DisconnectPacket())
        self._stopped.wait(DEADLINE_MS / 1000)


class _Bare311:
    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self._connection: mqtt.Connection = mqtt_connection_builder.websockets_with_default_aws_signing(
            **arguments, keep_alive_secs=_KEEP_ALIVE_S, ping_timeout_ms=DEADLINE_MS, clean_session=True
        )

    def connect(self) -> None:
        self._connection.connect().result(DEADLINE_MS / 1000)

    def disconnect(self) -> None:
        self._connection.disconnect().result(DEADLINE_MS / 1000)


_CLIENTS: Mapping[str, "type[_Bare5 | _Bare311]"] = {"5": _Bare5, "3.1.1": _Bare311}
