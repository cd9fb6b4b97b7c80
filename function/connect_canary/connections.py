"""The SDK's clients, one for each version of MQTT: connect, disconnect, and what they say of it.

They get the arguments of awsiotsdk's builders, but share a TLS context, which the builders make anew for each client.
"""

import asyncio
import contextlib
import functools
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from typing import Any, Protocol

from awscrt import mqtt, mqtt5
from awscrt.aws_iot_metrics import IOT_SDK_METRICS_FEATURE_VERSION, AWSIoTMetrics, IoTMetricsMetadata
from awscrt.exceptions import AwsCrtError
from awscrt.http import HttpProxyOptions
from awsiot import __version__ as SDK_VERSION  # noqa: N812 - a constant

from connect_canary.authentication import Handshake, Sign
from connect_canary.settings import MqttVersion
from connect_canary.targets import Target
from connect_canary.trust import tls_context

_KEEP_ALIVE_S = 1200
_NEVER_MS = 3_600_000
_ASKED_FOR = "AWS_ERROR_MQTT5_USER_REQUESTED_STOP"
_AWS_IOT_CORE_DEFAULTS = mqtt5.ExtendedValidationAndFlowControlOptions.AWS_IOT_CORE_DEFAULTS


class Refused(Exception):  # noqa: N818 - named for what the target did; it never leaves an attempt
    """The SDK's client did not get its CONNACK."""

    def __init__(self, error: Exception, *, connack_code: int | None = None, reason_string: str | None = None) -> None:
        """Keep the SDK's name for the error and what a CONNACK said."""
        self.error_name = error.name if isinstance(error, AwsCrtError) else type(error).__name__
        self.connack_code = connack_code
        self.reason_string = reason_string
        super().__init__(self.error_name)


class Connection(Protocol):
    """An SDK client in the hands of an attempt."""

    async def connect(self) -> float:
        """Return the moment (`time.perf_counter`) of the CONNACK; raise Refused."""

    async def disconnect(self) -> None:
        """Send DISCONNECT and return when the client has ended; raise Refused when the connection was lost before."""

    async def stopped(self) -> None:
        """Return when the client has ended, after its tunnel was cut."""


def open_connection(
    target: Target, client_id: str, how: Handshake, tunnel: tuple[str, int], deadline_ms: int
) -> Connection:
    """Return an SDK client for `target` that connects through `tunnel` when told to."""
    return _CONNECTIONS[target.mqtt_version](target, client_id, how, tunnel, deadline_ms)


def _transform(sign: Sign) -> Callable[..., None]:
    """Return the SDK's callback that changes the upgrade request before it is sent."""

    def transform(transform_args: Any, **_: Any) -> None:  # noqa: ANN401 - the SDK gives no type
        try:
            signed = sign(transform_args.http_request)
        except Exception as error:  # noqa: BLE001 - whatever it is, the SDK must hear of it or the client hangs
            transform_args.set_done(error)
        else:
            signed.add_done_callback(lambda done: transform_args.set_done(done.exception()))

    return transform


@functools.cache
def _sdk_metrics() -> AWSIoTMetrics:
    """Return what the SDK's builders tell AWS IoT about themselves in the user name."""
    entries = {"IoTSDKVersion": SDK_VERSION, "IoTSDKMetricsVersion": str(IOT_SDK_METRICS_FEATURE_VERSION)}
    return AWSIoTMetrics(metadata_entries=[IoTMetricsMetadata(key=key, value=value) for key, value in entries.items()])


class _Settled:
    """A result that a CRT thread settles and a coroutine awaits; the first one counts."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._future: asyncio.Future[float] = self._loop.create_future()

    def settle(self, error: Refused | None = None) -> None:
        """Settle with the moment of this call, or with `error`; safe on any thread and after the loop's end."""
        now = time.perf_counter()

        def settle() -> None:
            if self._future.done():
                return
            if error is None:
                self._future.set_result(now)
            else:
                self._future.set_exception(error)
                self._future.exception()

        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(settle)

    def settle_from(self, done: "Future[object]") -> None:
        """Settle as `done` was settled."""
        error = done.exception()
        self.settle(Refused(error) if isinstance(error, Exception) else None)

    def wait(self) -> Awaitable[float]:
        """Wait for the result; a cancelled waiter leaves it to the next one."""
        return asyncio.shield(self._future)


class _Mqtt5Connection:
    """MQTT 5: the client retries until it is told to stop, so the first lifecycle event is the verdict."""

    def __init__(
        self, target: Target, client_id: str, how: Handshake, tunnel: tuple[str, int], deadline_ms: int
    ) -> None:
        # The native client keeps its callbacks alive: none of them may hold this object, which holds the client.
        verdict, stopped, lost = _Settled(), _Settled(), _Lost()
        self._verdict, self._stopped, self._lost = verdict, stopped, lost

        def failed(data: mqtt5.LifecycleConnectFailureData) -> None:
            packet = data.connack_packet
            code, said = (packet.reason_code, packet.reason_string) if packet else (None, None)
            # The SDK has no reason code for a number that the specification does not list.
            verdict.settle(
                Refused(data.exception, connack_code=None if code is None else int(code), reason_string=said)
            )

        self._client = mqtt5.Client(
            mqtt5.ClientOptions(
                host_name=target.host,
                port=target.port,
                tls_ctx=tls_context(target),
                http_proxy_options=HttpProxyOptions(*tunnel),
                websocket_handshake_transform=_transform(how.sign),
                connect_options=mqtt5.ConnectPacket(
                    client_id=client_id,
                    keep_alive_interval_sec=_KEEP_ALIVE_S,
                    username=how.username,
                    password=how.password,
                ),
                disable_metrics=not how.sdk_metrics,
                metrics=_sdk_metrics() if how.sdk_metrics else None,
                extended_validation_and_flow_control_options=_AWS_IOT_CORE_DEFAULTS,
                ping_timeout_ms=deadline_ms,
                connack_timeout_ms=deadline_ms,
                min_reconnect_delay_ms=_NEVER_MS,
                max_reconnect_delay_ms=_NEVER_MS,
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


class _Mqtt311Connection:
    """MQTT 3.1.1: the connect future is the verdict."""

    def __init__(
        self, target: Target, client_id: str, how: Handshake, tunnel: tuple[str, int], deadline_ms: int
    ) -> None:
        self._verdict, self._closed, lost = _Settled(), _Settled(), _Lost()
        self._lost = lost
        self._connection = mqtt.Connection(
            client=mqtt.Client(tls_ctx=tls_context(target)),
            host_name=target.host,
            port=target.port,
            client_id=client_id,
            clean_session=True,
            use_websockets=True,
            proxy_options=HttpProxyOptions(*tunnel),
            websocket_handshake_transform=_transform(how.sign),
            username=how.username,
            password=how.password,
            disable_metrics=not how.sdk_metrics,
            metrics=_sdk_metrics() if how.sdk_metrics else None,
            keep_alive_secs=_KEEP_ALIVE_S,
            ping_timeout_ms=deadline_ms,
            reconnect_min_timeout_secs=_NEVER_MS // 1000,
            reconnect_max_timeout_secs=_NEVER_MS // 1000,
            on_connection_interrupted=lambda error, **_: lost.note(error),
        )

    async def connect(self) -> float:
        self._connection.connect().add_done_callback(self._verdict.settle_from)
        return await self._verdict.wait()

    async def disconnect(self) -> None:
        await self.stopped()
        self._lost.check()

    async def stopped(self) -> None:
        self._connection.disconnect().add_done_callback(self._closed.settle_from)
        await self._closed.wait()


class _Lost:
    """Whether the connection was lost before its DISCONNECT."""

    def __init__(self) -> None:
        self._error: Exception | None = None

    def note(self, error: Exception) -> None:
        """Remember a loss that nobody asked for."""
        if getattr(error, "name", "") != _ASKED_FOR:
            self._error = error

    def check(self) -> None:
        """Raise Refused if the connection was lost."""
        if self._error is not None:
            raise Refused(self._error) from self._error


_Open = Callable[[Target, str, Handshake, tuple[str, int], int], Connection]
_CONNECTIONS: Mapping[MqttVersion, _Open] = {
    MqttVersion.V5: _Mqtt5Connection,
    MqttVersion.V3_1_1: _Mqtt311Connection,
}
