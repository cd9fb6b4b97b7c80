"""One attempt inside one deadline: the SDK's client through a tunnel, connected, disconnected and explained."""

import asyncio
import contextlib
import secrets
import time
from dataclasses import dataclass, field

from awscrt.exceptions import AwsCrtError

from connect_canary.authentication import Handshake, handshake
from connect_canary.certificate import Look, Looks
from connect_canary.connections import Connection, Refused, open_connection
from connect_canary.diagnosis import Answer, ask, clean
from connect_canary.dialling import DialError, Proxy
from connect_canary.failures import (
    AUTHENTICATION_FAILURES,
    SWITCHING_PROTOCOLS,
    Evidence,
    Failure,
    Phase,
    classify,
    hint,
    reason,
)
from connect_canary.flights import Trace
from connect_canary.outcome import Outcome
from connect_canary.settings import Expect, MqttVersion
from connect_canary.targets import SUFFIX_CHARACTERS, Target
from connect_canary.trust import trust_store
from connect_canary.tunnel import LOOPBACK, Tunnel, own_error

# A client whose tunnel is cut ends in about a millisecond; one in s2n's blinding delay takes 10 to 30 s and is left.
_ENDING_S = 0.1
# How long a proof against the certificate waits for the SDK to go on all the same, in milliseconds or never.
_DOUBT_S = 0.25
# The SDK's handshake goes first: where round trips are long that is free, where there are none the two would compete.
_HEAD_START_S = 0.01
# How long a finished attempt waits for what only explains it.
_LOOK_S, _ASK_S = 1.0, 3.0
LEAST_S = 0.05  # nothing new is begun with less time left
CLIENT_ID_EVERY_S = 1.0  # AWS IoT's quota of CONNECTs a client id (general reference)
# The errors behind which the SDK keeps a refused upgrade's status and an MQTT 3.1.1 return code to itself.
_UPGRADE_REFUSED = "AWS_ERROR_HTTP_WEBSOCKET_UPGRADE_FAILURE"
_CONNECT_REFUSED = "AWS_ERROR_MQTT5_CONNACK_CONNECTION_REFUSED"
# What the SDK says when the upgrade request cannot be signed, which comes before it dials.
_NOT_SIGNED = ("AWS_AUTH_", "AWS_ERROR_HTTP_CALLBACK_FAILURE")
# A client certificate that TLS 1.3 asks for is missed only after the client's upgrade request.
_TLS_SAYS = "AWS_IO_TLS_"
# How a connect on loopback fails, and the SDK connects to nothing but the tunnel.
_NOT_CONNECTED = {
    "AWS_IO_SOCKET_ADDRESS_IN_USE",
    "AWS_IO_SOCKET_CONNECTION_REFUSED",
    "AWS_IO_SOCKET_CONNECT_ABORTED",
    "AWS_IO_SOCKET_INVALID_ADDRESS",
    "AWS_IO_SOCKET_NETWORK_DOWN",
    "AWS_IO_SOCKET_NO_ROUTE_TO_HOST",
    "AWS_IO_SOCKET_TIMEOUT",
}
_CLOSED = {"closed": "the endpoint closed the connection", "reset": "the endpoint reset the connection"}


class _Proved(Exception):  # noqa: N818 - it never leaves this module
    """A look at the certificate proves that the SDK cannot succeed, which it would only say after 10 to 30 s."""


class _Lost(Exception):  # noqa: N818 - it never leaves this module
    """The endpoint ended the connection before our DISCONNECT, of which the SDK's 3.1.1 client says nothing."""


@dataclass(slots=True, kw_only=True)
class _Run:
    """What becomes known while an attempt runs; moments are of `time.perf_counter`."""

    target: Target
    client_id: str
    seconds: float
    proxy: Proxy | None = None
    began: float = field(default_factory=time.perf_counter)
    started: float | None = None
    connected: float | None = None
    disconnected: float | None = None
    ended: float | None = None
    how: Handshake | None = None
    trace: Trace = field(default_factory=Trace)
    error: Exception | None = None
    look: Look = field(default_factory=Look)
    answer: Answer = field(default_factory=Answer)
    judged: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def phase(self) -> Phase | None:
        """Where the attempt stands."""
        if self.how is None and self.seconds:
            return Phase.CREDENTIALS
        said = self.error.error_name if isinstance(self.error, Refused) else ""
        if self.trace.phase is None and said.startswith(_NOT_SIGNED):
            return Phase.CREDENTIALS
        if self.trace.phase is Phase.UPGRADE and said.startswith(_TLS_SAYS):
            return Phase.TLS
        return self.trace.phase

    @property
    def left(self) -> float:
        """Seconds until the deadline."""
        return self.began + self.seconds - time.perf_counter()


async def attempt(target: Target, *, seconds: float, proxy: Proxy | None = None, looks: Looks | None = None) -> Outcome:
    """Connect to `target` and disconnect, once, within `seconds`; never raises for what the target did."""
    run = _Run(target=target, client_id=new_client_id(target), seconds=seconds, proxy=proxy)
    looking: asyncio.Task[Look] | None = None
    try:
        async with asyncio.timeout(seconds):
            run.how = await handshake(target)
            tunnel = Tunnel(target.host, target.port, proxy=proxy)
            run.trace = tunnel.trace
            looking = asyncio.create_task(_look(run, tunnel, looks or Looks()))
            await _connect_and_disconnect(run, run.how, tunnel, looking)
    except (TimeoutError, Refused, AwsCrtError, _Proved, _Lost) as error:
        run.error = error
        if _tunnel_failed(run):
            # The connection that the tunnel has seen, if any, was not the SDK's.
            run.trace = Trace(error=_own_error(run))
    run.ended = time.perf_counter()
    if looking is not None:
        await _wait(looking, min(run.left, _LOOK_S))
        run.look = looking.result() if looking.done() and not looking.cancelled() else Look()
        looking.cancel()
    if run.how is not None and _keeps_something_back(run):
        run.answer = await _ask(run, run.how)
    return _outcome(run)


def not_started(target: Target) -> Outcome:
    """Return the outcome of a target for which no time was left."""
    return _outcome(_Run(target=target, client_id="", seconds=0.0, error=TimeoutError()))


def new_client_id(target: Target) -> str:
    """Return the run's client id: unique, because AWS IoT disconnects the older of two clients with the same id."""
    return target.client_id or f"{target.client_id_prefix}{target.name}-{secrets.token_hex(SUFFIX_CHARACTERS // 2)}"


async def _connect_and_disconnect(run: _Run, how: Handshake, tunnel: Tunnel, looking: "asyncio.Task[Look]") -> None:
    connection: Connection | None = None
    try:
        way = (LOOPBACK, tunnel.open())
        connection = open_connection(run.target, run.client_id, how, way, int(run.seconds * 1000))
        run.started = time.perf_counter()
        run.connected = await _verdict(run, connection, looking)
        run.judged.set()
        run.trace.phase = Phase.DISCONNECT
        await _disconnect(connection, tunnel)
        run.disconnected = time.perf_counter()
    finally:
        run.judged.set()
        tunnel.cut()
        if connection is not None and run.disconnected is None:
            await _wait(asyncio.create_task(_stopped(connection)), _ENDING_S)


async def _verdict(run: _Run, connection: Connection, looking: "asyncio.Task[Look]") -> float:
    """Return the moment of the CONNACK; raise Refused as the SDK says, or _Proved where it would take too long to."""
    verdict = asyncio.create_task(connection.connect())
    try:
        await asyncio.wait({verdict, looking}, return_when=asyncio.FIRST_COMPLETED)
        if not verdict.done() and looking.result().failure is not None:
            await _wait(verdict, _DOUBT_S)
            if not verdict.done() and run.trace.phase is Phase.TLS:
                raise _Proved
        return await verdict
    finally:
        verdict.cancel()


async def _disconnect(connection: Connection, tunnel: Tunnel) -> None:
    """Disconnect; raise _Lost, or Refused, when the connection was lost before."""
    disconnecting = asyncio.create_task(connection.disconnect())
    over = asyncio.create_task(tunnel.over.wait())
    try:
        await asyncio.wait({disconnecting, over}, return_when=asyncio.FIRST_COMPLETED)
        if tunnel.trace.endpoint_closed is not None:
            raise _Lost
        # The 3.1.1 client forgets to say that it has disconnected when the endpoint closes in the same moment.
        await _wait(disconnecting, _ENDING_S)
        if disconnecting.done():
            await disconnecting
    finally:
        disconnecting.cancel()
        over.cancel()


async def _stopped(connection: Connection) -> None:
    with contextlib.suppress(Refused):
        await connection.stopped()


async def _wait(task: "asyncio.Task[object]", seconds: float) -> None:
    """Wait for `task`, but not longer than `seconds`; it goes on afterwards."""
    await asyncio.wait({task}, timeout=max(seconds, 0))


async def _look(run: _Run, tunnel: Tunnel, looks: Looks) -> Look:
    """Look at the certificate as soon as the tunnel leads somewhere, beside the attempt."""
    if not await tunnel.carrying():
        return Look()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_HEAD_START_S):
            await run.judged.wait()
    shared = looks.start(
        tunnel.dial_again,
        host=run.target.host,
        trust=trust_store(run.target),
        seen_from=(run.trace.address, run.proxy, run.target.port),
        seconds=max(run.left, LEAST_S),
    )
    return await asyncio.shield(shared)


def _tunnel_failed(run: _Run) -> bool:
    """Return whether the SDK's client failed to connect to the tunnel, or lost it before its ClientHello."""
    if not isinstance(run.error, Refused) or run.phase is Phase.CREDENTIALS:
        return False
    name, trace = run.error.error_name, run.trace
    if name in _NOT_CONNECTED:
        return True
    if trace.client_started or trace.endpoint_closed or name.startswith(_TLS_SAYS) or name.endswith("_TIMEOUT"):
        return False
    return trace.phase is None or trace.error is None


def _own_error(run: _Run) -> DialError:
    """Return what the tunnel itself has noticed of its failure, else what the SDK says."""
    if run.trace.phase is None and run.trace.error is not None:
        return run.trace.error
    return own_error(run.error.error_name if isinstance(run.error, Refused) else "")


def _keeps_something_back(run: _Run) -> bool:
    """Tell whether asking once more can say more than the SDK did."""
    if not isinstance(run.error, Refused) or run.left < LEAST_S:
        return False
    if run.phase is Phase.UPGRADE:
        return run.error.error_name == _UPGRADE_REFUSED
    if run.phase is not Phase.CONNACK:
        return False
    return run.target.mqtt_version is MqttVersion.V3_1_1 or (
        run.error.error_name == _CONNECT_REFUSED and run.error.connack_code is None
    )


async def _ask(run: _Run, how: Handshake) -> Answer:
    target = run.target
    client_id = new_client_id(target) if run.phase is Phase.CONNACK else None
    if client_id == run.client_id:
        if run.left < CLIENT_ID_EVERY_S + LEAST_S:
            return Answer()
        await asyncio.sleep(CLIENT_ID_EVERY_S)
    seconds = min(run.left, _ASK_S)
    return await ask(target, how, client_id=client_id, proxy=run.proxy, seconds=seconds)


# -- what it came to -----------------------------------------------------------------------------------------------


def _outcome(run: _Run) -> Outcome:
    ended = time.perf_counter()
    evidence = _evidence(run)
    certificate = run.look.certificate
    failure, phase = _judged(run, None if evidence is None else classify(evidence))
    return Outcome(
        target=run.target.name,
        endpoint=run.target.endpoint,
        auth_mode=run.target.auth_mode,
        mqtt_version=run.target.mqtt_version,
        client_id=run.client_id,
        expect=run.target.expect,
        healthy=failure is None,
        phase=phase,
        failure=failure,
        reason=_reason(run, failure, evidence),
        hint=None if failure is None else hint(failure),
        connect_ms=_ms(run.started, run.connected),
        disconnect_ms=_ms(run.connected, run.disconnected),
        elapsed_ms=(ended - run.began) * 1000,
        phases_ms=run.trace.phases_ms(run.connected or run.ended or ended),
        certificate_days_left=None if certificate is None else certificate.days_left,
        certificate=None if certificate is None else certificate.as_dict(),
        http_status=_http_status(run),
        connack_code=None if evidence is None else evidence.connack_code,
        request_id=run.answer.request_id,
        error_name=None if evidence is None else evidence.error_name,
    )


def is_turned_away(failure: Failure | None, version: MqttVersion) -> bool:
    """Tell whether the client was refused for who it is, which in MQTT 3.1.1 AWS IoT says by hanging up."""
    hung_up = failure is Failure.CONNECTION_HUNG_UP and version is MqttVersion.V3_1_1
    return hung_up or failure in AUTHENTICATION_FAILURES


def _judged(run: _Run, failure: Failure | None) -> tuple[Failure | None, Phase | None]:
    """Return failure and phase as the target's expectation sees them."""
    if run.target.expect is Expect.CONNECT:
        return failure, run.phase if failure else None
    if run.connected is not None:
        return Failure.UNEXPECTED_ACCEPT, Phase.CONNACK
    return (None, None) if is_turned_away(failure, run.target.mqtt_version) else (failure, run.phase)


def _reason(run: _Run, failure: Failure | None, evidence: Evidence | None) -> str | None:
    if failure is Failure.UNEXPECTED_ACCEPT:
        return "the connect was accepted where a refusal is expected"
    return None if evidence is None else reason(evidence, ((run.ended or run.began) - run.began) * 1000)


def _evidence(run: _Run) -> Evidence | None:
    """Return what is known of a failure; None when there was none."""
    error, trace = run.error, run.trace
    if error is None:
        return None
    refused = error if isinstance(error, Refused) else None
    return Evidence(
        phase=run.phase,
        error_name=_error_name(run),
        detail=_detail(run),
        timed_out=isinstance(error, TimeoutError),
        hung_up=trace.endpoint_closed is not None or run.answer.close_code is not None,
        certificate=run.look.failure,
        http_status=_http_status(run),
        connack_code=(refused.connack_code if refused else None) or run.answer.connack_code,
        accepted_later=run.answer.accepted,
    )


def _http_status(run: _Run) -> int | None:
    upgraded = run.phase in {Phase.CONNACK, Phase.DISCONNECT}
    return SWITCHING_PROTOCOLS if upgraded else run.answer.http_status


def _error_name(run: _Run) -> str | None:
    if run.trace.error is not None:
        return run.trace.error.error_name
    if isinstance(run.error, AwsCrtError):
        return str(run.error.name)
    return run.error.error_name if isinstance(run.error, Refused) else None


def _detail(run: _Run) -> str | None:
    """Return the most telling words about a failure."""
    trace, answer = run.trace, run.answer
    if trace.error is not None:
        return str(trace.error)
    if run.proxy is not None and run.phase in {Phase.DNS, Phase.TCP}:
        return f"egress proxy {run.proxy.host}:{run.proxy.port}"
    if run.phase is Phase.TLS and run.look.reason:
        return run.look.reason
    if isinstance(run.error, Refused) and run.error.reason_string:
        return clean(run.error.reason_string, run.how.secrets if run.how else ())
    if answer.words:
        return answer.words
    if answer.close_code is not None:
        return f"the endpoint closed the WebSocket with code {answer.close_code}"
    if trace.alert is not None:
        return f"the endpoint sent TLS alert {trace.alert}"
    refused = isinstance(run.error, Refused) and run.error.connack_code is not None
    return None if refused or answer.connack_code else _CLOSED.get(trace.endpoint_closed or "")


def _ms(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else (end - start) * 1000
