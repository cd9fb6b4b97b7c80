"""From the state of an ended attempt to its outcome."""

import time

from awscrt.exceptions import AwsCrtError

from connect_canary.model.failures import AUTHENTICATION_FAILURES, SWITCHING_PROTOCOLS, Evidence, Failure, classify
from connect_canary.model.hints import hint
from connect_canary.model.outcome import Outcome
from connect_canary.model.phases import Phase
from connect_canary.model.reasons import reason
from connect_canary.model.redaction import redact
from connect_canary.model.target import Expect, MqttVersion
from connect_canary.probe.attempt_state import AttemptState
from connect_canary.probe.clients.client import ConnectFailedError

_CLOSE_REASONS = {"closed": "the endpoint closed the connection", "reset": "the endpoint reset the connection"}


def build_outcome(run: AttemptState) -> Outcome:
    ended = time.perf_counter()
    evidence = _evidence(run)
    certificate = run.look.certificate
    failure, phase = _apply_expectation(run, None if evidence is None else classify(evidence))
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


def is_authentication_refusal(failure: Failure | None, version: MqttVersion) -> bool:
    """Tell whether the client was refused for who it is, which in MQTT 3.1.1 AWS IoT says by hanging up."""
    hung_up = failure is Failure.CONNECTION_HUNG_UP and version is MqttVersion.V3_1_1
    return hung_up or failure in AUTHENTICATION_FAILURES


def _apply_expectation(run: AttemptState, failure: Failure | None) -> tuple[Failure | None, Phase | None]:
    """Return failure and phase as the target's expectation sees them."""
    if run.target.expect is Expect.CONNECT:
        return failure, run.phase if failure else None
    if run.connected is not None:
        return Failure.UNEXPECTED_ACCEPT, Phase.CONNACK
    return (None, None) if is_authentication_refusal(failure, run.target.mqtt_version) else (failure, run.phase)


def _reason(run: AttemptState, failure: Failure | None, evidence: Evidence | None) -> str | None:
    if failure is Failure.UNEXPECTED_ACCEPT:
        return "the connect was accepted where a refusal is expected"
    return None if evidence is None else reason(evidence, ((run.ended or run.began) - run.began) * 1000)


def _evidence(run: AttemptState) -> Evidence | None:
    """Return what is known of a failure; None when there was none."""
    error, trace = run.error, run.trace
    if error is None:
        return None
    refused = error if isinstance(error, ConnectFailedError) else None
    return Evidence(
        phase=run.phase,
        error_name=_error_name(run),
        detail=_detail(run),
        timed_out=isinstance(error, TimeoutError),
        hung_up=trace.server_closed is not None or run.answer.close_code is not None,
        certificate=run.look.failure,
        http_status=_http_status(run),
        connack_code=(refused.connack_code if refused else None) or run.answer.connack_code,
        accepted_later=run.answer.accepted,
    )


def _http_status(run: AttemptState) -> int | None:
    upgraded = run.phase in {Phase.CONNACK, Phase.DISCONNECT}
    return SWITCHING_PROTOCOLS if upgraded else run.answer.http_status


def _error_name(run: AttemptState) -> str | None:
    if run.trace.error is not None:
        return run.trace.error.error_name
    if isinstance(run.error, AwsCrtError):
        return str(run.error.name)
    return run.error.error_name if isinstance(run.error, ConnectFailedError) else None


def _detail(run: AttemptState) -> str | None:
    """Return the most telling words about a failure."""
    trace, answer = run.trace, run.answer
    if trace.error is not None:
        return str(trace.error)
    if run.proxy is not None and run.phase in {Phase.DNS, Phase.TCP}:
        return f"egress proxy {run.proxy.host}:{run.proxy.port}"
    if run.phase is Phase.TLS and run.look.reason:
        return run.look.reason
    if isinstance(run.error, ConnectFailedError) and run.error.reason_string:
        return redact(run.error.reason_string, run.how.secrets if run.how else ())
    if answer.words:
        return answer.words
    if answer.close_code is not None:
        return f"the endpoint closed the WebSocket with code {answer.close_code}"
    if trace.alert is not None:
        return f"the endpoint sent TLS alert {trace.alert}"
    refused = isinstance(run.error, ConnectFailedError) and run.error.connack_code is not None
    return None if refused or answer.connack_code else _CLOSE_REASONS.get(trace.server_closed or "")


def _ms(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else (end - start) * 1000
