"""The bare SDK with many targets: its clients are started together and share one TLS context."""

import statistics
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

from awscrt import mqtt5
from awscrt.auth import (
    AwsCredentialsProvider,
    AwsSignatureType,
    AwsSigningAlgorithm,
    AwsSigningConfig,
    aws_sign_request,
)
from awscrt.io import ClientTlsContext, TlsContextOptions

from tests.bench.network import BenchEndpoint
from tests.bench.settings import ACCESS_KEY_ID, DEADLINE_MS, REGION, SECRET_ACCESS_KEY


def connect_together(endpoint: BenchEndpoint, count: int) -> float:
    """Connect and disconnect `count` clients; return the median of the milliseconds from start to CONNACK.

    The SDK's builders would read the trust store for each client, and give each a TLS context of its own.
    """
    options = TlsContextOptions()
    options.override_default_trust_store(Path(endpoint.ca_file).read_bytes())
    tls_context, sign = ClientTlsContext(options), _signer()
    ports = endpoint.ports
    clients = [_Client(endpoint.host, ports[index % len(ports)], tls_context, sign) for index in range(count)]
    started = [client.start() for client in clients]
    connected = [client.connected_at() for client in clients]
    return statistics.median((end - start) * 1000 for start, end in zip(started, connected, strict=True))


class _Client:
    """An MQTT 5 client that disconnects at its CONNACK."""

    def __init__(self, host: str, port: int, tls_context: ClientTlsContext, sign: Callable[..., None]) -> None:
        self._connected: Future[float] = Future()
        self._stopped: Future[None] = Future()
        self._client = mqtt5.Client(
            mqtt5.ClientOptions(
                host_name=host,
                port=port,
                tls_ctx=tls_context,
                websocket_handshake_transform=sign,
                connect_options=mqtt5.ConnectPacket(client_id=f"test-bare-{uuid4().hex[:8]}"),
                connack_timeout_ms=DEADLINE_MS,
                on_lifecycle_event_connection_success_fn=self._on_success,
                on_lifecycle_event_connection_failure_fn=lambda data: self._connected.set_exception(data.exception),
                on_lifecycle_event_stopped_fn=lambda _: self._stopped.set_result(None),
            )
        )

    def start(self) -> float:
        started = time.perf_counter()
        self._client.start()
        return started

    def _on_success(self, _: object) -> None:
        self._connected.set_result(time.perf_counter())
        self._client.stop(mqtt5.DisconnectPacket())

    def connected_at(self) -> float:
        """Wait until the client has stopped; raise AwsCrtError if it could not connect."""
        connected = self._connected.result(DEADLINE_MS / 1000)
        self._stopped.result(DEADLINE_MS / 1000)
        return connected


def _signer() -> Callable[..., None]:
    """Return what signs upgrade requests, as the SDK's builder does it."""
    provider = AwsCredentialsProvider.new_static(ACCESS_KEY_ID, SECRET_ACCESS_KEY)

    def sign(transform_args: Any, **_: Any) -> None:
        config = AwsSigningConfig(
            algorithm=AwsSigningAlgorithm.V4,
            signature_type=AwsSignatureType.HTTP_REQUEST_QUERY_PARAMS,
            credentials_provider=provider,
            region=REGION,
            service="iotdevicegateway",
            omit_session_token=True,
        )
        signed = cast("Future[object]", aws_sign_request(transform_args.http_request, config))
        signed.add_done_callback(lambda done: transform_args.set_done(done.exception()))

    return sign
