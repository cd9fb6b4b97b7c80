"""The SDK's MQTT 5 client."""

from collections.abc import Callable
from typing import Any

from awscrt import mqtt5

from connect_canary.probe.clients.client import (
    KEEP_ALIVE_S,
    NEVER_MS,
    ConnectFailedError,
    ConnectionOptions,
    DisconnectRecorder,
    ThreadsafeFuture,
    handshake_transform,
    proxy_options,
    sdk_metrics,
)
from connect_canary.probe.tls_trust import tls_context

_AWS_IOT_CORE_DEFAULTS = mqtt5.ExtendedValidationAndFlowControlOptions.AWS_IOT_CORE_DEFAULTS


class Mqtt5Connection:
    """An MQTT 5 client. It reconnects until it is stopped, so its first lifecycle event is the verdict."""

    def __init__(self, options: ConnectionOptions) -> None:
        # The native client keeps its callbacks alive: none of them may refer to this object, which owns the client.
        verdict, stopped, lost = ThreadsafeFuture(), ThreadsafeFuture(), DisconnectRecorder()
        self._verdict, self._stopped, self._lost = verdict, stopped, lost

        def failed(data: mqtt5.LifecycleConnectFailureData) -> None:
            packet = data.connack_packet
            code, reason_string = (packet.reason_code, packet.reason_string) if packet else (None, None)
            # The SDK gives None for a code that the specification does not list.
            verdict.resolve(
                ConnectFailedError(
                    data.exception, connack_code=None if code is None else int(code), reason_string=reason_string
                )
            )

        self._client = mqtt5.Client(
            _client_options(
                options,
                on_lifecycle_event_connection_success_fn=lambda _: verdict.resolve(),
                on_lifecycle_event_connection_failure_fn=failed,
                on_lifecycle_event_disconnection_fn=lambda data: lost.record(data.exception),
                on_lifecycle_event_stopped_fn=lambda _: stopped.resolve(),
            )
        )

    async def connect(self) -> float:
        self._client.start()
        return await self._verdict.wait()

    async def disconnect(self) -> None:
        self._client.stop(mqtt5.DisconnectPacket())
        await self._stopped.wait()
        self._lost.raise_if_lost()

    async def stopped(self) -> None:
        self._client.stop()
        await self._stopped.wait()


def _client_options(options: ConnectionOptions, **callbacks: Callable[[Any], None]) -> mqtt5.ClientOptions:
    target, auth = options.target, options.auth
    return mqtt5.ClientOptions(
        host_name=target.host,
        port=target.port,
        tls_ctx=tls_context(target),
        http_proxy_options=proxy_options(options.tunnel_address),
        websocket_handshake_transform=handshake_transform(auth.sign),
        connect_options=mqtt5.ConnectPacket(
            client_id=options.client_id,
            keep_alive_interval_sec=KEEP_ALIVE_S,
            username=auth.username,
            password=auth.password,
        ),
        disable_metrics=not auth.sdk_metrics,
        metrics=sdk_metrics() if auth.sdk_metrics else None,
        extended_validation_and_flow_control_options=_AWS_IOT_CORE_DEFAULTS,
        ping_timeout_ms=options.deadline_ms,
        connack_timeout_ms=options.deadline_ms,
        min_reconnect_delay_ms=NEVER_MS,
        max_reconnect_delay_ms=NEVER_MS,
        **callbacks,
    )
