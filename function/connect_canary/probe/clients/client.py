"""What both MQTT clients share: their protocol, errors and callbacks."""

import asyncio
import contextlib
import functools
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any, Protocol

from awscrt.aws_iot_metrics import IOT_SDK_METRICS_FEATURE_VERSION, AWSIoTMetrics, IoTMetricsMetadata
from awscrt.exceptions import AwsCrtError
from awsiot import __version__ as SDK_VERSION

from connect_canary.probe.auth.connect_auth import SignRequest

KEEP_ALIVE_S = 1200
NEVER_MS = 3_600_000
_REQUESTED_STOP = "AWS_ERROR_MQTT5_USER_REQUESTED_STOP"


class ConnectFailedError(Exception):
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


def handshake_transform(sign: SignRequest) -> Callable[..., None]:
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
def sdk_metrics() -> AWSIoTMetrics:
    """Return what the SDK's builders tell AWS IoT about themselves in the user name."""
    entries = {"IoTSDKVersion": SDK_VERSION, "IoTSDKMetricsVersion": str(IOT_SDK_METRICS_FEATURE_VERSION)}
    return AWSIoTMetrics(metadata_entries=[IoTMetricsMetadata(key=key, value=value) for key, value in entries.items()])


class ThreadsafeFuture:
    """A result that a CRT thread settles and a coroutine awaits; the first one counts."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._future: asyncio.Future[float] = self._loop.create_future()

    def settle(self, error: ConnectFailedError | None = None) -> None:
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
        self.settle(ConnectFailedError(error) if isinstance(error, Exception) else None)

    def wait(self) -> Awaitable[float]:
        """Wait for the result; a cancelled waiter leaves it to the next one."""
        return asyncio.shield(self._future)


class DisconnectRecorder:
    """Whether the connection was lost before its DISCONNECT."""

    def __init__(self) -> None:
        self._error: Exception | None = None

    def note(self, error: Exception) -> None:
        """Remember a loss that nobody asked for."""
        if getattr(error, "name", "") != _REQUESTED_STOP:
            self._error = error

    def check(self) -> None:
        """Raise Refused if the connection was lost."""
        if self._error is not None:
            raise ConnectFailedError(self._error) from self._error
