"""Hints: what to check after a failure, and where the runbook says more."""

from collections.abc import Mapping

from connect_canary.model.failures import Evidence, Failure, is_version_refused
from connect_canary.model.mqtt import PROTOCOLS
from connect_canary.model.network_finding import NetworkFinding
from connect_canary.model.owners import Owner, is_clock_fault, is_network_fault, is_peer_silent, owner
from connect_canary.model.target import AuthMode

RUNBOOK = "docs/runbook.md"
_HINTS: Mapping[Failure, str] = {
    Failure.CREDENTIALS_UNAVAILABLE: "the credential chain found no credentials; check role or profile",
    Failure.PROXY_UNREACHABLE: "the egress proxy does not respond; check HTTPS_PROXY, the proxy, and the way to it",
    Failure.PROXY_AUTH_REQUIRED: "the egress proxy wants a user name and password; check those in HTTPS_PROXY",
    Failure.PROXY_REFUSED: "the egress proxy opens no tunnel to the endpoint; check its rules and its log",
    Failure.DNS_FAILED: "the endpoint's name does not resolve from here; check spelling, VPC DNS, hosted zone",
    Failure.TCP_REFUSED: "nothing listens on that port; check port, firewall, custom domain",
    Failure.TCP_TIMED_OUT: "packets get lost; check NAT, security group, network ACL, routes",
    Failure.TCP_FAILED: "no connection can be opened from here; check routes",
    Failure.CERTIFICATE_EXPIRED: "renew the server certificate (and check this host's clock)",
    Failure.CERTIFICATE_UNTRUSTED: "the chain leads to no trusted CA; check chain and ca_file",
    Failure.CERTIFICATE_NAME_MISMATCH: "the certificate is for another name; check the domain",
    Failure.TLS_TIMED_OUT: "TCP works, TLS does not respond; check middleboxes and MTU",
    Failure.TLS_FAILED: "the TLS handshake breaks off; check security policy and middleboxes",
    Failure.TLS_UNSUPPORTED: "the SDK's TLS refuses it in silence; send at most 7 certificates, none signed with MD5",
    Failure.UPGRADE_FORBIDDEN: "signature or credentials are refused; check keys, session token, signing region, clock",
    Failure.UPGRADE_REJECTED: "HTTP responds, but not as AWS IoT does; check the host and what stands before it",
    Failure.UPGRADE_TIMED_OUT: "TLS works, HTTP does not respond; check AWS Health and what stands before the endpoint",
    Failure.UPGRADE_FAILED: "the response is no WebSocket handshake; check what stands before the endpoint",
    Failure.NOT_AUTHORIZED: "iot:Connect on this client id is denied; check the identity's IAM policy",
    Failure.BAD_CREDENTIALS: "the identity is refused; check that the endpoint takes AWS credentials",
    Failure.CLIENT_ID_REJECTED: "the client id is not accepted; check prefix, length, characters",
    Failure.SERVER_UNAVAILABLE: "the broker is unavailable or busy; check AWS Health and account quotas",
    Failure.THROTTLED: "a quota or the rate of connects is exceeded; check the account's IoT quotas, a fixed client id",
    Failure.CONNECT_REFUSED: "the broker refused CONNECT; look up the CONNACK code in the runbook",
    Failure.CONNACK_TIMED_OUT: "CONNECT gets no response; check AWS Health and what stands before the endpoint",
    Failure.CONNECTION_HUNG_UP: "the connection is closed after CONNECT; check AWS Health and what stands before it",
    Failure.PROTOCOL_VIOLATED: "the response to CONNECT is no valid CONNACK; check what listens there",
    Failure.DISCONNECT_FAILED: "connect works, but the connection broke before its clean end; check client id",
    Failure.DEADLINE_EXCEEDED: "time ran out before the attempt began; check timeout and target count",
    Failure.UNEXPECTED_ACCEPT: "a client that must be refused was accepted; check policy and authorizer",
    Failure.UNCLASSIFIED: "a gap in our table; report error_name and phase",
}
# What is to be checked where the owner is another one than the failure alone suggests.
_HINTS_BY_OWNER: Mapping[tuple[Failure, Owner], str] = {
    (
        Failure.UPGRADE_FORBIDDEN,
        Owner.AUTHORIZER,
    ): "the authorizer's fields are refused; check name, token, signature and its log",
    (
        Failure.NOT_AUTHORIZED,
        Owner.AUTHORIZER,
    ): "the authorizer denies this client, or fails; check its log and the policy it returns",
    (
        Failure.BAD_CREDENTIALS,
        Owner.AUTHORIZER,
    ): "user name or password is refused; check the secret and the authorizer's log",
    (
        Failure.CONNACK_TIMED_OUT,
        Owner.AUTHORIZER,
    ): "CONNECT gets no response; check the authorizer's duration (5 s at most) and log",
    (
        Failure.CONNECTION_HUNG_UP,
        Owner.AUTHORIZER,
    ): "closing after CONNECT is how a denial looks; check the authorizer's log and policy",
    (
        Failure.CONNECTION_HUNG_UP,
        Owner.IAM,
    ): "closing after CONNECT is how a denial looks in MQTT 3.1.1; check the IAM policy",
}
_NETWORK_HINTS: Mapping[NetworkFinding, str] = {
    NetworkFinding.PACKETS_LOST: "packets get lost on the path; check NAT, firewalls, network ACL, routes",
    NetworkFinding.PEER_SILENT: "its host acknowledges our data and its service sends nothing; check the service",
    NetworkFinding.FLIGHT_TOO_LARGE: "small packets pass and large ones do not; check the path's MTU and its ICMP",
}


_SECONDS_PER_MINUTE, _MINUTES_PER_HOUR, _HOURS_PER_DAY = 60, 60, 24
_MAX_MINUTES_SHOWN, _MAX_HOURS_SHOWN = 119, 47


def hint(failure: Failure, auth_mode: AuthMode, evidence: Evidence) -> str:
    """Return one line: what to check, and where the runbook has more."""
    return f"{_advice(failure, auth_mode, evidence)} ({RUNBOOK}#{failure.lower()})"


def _advice(failure: Failure, auth_mode: AuthMode, evidence: Evidence) -> str:
    if is_clock_fault(failure, evidence):
        return f"your clock is {_duration(evidence.clock_skew_s or 0.0)} off; set it before you look at credentials"
    if is_version_refused(failure, evidence):
        version = evidence.mqtt_version
        return f"the endpoint speaks no MQTT {version}: try mqtt_version {PROTOCOLS[version].alternative}"
    if evidence.network is not None and is_network_fault(failure, evidence):
        return _NETWORK_HINTS[evidence.network]
    specific = _HINTS_BY_OWNER.get((failure, owner(failure, auth_mode, evidence)))
    if specific is None and is_peer_silent(failure, evidence):
        return _NETWORK_HINTS[NetworkFinding.PEER_SILENT]
    return specific or _HINTS[failure]


def _duration(seconds: float) -> str:
    minutes = round(abs(seconds) / _SECONDS_PER_MINUTE)
    if minutes <= _MAX_MINUTES_SHOWN:
        return f"{minutes} minutes"
    hours = round(minutes / _MINUTES_PER_HOUR)
    return f"{hours} hours" if hours <= _MAX_HOURS_SHOWN else f"{round(hours / _HOURS_PER_DAY)} days"
