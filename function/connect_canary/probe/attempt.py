"""One attempt inside one deadline: connect, disconnect, explain."""

import asyncio
import contextlib
import secrets
import time

from awscrt.exceptions import AwsCrtError

from connect_canary.model.certificate import CertificateCheck
from connect_canary.model.outcome import Outcome
from connect_canary.model.phases import Phase
from connect_canary.model.target import SUFFIX_CHARACTERS, MqttVersion, Target
from connect_canary.network.proxy import Proxy
from connect_canary.network.trace import Trace
from connect_canary.network.tunnel import LOOPBACK, Tunnel
from connect_canary.probe.attempt_state import AttemptState
from connect_canary.probe.auth.authenticate import authenticate
from connect_canary.probe.auth.connect_auth import ConnectAuth
from connect_canary.probe.certificate_check import CertificateChecker
from connect_canary.probe.clients.client import ConnectFailedError, Connection
from connect_canary.probe.clients.table import new_connection
from connect_canary.probe.diagnosis import Diagnosis, diagnose
from connect_canary.probe.tls_trust import trust_store
from connect_canary.probe.tunnel_failure import tunnel_error, tunnel_failed
from connect_canary.probe.verdict import build_outcome

# A client whose tunnel is cut ends in about a millisecond; one in s2n's blinding delay takes 10 to 30 s and is left.
_CLIENT_STOP_TIMEOUT_S = 0.1
# How long a proof against the certificate waits for the SDK to go on all the same, in milliseconds or never.
_CERTIFICATE_GRACE_S = 0.25
# The SDK's handshake goes first: where round trips are long that is free, where there are none the two would compete.
_CERTIFICATE_CHECK_DELAY_S = 0.01
# How long a finished attempt waits for what only explains it.
_CERTIFICATE_CHECK_TIMEOUT_S = 1.0
_DIAGNOSIS_TIMEOUT_S = 3.0
MIN_REMAINING_S = 0.05  # nothing new is begun with less time left
CLIENT_ID_INTERVAL_S = 1.0  # AWS IoT's quota of CONNECTs a client id (general reference)
# The errors behind which the SDK keeps a refused upgrade's status and an MQTT 3.1.1 return code to itself.
_UPGRADE_REFUSED = "AWS_ERROR_HTTP_WEBSOCKET_UPGRADE_FAILURE"
_CONNECT_REFUSED = "AWS_ERROR_MQTT5_CONNACK_CONNECTION_REFUSED"


class CertificateRejectedError(Exception):
    """A look at the certificate proves that the SDK cannot succeed, which it would only say after 10 to 30 s."""


class ConnectionLostError(Exception):
    """The endpoint ended the connection before our DISCONNECT, of which the SDK's 3.1.1 client says nothing."""


async def run_attempt(
    target: Target, *, seconds: float, proxy: Proxy | None = None, looks: CertificateChecker | None = None
) -> Outcome:
    """Connect to `target` and disconnect, once, within `seconds`; never raises for what the target did."""
    run = AttemptState(target=target, client_id=new_client_id(target), seconds=seconds, proxy=proxy)
    looking: asyncio.Task[CertificateCheck] | None = None
    try:
        async with asyncio.timeout(seconds):
            run.how = await authenticate(target)
            tunnel = Tunnel(target.host, target.port, proxy=proxy)
            run.trace = tunnel.trace
            looking = asyncio.create_task(_check_certificate(run, tunnel, looks or CertificateChecker()))
            await _connect_and_disconnect(run, run.how, tunnel, looking)
    except (TimeoutError, ConnectFailedError, AwsCrtError, CertificateRejectedError, ConnectionLostError) as error:
        run.error = error
        if tunnel_failed(run):
            # The connection that the tunnel has seen, if any, was not the SDK's.
            run.trace = Trace(error=tunnel_error(run))
    run.ended = time.perf_counter()
    if looking is not None:
        await _wait_at_most(looking, min(run.left, _CERTIFICATE_CHECK_TIMEOUT_S))
        run.look = looking.result() if looking.done() and not looking.cancelled() else CertificateCheck()
        looking.cancel()
    if run.how is not None and _needs_diagnosis(run):
        run.answer = await _diagnose(run, run.how)
    return build_outcome(run)


def deadline_exceeded_outcome(target: Target) -> Outcome:
    """Return the outcome of a target for which no time was left."""
    return build_outcome(AttemptState(target=target, client_id="", seconds=0.0, error=TimeoutError()))


def new_client_id(target: Target) -> str:
    """Return the run's client id: unique, because AWS IoT disconnects the older of two clients with the same id."""
    return target.client_id or f"{target.client_id_prefix}{target.name}-{secrets.token_hex(SUFFIX_CHARACTERS // 2)}"


async def _connect_and_disconnect(
    run: AttemptState, how: ConnectAuth, tunnel: Tunnel, looking: "asyncio.Task[CertificateCheck]"
) -> None:
    connection: Connection | None = None
    try:
        way = (LOOPBACK, tunnel.open())
        connection = new_connection(run.target, run.client_id, how, way, int(run.seconds * 1000))
        run.started = time.perf_counter()
        run.connected = await _wait_for_connack(run, connection, looking)
        run.judged.set()
        run.trace.phase = Phase.DISCONNECT
        await _disconnect(connection, tunnel)
        run.disconnected = time.perf_counter()
    finally:
        run.judged.set()
        tunnel.abort()
        if connection is not None and run.disconnected is None:
            await _wait_at_most(asyncio.create_task(_stop_client(connection)), _CLIENT_STOP_TIMEOUT_S)


async def _wait_for_connack(
    run: AttemptState, connection: Connection, looking: "asyncio.Task[CertificateCheck]"
) -> float:
    """Return the moment of the CONNACK; raise Refused as the SDK says, or _Proved where it would take too long to."""
    verdict = asyncio.create_task(connection.connect())
    try:
        await asyncio.wait({verdict, looking}, return_when=asyncio.FIRST_COMPLETED)
        if not verdict.done() and looking.result().failure is not None:
            await _wait_at_most(verdict, _CERTIFICATE_GRACE_S)
            if not verdict.done() and run.trace.phase is Phase.TLS:
                raise CertificateRejectedError
        return await verdict
    finally:
        verdict.cancel()


async def _disconnect(connection: Connection, tunnel: Tunnel) -> None:
    """Disconnect; raise _Lost, or Refused, when the connection was lost before."""
    disconnecting = asyncio.create_task(connection.disconnect())
    over = asyncio.create_task(tunnel.closed.wait())
    try:
        await asyncio.wait({disconnecting, over}, return_when=asyncio.FIRST_COMPLETED)
        if tunnel.trace.server_closed is not None:
            raise ConnectionLostError
        # The 3.1.1 client forgets to say that it has disconnected when the endpoint closes in the same moment.
        await _wait_at_most(disconnecting, _CLIENT_STOP_TIMEOUT_S)
        if disconnecting.done():
            await disconnecting
    finally:
        disconnecting.cancel()
        over.cancel()


async def _stop_client(connection: Connection) -> None:
    with contextlib.suppress(ConnectFailedError):
        await connection.stopped()


async def _wait_at_most(task: "asyncio.Task[object]", seconds: float) -> None:
    """Wait for `task`, but not longer than `seconds`; it goes on afterwards."""
    await asyncio.wait({task}, timeout=max(seconds, 0))


async def _check_certificate(run: AttemptState, tunnel: Tunnel, looks: CertificateChecker) -> CertificateCheck:
    """Look at the certificate as soon as the tunnel leads somewhere, beside the attempt."""
    if not await tunnel.established():
        return CertificateCheck()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_CERTIFICATE_CHECK_DELAY_S):
            await run.judged.wait()
    shared = looks.start(
        tunnel.open_second_connection,
        host=run.target.host,
        trust=trust_store(run.target),
        seen_from=(run.trace.address, run.proxy, run.target.port),
        seconds=max(run.left, MIN_REMAINING_S),
    )
    return await asyncio.shield(shared)


def _needs_diagnosis(run: AttemptState) -> bool:
    """Tell whether asking once more can say more than the SDK did."""
    if not isinstance(run.error, ConnectFailedError) or run.left < MIN_REMAINING_S:
        return False
    if run.phase is Phase.UPGRADE:
        return run.error.error_name == _UPGRADE_REFUSED
    if run.phase is not Phase.CONNACK:
        return False
    return run.target.mqtt_version is MqttVersion.V3_1_1 or (
        run.error.error_name == _CONNECT_REFUSED and run.error.connack_code is None
    )


async def _diagnose(run: AttemptState, how: ConnectAuth) -> Diagnosis:
    target = run.target
    client_id = new_client_id(target) if run.phase is Phase.CONNACK else None
    if client_id == run.client_id:
        if run.left < CLIENT_ID_INTERVAL_S + MIN_REMAINING_S:
            return Diagnosis()
        await asyncio.sleep(CLIENT_ID_INTERVAL_S)
    seconds = min(run.left, _DIAGNOSIS_TIMEOUT_S)
    return await diagnose(target, how, client_id=client_id, proxy=run.proxy, seconds=seconds)
