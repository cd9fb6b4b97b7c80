"""The most specific message about a failure, which stands in its reason."""

from connect_canary.model.addresses import describe_failed
from connect_canary.model.network_finding import NetworkFinding
from connect_canary.model.phases import Phase
from connect_canary.model.redaction import redact
from connect_canary.network.proxy import Proxy
from connect_canary.network.trace import Trace
from connect_canary.probe.attempt_state import AttemptState
from connect_canary.probe.clients.client import ConnectFailedError
from connect_canary.probe.wire_evidence import is_sdk_silent, network_finding

_CLOSE_REASONS = {"closed": "the endpoint closed the connection", "reset": "the endpoint reset the connection"}


def failure_detail(state: AttemptState) -> str | None:
    """Return the most specific message about a failure, None if there is none."""
    trace = state.trace
    several = describe_failed(trace.addresses) if state.phase is Phase.TCP else None
    if several is not None or trace.error is not None:
        return several or str(trace.error)
    if state.proxy is not None and state.phase is Phase.PROXY:
        return _proxy_detail(state.proxy, trace)
    tls = _tls_detail(state) if state.phase is Phase.TLS else None
    if tls is not None:
        return tls
    if isinstance(state.error, ConnectFailedError) and state.error.reason_string:
        return redact(state.error.reason_string, state.auth.secrets if state.auth else ())
    return _response_detail(state)


def _proxy_detail(proxy: Proxy, trace: Trace) -> str:
    silent = "accepts the connection, but does not respond to CONNECT" if trace.proxy_connected else "is not reached"
    return f"{proxy.name} {silent}"


def _tls_detail(state: AttemptState) -> str | None:
    if state.certificate_check.reason:
        return state.certificate_check.reason
    if is_sdk_silent(state):
        return "the endpoint's flight came in full and OpenSSL accepts it, but the SDK's TLS does not answer it"
    if network_finding(state) is NetworkFinding.FLIGHT_TOO_LARGE:
        return "a small ClientHello passes, the SDK's does not"
    return None


def _response_detail(state: AttemptState) -> str | None:
    trace, diagnosis = state.trace, state.diagnosis
    if diagnosis.message:
        return diagnosis.message
    if diagnosis.close_code is not None:
        return f"the endpoint closed the WebSocket with code {diagnosis.close_code}"
    if trace.alert is not None:
        return f"the endpoint sent TLS alert {trace.alert}"
    has_code = isinstance(state.error, ConnectFailedError) and state.error.connack_code is not None
    return None if has_code or diagnosis.connack_code else _CLOSE_REASONS.get(trace.server_closed or "")
