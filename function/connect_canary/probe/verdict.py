"""From the state of an ended attempt to its outcome."""

import time

from awscrt.exceptions import AwsCrtError

from connect_canary.model.failures import SWITCHING_PROTOCOLS, Evidence, Failure, classify, is_authentication_refusal
from connect_canary.model.hints import hint
from connect_canary.model.outcome import Outcome
from connect_canary.model.owners import owner
from connect_canary.model.phases import Phase
from connect_canary.model.reasons import reason
from connect_canary.model.target import Expect
from connect_canary.probe.attempt_state import UPGRADE_REFUSED, AttemptState
from connect_canary.probe.auth.sigv4 import PlaceholderCredentialsError
from connect_canary.probe.clients.client import ConnectFailedError
from connect_canary.probe.failure_detail import failure_detail
from connect_canary.probe.wire_evidence import is_sdk_silent, network_finding


def build_outcome(state: AttemptState) -> Outcome:
    """Return the outcome of an attempt that has ended."""
    ended = time.perf_counter()
    evidence = _evidence(state)
    certificate = state.certificate_check.certificate
    failure, phase = _apply_expectation(state, None if evidence is None else classify(evidence))
    known = evidence or Evidence(phase=phase)
    return Outcome(
        target=state.target.name,
        endpoint=state.target.endpoint,
        auth_mode=state.target.auth_mode,
        mqtt_version=state.target.mqtt_version,
        client_id=state.client_id,
        expect=state.target.expect,
        healthy=failure is None,
        phase=phase,
        failure=failure,
        reason=_reason(state, failure, evidence),
        owner=None if failure is None else owner(failure, state.target.auth_mode, known),
        hint=None if failure is None else hint(failure, state.target.auth_mode, known),
        connect_ms=_ms(state.started, state.connected),
        disconnect_ms=_ms(state.connected, state.disconnected),
        elapsed_ms=(ended - state.created) * 1000,
        phases_ms=state.trace.phases_ms(state.connected or state.ended or ended),
        certificate_days_left=None if certificate is None else certificate.days_left,
        certificate=None if certificate is None else certificate.as_dict(),
        http_status=_http_status(state),
        connack_code=None if evidence is None else evidence.connack_code,
        request_id=state.diagnosis.request_id,
        error_name=None if evidence is None else evidence.error_name,
        addresses=tuple(state.trace.addresses),
        network=state.tcp_info,
        clock_skew_s=state.diagnosis.clock_skew_s,
    )


def _apply_expectation(state: AttemptState, failure: Failure | None) -> tuple[Failure | None, Phase | None]:
    """Return failure and phase after the target's expectation: both are None if a refusal was expected and came."""
    if state.target.expect is Expect.CONNECT:
        return failure, state.phase if failure else None
    if state.connected is not None:
        return Failure.UNEXPECTED_ACCEPT, Phase.CONNACK
    return (None, None) if is_authentication_refusal(failure, state.target.mqtt_version) else (failure, state.phase)


def _reason(state: AttemptState, failure: Failure | None, evidence: Evidence | None) -> str | None:
    if failure is Failure.UNEXPECTED_ACCEPT:
        return "the connect was accepted where a refusal is expected"
    return None if evidence is None else reason(evidence, ((state.ended or state.created) - state.created) * 1000)


def _evidence(state: AttemptState) -> Evidence | None:
    """Return the evidence of a failure, None if there was none."""
    error, trace = state.error, state.trace
    if error is None:
        return None
    sdk_error = error if isinstance(error, ConnectFailedError) else None
    return Evidence(
        phase=state.phase,
        error_name=_error_name(state),
        detail=str(error) if isinstance(error, PlaceholderCredentialsError) else failure_detail(state),
        timed_out=isinstance(error, TimeoutError),
        connection_closed=trace.server_closed is not None or state.diagnosis.close_code is not None,
        certificate=state.certificate_check.failure,
        sdk_silent=is_sdk_silent(state),
        upgrade_refused=_error_name(state) == UPGRADE_REFUSED,
        http_status=_http_status(state),
        connack_code=(sdk_error.connack_code if sdk_error else None) or state.diagnosis.connack_code,
        accepted_on_retry=state.diagnosis.accepted,
        mqtt_version=state.target.mqtt_version,
        spoken_version=state.diagnosis.spoken_version,
        proxied=state.proxy is not None,
        network=network_finding(state),
        clock_skew_s=state.diagnosis.clock_skew_s,
    )


def _http_status(state: AttemptState) -> int | None:
    if state.phase is Phase.PROXY:
        return state.trace.error.http_status if state.trace.error else None
    upgraded = state.phase in {Phase.CONNACK, Phase.DISCONNECT}
    return SWITCHING_PROTOCOLS if upgraded else state.diagnosis.http_status


def _error_name(state: AttemptState) -> str | None:
    if state.trace.error is not None:
        return state.trace.error.error_name
    if isinstance(state.error, AwsCrtError):
        return str(state.error.name)
    return state.error.error_name if isinstance(state.error, ConnectFailedError) else None


def _ms(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else (end - start) * 1000
