"""The SDK's MQTT 5 client."""

from awscrt import mqtt5
from awscrt.http import HttpProxyOptions

from connect_canary.model.target import Target
from connect_canary.probe.auth.connect_auth import ConnectAuth
from connect_canary.probe.clients.client import (
    KEEP_ALIVE_S,
    NEVER_MS,
    ConnectFailedError,
    DisconnectRecorder,
    ThreadsafeFuture,
    handshake_transform,
    sdk_metrics,
)
from connect_canary.probe.tls_trust import tls_context

_AWS_IOT_CORE_DEFAULTS = mqtt5.ExtendedValidationAndFlowControlOptions.AWS_IOT_CORE_DEFAULTS


class Mqtt5Connection:
    """MQTT 5: the client retries until it is told to stop, so the first lifecycle event is the verdict."""

    def __init__(
        self, target: Target, client_id: str, how: ConnectAuth, tunnel: tuple[str, int], deadline_ms: int
    ) -> None:
        # The native client keeps its callbacks alive: none of them may hold this object, which holds the client.
        verdict, stopped, lost = ThreadsafeFuture(), ThreadsafeFuture(), DisconnectRecorder()
        self._verdict, self._stopped, self._lost = verdict, stopped, lost

        def failed(data: mqtt5.LifecycleConnectFailureData) -> None:
            packet = data.connack_packet
            code, said = (packet.reason_code, packet.reason_string) if packet else (None, None)
            # The SDK has no reason code for a number that the specification does not list.
            verdict.settle(
                ConnectFailedError(data.exception, connack_code=None if code is None else int(code), reason_string=said)
            )

        self._client = mqtt5.Client(
            mqtt5.ClientOptions(
                host_name=target.host,
                port=target.port,
                tls_ctx=tls_context(target),
                http_proxy_options=HttpProxyOptions(*tunnel),
                websocket_handshake_transform=handshake_transform(how.sign),
                connect_options=mqtt5.ConnectPacket(
                    client_id=client_id,
                    keep_alive_interval_sec=KEEP_ALIVE_S,
                    username=how.username,
                    password=how.password,
                ),
                disable_metrics=not how.sdk_metrics,
                metrics=sdk_metrics() if how.sdk_metrics else None,
                extended_validation_and_flow_control_options=_AWS_IOT_CORE_DEFAULTS,
                ping_timeout_ms=deadline_ms,
                connack_timeout_ms=deadline_ms,
                min_reconnect_delay_ms=NEVER_MS,
                max_reconnect_delay_ms=NEVER_MS,
                on_lifecycle_event_connection_success_fn=lambda _: verdict.settle(),
                on_lifecycle_event_connection_failure_fn=failed,
                on_lifecycle_event_disconnection_fn=lambda data: lost.note(data.exception),
                on_lifecycle_event_stopped_fn=lambda _: stopped.settle(),
            )
        )

    async def connect(self) -> float:
        self._client.start()
        return await self._verdict.wait()

    async def disconnect(self) -> None:
        self._client.stop(mqtt5.DisconnectPacket())
        await self._stopped.wait()
        self._lost.check()

    async def stopped(self) -> None:
        self._client.stop()
        await self._stopped.wait()
