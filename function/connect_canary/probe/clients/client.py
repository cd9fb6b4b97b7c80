"""What both MQTT clients share: their protocol, errors and callbacks."""

import asyncio
import contextlib
import functools
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Protocol

import awscrt
from awscrt.aws_iot_metrics import IOT_SDK_METRICS_FEATURE_VERSION, AWSIoTMetrics, IoTMetricsMetadata
from awscrt.exceptions import AwsCrtError
from awscrt.http import HttpProxyAuthenticationType, HttpProxyOptions

from connect_canary.model.frozen import frozen
from connect_canary.model.target import Target
from connect_canary.network.loopback_listener import TunnelAddress
from connect_canary.probe.auth.connect_auth import ConnectAuth, SignRequest

KEEP_ALIVE_S = 1200
NEVER_MS = 3_600_000
_REQUESTED_STOP = "AWS_ERROR_MQTT5_USER_REQUESTED_STOP"


class ConnectFailedError(Exception):
    """The SDK's client did not get a CONNACK with success, or lost the connection before its DISCONNECT."""

    def __init__(self, error: Exception, *, connack_code: int | None = None, reason_string: str | None = None) -> None:
        """Keep the SDK's name of the error, and code and reason string of a CONNACK."""
        self.error_name = error.name if isinstance(error, AwsCrtError) else type(error).__name__
        self.connack_code = connack_code
        self.reason_string = reason_string
        super().__init__(self.error_name)


@frozen
class ConnectionOptions:
    """What an SDK client needs for one attempt: it connects through `tunnel_address` within `deadline_ms`."""

    target: Target
    client_id: str
    auth: ConnectAuth
    tunnel_address: TunnelAddress
    deadline_ms: int


def proxy_options(tunnel: TunnelAddress) -> HttpProxyOptions:
    """Return the options with which the SDK connects through the attempt's tunnel."""
    return HttpProxyOptions(
        tunnel.host,
        tunnel.port,
        auth_type=HttpProxyAuthenticationType.Basic,
        auth_username=tunnel.username,
        auth_password=tunnel.password.reveal(),
    )


class Connection(Protocol):
    """An SDK client during one attempt."""

    async def connect(self) -> float:
        """Return the moment of the CONNACK (seconds, `time.perf_counter`); raise ConnectFailedError."""

    async def disconnect(self) -> None:
        """Send DISCONNECT and wait until the client has stopped; raise ConnectFailedError if it was lost before."""

    async def stopped(self) -> None:
        """Wait until the client has stopped, after its tunnel was aborted."""


def handshake_transform(sign: SignRequest) -> Callable[..., None]:
    """Return the SDK's callback that signs the upgrade request."""

    def transform(transform_args: Any, **_: Any) -> None:  # noqa: ANN401 - the SDK gives no type
        # What `sign` raises the SDK itself hands to set_done() (awscrt 0.36.1, mqtt.py and mqtt5.py).
        sign(transform_args.http_request).add_done_callback(lambda done: transform_args.set_done(done.exception()))

    return transform


@functools.cache
def sdk_metrics() -> AWSIoTMetrics:
    """Return the metrics that the SDK's builders add to the user name."""
    entries = {"IoTSDKVersion": _awsiotsdk_version(), "IoTSDKMetricsVersion": str(IOT_SDK_METRICS_FEATURE_VERSION)}
    return AWSIoTMetrics(metadata_entries=[IoTMetricsMetadata(key=key, value=value) for key, value in entries.items()])


def _awsiotsdk_version() -> str:
    """Return awsiotsdk's version, from the name of its metadata beside awscrt: importing it takes 4 ms (measured)."""
    packages = Path(awscrt.__file__).parents[1]
    for metadata in packages.glob("awsiotsdk-*.dist-info"):
        return metadata.name.removeprefix("awsiotsdk-").removesuffix(".dist-info")
    from awsiot import __version__  # noqa: PLC0415

    return str(__version__)


class ThreadsafeFuture:
    """A future that a CRT thread resolves and a coroutine awaits; the first result counts."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._future: asyncio.Future[float] = self._loop.create_future()

    def resolve(self, error: ConnectFailedError | None = None) -> None:
        """Resolve with the moment of this call, or with `error`; thread-safe, also after the loop is closed."""
        now = time.perf_counter()

        def set_result() -> None:
            if self._future.done():
                return
            if error is None:
                self._future.set_result(now)
            else:
                self._future.set_exception(error)
                self._future.exception()

        with contextlib.suppress(RuntimeError):  # the loop is closed: the result is not awaited any more
            self._loop.call_soon_threadsafe(set_result)

    def resolve_from(self, done: "Future[object]") -> None:
        """Resolve as `done` was resolved."""
        error = done.exception()
        self.resolve(ConnectFailedError(error) if isinstance(error, Exception) else None)

    def wait(self) -> Awaitable[float]:
        """Wait for the result; cancelling the wait does not cancel the future."""
        return asyncio.shield(self._future)


class DisconnectRecorder:
    """Records whether the connection was lost before its DISCONNECT."""

    def __init__(self) -> None:
        self._error: Exception | None = None

    def record(self, error: Exception) -> None:
        """Record `error` unless it is a requested stop."""
        if getattr(error, "name", "") != _REQUESTED_STOP:
            self._error = error

    def raise_if_lost(self) -> None:
        """Raise ConnectFailedError if the connection was lost."""
        if self._error is not None:
            raise ConnectFailedError(self._error) from self._error
