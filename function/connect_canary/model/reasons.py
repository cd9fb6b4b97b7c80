"""The reason for a failure: one line of evidence."""

from collections.abc import Mapping

from connect_canary.model.failures import CONNACK_MEANINGS, SWITCHING_PROTOCOLS, TIMEOUT_ERRORS, Evidence, Failure
from connect_canary.model.phases import Phase

_TIMEOUT_REASON: Mapping[Phase, str] = {
    Phase.CREDENTIALS: "no credentials",
    Phase.PROXY: "no answer from the egress proxy",
    Phase.DNS: "no answer from the name server",
    Phase.TCP: "no answer to the TCP connect",
    Phase.TLS: "the TLS handshake did not finish",
    Phase.UPGRADE: "no answer to the WebSocket upgrade request",
    Phase.CONNACK: "no CONNACK after CONNECT",
    Phase.DISCONNECT: "the connection did not close after DISCONNECT",
}


def reason(evidence: Evidence, waited_ms: float) -> str:
    """Return one line of evidence; `waited_ms` is the time from the start of the attempt to its end."""
    detail = f" ({evidence.detail})" if evidence.detail else ""
    if evidence.connack_code is not None:
        meaning = CONNACK_MEANINGS.get(evidence.connack_code, ("unknown code", Failure.CONNECT_REFUSED))[0]
        return f"CONNACK {evidence.connack_code} {meaning}{detail}"
    if evidence.phase is Phase.UPGRADE and evidence.http_status not in {None, SWITCHING_PROTOCOLS}:
        return f"HTTP {evidence.http_status} to the WebSocket upgrade{detail}"
    if evidence.phase is Phase.UPGRADE and evidence.http_status == SWITCHING_PROTOCOLS:
        return "HTTP 101, but no WebSocket handshake for mqtt"
    if evidence.phase is Phase.UPGRADE and evidence.upgrade_refused and evidence.http_status is None:
        return f"the WebSocket upgrade is refused; its HTTP status is not known{detail}"
    if evidence.timed_out or (evidence.error_name in TIMEOUT_ERRORS and not evidence.connection_closed):
        missing = _TIMEOUT_REASON[evidence.phase] if evidence.phase else "nothing happened"
        return f"{missing} within {waited_ms / 1000:.1f} s{detail}"
    if evidence.phase is Phase.CREDENTIALS and evidence.detail is None:
        return f"no source of the credential chain has AWS credentials; the last one said {evidence.error_name}"
    if evidence.detail:
        return evidence.detail
    return f"the SDK says {evidence.error_name}"
