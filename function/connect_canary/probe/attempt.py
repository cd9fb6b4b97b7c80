"""One attempt inside one deadline: connect, disconnect, explain."""

import asyncio
import contextlib
import time

from awscrt.exceptions import AwsCrtError

from connect_canary.model.certificate import CertificateCheck
from connect_canary.model.outcome import Outcome
from connect_canary.model.phases import Phase
from connect_canary.model.target import Target
from connect_canary.network.proxy import Proxy
from connect_canary.network.trace import Trace
from connect_canary.network.tunnel import Tunnel
from connect_canary.probe.attempt_diagnosis import AttemptDiagnosis
from connect_canary.probe.attempt_state import MIN_REMAINING_S, AttemptState
from connect_canary.probe.auth.connect_auth import ConnectAuth
from connect_canary.probe.auth.sigv4 import PlaceholderCredentialsError
from connect_canary.probe.auth.table import authenticate
from connect_canary.probe.certificate_check import CertificateChecker
from connect_canary.probe.client_ids import new_client_id
from connect_canary.probe.clients.client import ConnectFailedError, Connection, ConnectionOptions
from connect_canary.probe.clients.table import new_connection
from connect_canary.probe.tls_trust import trust_store
from connect_canary.probe.tunnel_failure import tunnel_error, tunnel_failed
from connect_canary.probe.verdict import build_outcome

# A client whose tunnel is aborted stops within a millisecond; one in s2n's blinding delay takes 10 to 30 s, abandoned.
_CLIENT_STOP_TIMEOUT_S = 0.1
# Grace period after a failed certificate check: an SDK handshake that passes anyway does so within milliseconds.
_CERTIFICATE_GRACE_S = 0.25
# The SDK's handshake starts first: on a path without round trips the two would compete for the processor.
_CERTIFICATE_CHECK_DELAY_S = 0.01
# How long an ended attempt waits for its certificate check.
_CERTIFICATE_CHECK_TIMEOUT_S = 1.0


class CertificateRejectedError(Exception):
    """The certificate check failed, so the SDK's handshake will fail too; s2n reports that after 10 to 30 s."""


class ConnectionLostError(Exception):
    """The server closed the connection before our DISCONNECT, which the SDK's 3.1.1 client does not report."""


_ATTEMPT_ERRORS = (
    TimeoutError,
    ConnectFailedError,
    AwsCrtError,
    CertificateRejectedError,
    ConnectionLostError,
    PlaceholderCredentialsError,
)


async def run_attempt(
    target: Target, *, timeout_s: float, proxy: Proxy | None = None, checker: CertificateChecker | None = None
) -> Outcome:
    """Connect to `target` and disconnect, once, within `timeout_s`; never raises for what the target did."""
    state = AttemptState(target=target, client_id=new_client_id(target), timeout_s=timeout_s, proxy=proxy)
    certificate_task: asyncio.Task[CertificateCheck] | None = None
    tunnel: Tunnel | None = None
    diagnosis: AttemptDiagnosis | None = None
    try:
        async with asyncio.timeout(timeout_s):
            state.auth = await authenticate(target)
            tunnel = Tunnel(target.host, target.port, proxy=proxy)
            state.trace = tunnel.trace
            diagnosis = AttemptDiagnosis(state, state.auth)
            certificate_task = asyncio.create_task(_check_certificate(state, tunnel, checker or CertificateChecker()))
            await _connect_and_disconnect(state, state.auth, tunnel, certificate_task)
    except _ATTEMPT_ERRORS as error:
        state.error = error
        if tunnel_failed(state):
            # The connection that the tunnel has seen, if any, was not the SDK's.
            state.trace = Trace(error=tunnel_error(state))
    state.ended = time.perf_counter()
    if tunnel is not None:
        await tunnel.finish_survey(state.remaining_s)
    if certificate_task is not None:
        state.certificate_check = await _certificate_result(certificate_task, state)
    if diagnosis is not None:
        state.diagnosis = await diagnosis.result()
    return build_outcome(state)


def deadline_exceeded_outcome(target: Target) -> Outcome:
    """Return the outcome of a target for which no time remained."""
    return build_outcome(AttemptState(target=target, client_id="", timeout_s=0.0, error=TimeoutError()))


async def _connect_and_disconnect(
    state: AttemptState, auth: ConnectAuth, tunnel: Tunnel, certificate_task: "asyncio.Task[CertificateCheck]"
) -> None:
    connection: Connection | None = None
    try:
        options = ConnectionOptions(
            target=state.target,
            client_id=state.client_id,
            auth=auth,
            tunnel_address=tunnel.open(),
            deadline_ms=int(state.timeout_s * 1000),
        )
        connection = new_connection(options)
        state.started = time.perf_counter()
        state.connected = await _wait_for_connack(state, connection, certificate_task)
        state.tcp_info = tunnel.tcp_info()
        state.verdict_known.set()
        state.trace.phase = Phase.DISCONNECT
        await _disconnect(connection, tunnel)
        state.disconnected = time.perf_counter()
    finally:
        state.verdict_known.set()
        if state.disconnected is None:
            state.tcp_info = tunnel.tcp_info()
        tunnel.abort()
        if connection is not None and state.disconnected is None:
            await _wait_at_most(asyncio.create_task(_stop_client(connection)), _CLIENT_STOP_TIMEOUT_S)


async def _wait_for_connack(
    state: AttemptState, connection: Connection, certificate_task: "asyncio.Task[CertificateCheck]"
) -> float:
    """Return the moment of the CONNACK; raise ConnectFailedError, or CertificateRejectedError before the SDK does."""
    verdict = asyncio.create_task(connection.connect())
    try:
        await asyncio.wait({verdict, certificate_task}, return_when=asyncio.FIRST_COMPLETED)
        if not verdict.done() and certificate_task.result().failure is not None:
            await _wait_at_most(verdict, _CERTIFICATE_GRACE_S)
            if not verdict.done() and state.trace.phase is Phase.TLS:
                raise CertificateRejectedError
        return await verdict
    finally:
        verdict.cancel()


async def _disconnect(connection: Connection, tunnel: Tunnel) -> None:
    """Disconnect; raise ConnectionLostError or ConnectFailedError if the connection was lost before."""
    disconnect_task = asyncio.create_task(connection.disconnect())
    tunnel_closed_task = asyncio.create_task(tunnel.closed.wait())
    try:
        await asyncio.wait({disconnect_task, tunnel_closed_task}, return_when=asyncio.FIRST_COMPLETED)
        if tunnel.trace.server_closed is not None:
            raise ConnectionLostError
        # The 3.1.1 client does not report its disconnect if the server closes at the same moment.
        await _wait_at_most(disconnect_task, _CLIENT_STOP_TIMEOUT_S)
        if disconnect_task.done():
            await disconnect_task
    finally:
        disconnect_task.cancel()
        tunnel_closed_task.cancel()


async def _stop_client(connection: Connection) -> None:
    with contextlib.suppress(ConnectFailedError):
        await connection.stopped()


async def _wait_at_most(task: "asyncio.Task[object]", seconds: float) -> None:
    """Wait until `task` is done, at most for `seconds`; it is not cancelled."""
    await asyncio.wait({task}, timeout=max(seconds, 0))


async def _check_certificate(state: AttemptState, tunnel: Tunnel, checker: CertificateChecker) -> CertificateCheck:
    """Check the certificate beside the attempt, once the tunnel is established."""
    if not await tunnel.established():
        return CertificateCheck()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_CERTIFICATE_CHECK_DELAY_S):
            await state.verdict_known.wait()
    shared = checker.start(
        tunnel.open_second_connection,
        host=state.target.host,
        trust=trust_store(state.target),
        route=(state.trace.address, state.proxy, state.target.port),
        timeout_s=max(state.remaining_s, MIN_REMAINING_S),
    )
    return await asyncio.shield(shared)


async def _certificate_result(task: "asyncio.Task[CertificateCheck]", state: AttemptState) -> CertificateCheck:
    """Return the result of the certificate check, an empty one if it is not done in time."""
    await _wait_at_most(task, min(state.remaining_s, _CERTIFICATE_CHECK_TIMEOUT_S))
    result = task.result() if task.done() and not task.cancelled() else CertificateCheck()
    task.cancel()
    return result
