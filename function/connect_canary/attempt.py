"""One attempt inside one deadline: the SDK's client through a tunnel, connected and disconnected, explained."""

import asyncio
import contextlib
import secrets
import time
from asyncio import wrap_future
from collections.abc import Awaitable
from dataclasses import dataclass, field

from awscrt.auth import AwsCredentialsProvider
from awscrt.exceptions import AwsCrtError

from connect_canary.connections import Connection, Refused, credentials_provider, handshake, open_connection
from connect_canary.failures import AUTHENTICATION_FAILURES, Evidence, Failure, Phase, classify, hint, reason
from connect_canary.outcome import Outcome
from connect_canary.settings import Expect, MqttVersion
from connect_canary.targets import SUFFIX_CHARACTERS, Target
from connect_canary.tunnel import LOOPBACK, Proxy, Trace, Tunnel

# A client whose tunnel is cut ends in about a millisecond; one in s2n's blinding delay takes 10 to 30 s and is left.
_ENDING_S = 0.1


@dataclass(slots=True, kw_only=True)
class _Run:
    """What becomes known while an attempt runs."""

    target: Target
    client_id: str
    seconds: float
    began: float = field(default_factory=time.perf_counter)
    started: float | None = None
    connected: float | None = None
    disconnected: float | None = None
    trace: Trace = field(default_factory=Trace)
    error: Exception | None = None

    @property
    def phase(self) -> Phase | None:
        """Where the attempt stands."""
        if self.connected is not None:
            return Phase.DISCONNECT
        if self.started is None and self.client_id:
            return Phase.CREDENTIALS
        return self.trace.phase


async def attempt(target: Target, *, seconds: float, proxy: Proxy | None = None) -> Outcome:
    """Connect to `target` and disconnect, once, within `seconds`; never raises for what the target did."""
    run = _Run(target=target, client_id=new_client_id(target), seconds=seconds)
    try:
        async with asyncio.timeout(seconds):
            provider = await _credentials(target)
            await _connect_and_disconnect(run, provider, proxy)
    except (TimeoutError, Refused, AwsCrtError) as error:
        run.error = error
    return _outcome(run)


def not_started(target: Target) -> Outcome:
    """Return the outcome of a target for which no time was left."""
    run = _Run(target=target, client_id="", seconds=0.0, error=TimeoutError())
    return _outcome(run)


def new_client_id(target: Target) -> str:
    """Return the run's client id: unique, because AWS IoT disconnects the older of two clients with the same id."""
    return target.client_id or f"{target.client_id_prefix}{target.name}-{secrets.token_hex(SUFFIX_CHARACTERS // 2)}"


async def _credentials(target: Target) -> AwsCredentialsProvider | None:
    """Return the provider once it has credentials; raise AwsCrtError."""
    provider = credentials_provider(target)
    if provider is not None:
        await wrap_future(provider.get_credentials())
    return provider


async def _connect_and_disconnect(run: _Run, provider: AwsCredentialsProvider | None, proxy: Proxy | None) -> None:
    tunnel = Tunnel(run.target.host, run.target.port, proxy=proxy)
    run.trace = tunnel.trace
    how = handshake(run.target, provider)
    connection = open_connection(run.target, run.client_id, how, (LOOPBACK, tunnel.open()), int(run.seconds * 1000))
    run.started = time.perf_counter()
    try:
        run.connected = await connection.connect()
        await connection.disconnect()
        run.disconnected = time.perf_counter()
    finally:
        tunnel.cut()
        if run.disconnected is None:
            await _end(connection)


async def _end(connection: Connection) -> None:
    """Give a client whose tunnel is cut the moment that it needs to end."""
    with contextlib.suppress(TimeoutError, Refused, AwsCrtError):
        await asyncio.wait_for(asyncio.shield(_ending(connection)), _ENDING_S)


def _ending(connection: Connection) -> "asyncio.Task[None]":
    task = asyncio.ensure_future(connection.stopped())
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task


def _outcome(run: _Run) -> Outcome:
    ended = time.perf_counter()
    failure = None if run.error is None else classify(_evidence(run))
    failure, phase, healthy = _judged(run, failure)
    evidence = None if run.error is None else _evidence(run)
    said = None if evidence is None else reason(evidence, (ended - run.began) * 1000)
    if failure is Failure.UNEXPECTED_ACCEPT:
        said = "the connect was accepted where a refusal is expected"
    return Outcome(
        target=run.target.name,
        endpoint=run.target.endpoint,
        auth_mode=run.target.auth_mode,
        mqtt_version=run.target.mqtt_version,
        client_id=run.client_id,
        expect=run.target.expect,
        healthy=healthy,
        phase=phase,
        failure=failure,
        reason=said,
        hint=None if failure is None else hint(failure),
        connect_ms=_ms(run.started, run.connected),
        disconnect_ms=_ms(run.connected, run.disconnected),
        elapsed_ms=(ended - run.began) * 1000,
        phases_ms=run.trace.phases_ms(run.connected or ended),
        connack_code=None if evidence is None else evidence.connack_code,
        http_status=None if evidence is None else evidence.http_status,
        error_name=None if evidence is None else evidence.error_name,
    )


def _judged(run: _Run, failure: Failure | None) -> tuple[Failure | None, Phase | None, bool]:
    """Return failure, phase and health once the target's expectation is applied."""
    if run.target.expect is Expect.CONNECT:
        return failure, run.phase if failure else None, failure is None
    if run.connected is not None:
        return Failure.UNEXPECTED_ACCEPT, Phase.CONNACK, False
    refused = failure in AUTHENTICATION_FAILURES or (
        failure is Failure.CONNECTION_HUNG_UP and run.target.mqtt_version is MqttVersion.V3_1_1
    )
    return (None, None, True) if refused else (failure, run.phase, False)


def _evidence(run: _Run) -> Evidence:
    error, trace = run.error, run.trace
    refused = error if isinstance(error, Refused) else None
    return Evidence(
        phase=run.phase,
        error_name=_error_name(run),
        detail=_detail(run),
        timed_out=isinstance(error, TimeoutError),
        hung_up=trace.endpoint_closed is not None,
        connack_code=refused.connack_code if refused else None,
    )


def _error_name(run: _Run) -> str | None:
    if run.trace.error is not None:
        return run.trace.error.error_name
    if isinstance(run.error, AwsCrtError):
        return str(run.error.name)
    return run.error.error_name if isinstance(run.error, Refused) else None


def _detail(run: _Run) -> str | None:
    if run.trace.error is not None:
        return str(run.trace.error)
    if isinstance(run.error, Refused) and run.error.reason_string:
        return run.error.reason_string
    if run.trace.alert is not None:
        return f"TLS alert {run.trace.alert}"
    if run.trace.endpoint_closed is not None:
        return f"the endpoint {_CLOSED[run.trace.endpoint_closed]} the connection"
    return None


_CLOSED = {"closed": "closed", "reset": "reset"}


def _ms(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else (end - start) * 1000
