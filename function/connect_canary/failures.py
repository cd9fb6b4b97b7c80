"""The closed list of failures, whom each concerns, and the one table that leads to it from foreign errors. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

RUNBOOK = "docs/runbook.md"


class Phase(StrEnum):
    """Where an attempt ended, in the order in which an attempt goes through them."""

    CREDENTIALS = "credentials"
    DNS = "dns"
    TCP = "tcp"
    TLS = "tls"
    UPGRADE = "upgrade"
    CONNACK = "connack"
    DISCONNECT = "disconnect"


class Failure(StrEnum):
    """Why an attempt failed; the value of metric dimension Failure."""

    CREDENTIALS_UNAVAILABLE = "CredentialsUnavailable"
    DNS_FAILED = "DnsFailed"
    TCP_REFUSED = "TcpRefused"
    TCP_TIMED_OUT = "TcpTimedOut"
    TCP_FAILED = "TcpFailed"
    CERTIFICATE_EXPIRED = "CertificateExpired"
    CERTIFICATE_UNTRUSTED = "CertificateUntrusted"
    CERTIFICATE_NAME_MISMATCH = "CertificateNameMismatch"
    TLS_TIMED_OUT = "TlsTimedOut"
    TLS_FAILED = "TlsFailed"
    UPGRADE_FORBIDDEN = "UpgradeForbidden"
    UPGRADE_REJECTED = "UpgradeRejected"
    UPGRADE_TIMED_OUT = "UpgradeTimedOut"
    UPGRADE_FAILED = "UpgradeFailed"
    NOT_AUTHORIZED = "NotAuthorized"
    BAD_CREDENTIALS = "BadCredentials"
    CLIENT_ID_REJECTED = "ClientIdRejected"
    SERVER_UNAVAILABLE = "ServerUnavailable"
    CONNECT_REFUSED = "ConnectRefused"
    CONNACK_TIMED_OUT = "ConnackTimedOut"
    CONNECTION_HUNG_UP = "ConnectionHungUp"
    PROTOCOL_VIOLATED = "ProtocolViolated"
    DISCONNECT_FAILED = "DisconnectFailed"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    UNEXPECTED_ACCEPT = "UnexpectedAccept"
    UNCLASSIFIED = "Unclassified"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of a failed attempt: facts from the SDK, the tunnel, the certificate and the diagnosis."""

    phase: Phase | None
    error_name: str | None = None
    detail: str | None = None
    timed_out: bool = False
    hung_up: bool = False
    certificate: Failure | None = None
    http_status: int | None = None
    connack_code: int | None = None
    accepted_later: bool = False


CONNACK_MEANINGS: Mapping[int, tuple[str, Failure]] = {
    # MQTT 3.1.1, table 3.1
    1: ("Unacceptable protocol version", Failure.CONNECT_REFUSED),
    2: ("Identifier rejected", Failure.CLIENT_ID_REJECTED),
    3: ("Server unavailable", Failure.SERVER_UNAVAILABLE),
    4: ("Bad user name or password", Failure.BAD_CREDENTIALS),
    5: ("Not authorized", Failure.NOT_AUTHORIZED),
    # MQTT 5, table 3-1
    128: ("Unspecified error", Failure.CONNECT_REFUSED),
    129: ("Malformed packet", Failure.CONNECT_REFUSED),
    130: ("Protocol error", Failure.CONNECT_REFUSED),
    131: ("Implementation specific error", Failure.CONNECT_REFUSED),
    132: ("Unsupported protocol version", Failure.CONNECT_REFUSED),
    133: ("Client identifier not valid", Failure.CLIENT_ID_REJECTED),
    134: ("Bad user name or password", Failure.BAD_CREDENTIALS),
    135: ("Not authorized", Failure.NOT_AUTHORIZED),
    136: ("Server unavailable", Failure.SERVER_UNAVAILABLE),
    137: ("Server busy", Failure.SERVER_UNAVAILABLE),
    138: ("Banned", Failure.CONNECT_REFUSED),
    140: ("Bad authentication method", Failure.CONNECT_REFUSED),
    144: ("Topic name invalid", Failure.CONNECT_REFUSED),
    149: ("Packet too large", Failure.CONNECT_REFUSED),
    151: ("Quota exceeded", Failure.CONNECT_REFUSED),
    153: ("Payload format invalid", Failure.CONNECT_REFUSED),
    154: ("Retain not supported", Failure.CONNECT_REFUSED),
    155: ("QoS not supported", Failure.CONNECT_REFUSED),
    156: ("Use another server", Failure.CONNECT_REFUSED),
    157: ("Server moved", Failure.CONNECT_REFUSED),
    159: ("Connection rate exceeded", Failure.CONNECT_REFUSED),
}

# What the SDK says is a time-out, a hang-up or a peer that breaks the protocol (awscrt 0.36.1, measured).
_TIMEOUTS = {
    "AWS_ERROR_MQTT_TIMEOUT",
    "AWS_ERROR_MQTT5_CONNACK_TIMEOUT",
    "AWS_IO_TLS_NEGOTIATION_TIMEOUT",
    "AWS_IO_SOCKET_TIMEOUT",
    "ETIMEDOUT",
}
_SILENT = {None, *_TIMEOUTS}
_HANG_UPS = {
    "AWS_ERROR_MQTT_UNEXPECTED_HANGUP",
    "AWS_ERROR_MQTT_CONNECTION_SHUTDOWN",
    "AWS_ERROR_MQTT_CONNECTION_DESTROYED",
    "AWS_IO_SOCKET_CLOSED",
    "AWS_ERROR_HTTP_CONNECTION_CLOSED",
}
_REFUSED = "AWS_ERROR_MQTT5_CONNACK_CONNECTION_REFUSED"
# What the 3.1.1 client says of a refusal, and of a packet that is no CONNACK.
_REFUSED_OR_WRONG = "AWS_ERROR_MQTT_PROTOCOL_ERROR"
_TIMED_OUT = {
    Phase.DNS: Failure.DNS_FAILED,
    Phase.TCP: Failure.TCP_TIMED_OUT,
    Phase.TLS: Failure.TLS_TIMED_OUT,
    Phase.UPGRADE: Failure.UPGRADE_TIMED_OUT,
    Phase.CONNACK: Failure.CONNACK_TIMED_OUT,
}
_OTHERWISE = {
    Phase.CREDENTIALS: Failure.CREDENTIALS_UNAVAILABLE,
    Phase.DNS: Failure.DNS_FAILED,
    Phase.TCP: Failure.TCP_FAILED,
    Phase.TLS: Failure.TLS_FAILED,
    Phase.UPGRADE: Failure.UPGRADE_FAILED,
    Phase.CONNACK: Failure.PROTOCOL_VIOLATED,
    Phase.DISCONNECT: Failure.DISCONNECT_FAILED,
}
_FORBIDDEN = {401, 403}
SWITCHING_PROTOCOLS = 101
# A client that was turned away for who it is.
AUTHENTICATION_FAILURES = frozenset({Failure.UPGRADE_FORBIDDEN, Failure.NOT_AUTHORIZED, Failure.BAD_CREDENTIALS})


def classify(evidence: Evidence) -> Failure:
    """Return the failure's name; the most specific fact decides."""
    phase = evidence.phase
    if phase is None:
        return Failure.DEADLINE_EXCEEDED if evidence.timed_out else Failure.UNCLASSIFIED
    return _specific(evidence) or (
        _TIMED_OUT.get(phase, _OTHERWISE[phase])
        if evidence.timed_out or evidence.error_name in _TIMEOUTS
        else _OTHERWISE[phase]
    )


def _specific(evidence: Evidence) -> Failure | None:
    match evidence.phase:
        case Phase.TCP if evidence.error_name == "ECONNREFUSED":
            return Failure.TCP_REFUSED
        case Phase.TLS:
            return evidence.certificate
        case Phase.UPGRADE if evidence.http_status not in {None, SWITCHING_PROTOCOLS}:
            return Failure.UPGRADE_FORBIDDEN if evidence.http_status in _FORBIDDEN else Failure.UPGRADE_REJECTED
        case Phase.CONNACK if evidence.connack_code is not None:
            return CONNACK_MEANINGS.get(evidence.connack_code, ("", Failure.CONNECT_REFUSED))[1]
        case Phase.CONNACK if evidence.error_name == _REFUSED:
            return Failure.CONNECT_REFUSED
        case Phase.CONNACK if evidence.error_name == _REFUSED_OR_WRONG and evidence.accepted_later:
            return Failure.CONNECT_REFUSED
        case Phase.CONNACK if evidence.error_name in _HANG_UPS or (evidence.hung_up and evidence.error_name in _SILENT):
            return Failure.CONNECTION_HUNG_UP
    return None


_WAITED_FOR = {
    Phase.CREDENTIALS: "no credentials",
    Phase.DNS: "no answer from the name server",
    Phase.TCP: "no answer to the TCP connect",
    Phase.TLS: "the TLS handshake did not finish",
    Phase.UPGRADE: "no answer to the WebSocket upgrade request",
    Phase.CONNACK: "no CONNACK after CONNECT",
    Phase.DISCONNECT: "the connection did not close after DISCONNECT",
}


def reason(evidence: Evidence, waited_ms: float) -> str:
    """Return one line of evidence in plain words."""
    said = f" ({evidence.detail})" if evidence.detail else ""
    if evidence.connack_code is not None:
        meaning = CONNACK_MEANINGS.get(evidence.connack_code, ("unknown code", Failure.CONNECT_REFUSED))[0]
        return f"CONNACK {evidence.connack_code} {meaning}{said}"
    if evidence.phase is Phase.UPGRADE and evidence.http_status not in {None, SWITCHING_PROTOCOLS}:
        return f"HTTP {evidence.http_status} to the WebSocket upgrade{said}"
    if evidence.phase is Phase.UPGRADE and evidence.http_status == SWITCHING_PROTOCOLS:
        return "HTTP 101, but no WebSocket handshake for mqtt"
    if evidence.timed_out or (evidence.error_name in _TIMEOUTS and not evidence.hung_up):
        waited = _WAITED_FOR[evidence.phase] if evidence.phase else "nothing happened"
        return f"{waited} within {waited_ms / 1000:.1f} s{said}"
    if evidence.phase is Phase.CREDENTIALS:
        return f"no source of the credential chain has AWS credentials; the last one said {evidence.error_name}"
    if evidence.detail:
        return evidence.detail
    return f"the SDK says {evidence.error_name}"


_HINTS: Mapping[Failure, str] = {
    Failure.CREDENTIALS_UNAVAILABLE: "canary's owner: the credential chain found no credentials; check role or profile",
    Failure.DNS_FAILED: "network team: the endpoint's name does not resolve from here; check spelling, VPC DNS, zone",
    Failure.TCP_REFUSED: "network team: nothing listens on that port; check port, firewall, custom domain",
    Failure.TCP_TIMED_OUT: "network team: packets get lost; check NAT, security group, network ACL, routes",
    Failure.TCP_FAILED: "network team: no connection can be opened from here; check routes and egress proxy",
    Failure.CERTIFICATE_EXPIRED: "endpoint's owner: renew the server certificate (and check this host's clock)",
    Failure.CERTIFICATE_UNTRUSTED: "endpoint's owner: the chain leads to no trusted CA; check chain and ca_file",
    Failure.CERTIFICATE_NAME_MISMATCH: "endpoint's owner: the certificate is for another name; check the domain",
    Failure.TLS_TIMED_OUT: "network team: TCP works, TLS does not answer; check middleboxes and MTU",
    Failure.TLS_FAILED: "endpoint's owner: the TLS handshake breaks off; check security policy and middleboxes",
    Failure.UPGRADE_FORBIDDEN: "IAM team: signature, credentials or clock are wrong; check keys, token, signing region",
    Failure.UPGRADE_REJECTED: "endpoint's owner: HTTP answers, but not as AWS IoT does; check the host and its proxies",
    Failure.UPGRADE_TIMED_OUT: "AWS or endpoint's owner: TLS works, HTTP does not answer; check AWS Health",
    Failure.UPGRADE_FAILED: "endpoint's owner: the answer is no WebSocket handshake; check proxies before the endpoint",
    Failure.NOT_AUTHORIZED: "IAM team: iot:Connect on this client id is denied; check role, policy or authorizer",
    Failure.BAD_CREDENTIALS: "authorizer's owner: user name or password was refused; check secret and authorizer log",
    Failure.CLIENT_ID_REJECTED: "canary's owner: the client id is not accepted; check prefix, length, characters",
    Failure.SERVER_UNAVAILABLE: "AWS: the broker is unavailable or busy; check AWS Health and account quotas",
    Failure.CONNECT_REFUSED: "endpoint's owner: the broker refused CONNECT; look the CONNACK code up in the runbook",
    Failure.CONNACK_TIMED_OUT: "AWS or authorizer's owner: CONNECT gets no answer; check AWS Health, authorizer",
    Failure.CONNECTION_HUNG_UP: "IAM team first: closing after CONNECT is how a denial looks; check policy, authorizer",
    Failure.PROTOCOL_VIOLATED: "endpoint's owner: the answer to CONNECT is no valid CONNACK; check what listens there",
    Failure.DISCONNECT_FAILED: "AWS or network team: connect works, but the connection broke before its clean end",
    Failure.DEADLINE_EXCEEDED: "canary's owner: time ran out before the attempt began; check timeout and target count",
    Failure.UNEXPECTED_ACCEPT: "security team: a client that must be refused was let in; check policy and authorizer",
    Failure.UNCLASSIFIED: "canary's maintainers: a gap in our table; report error_name and phase",
}


def hint(failure: Failure) -> str:
    """Return one line: who owns the failure, what to look at, and where the runbook has more."""
    return f"{_HINTS[failure]} ({RUNBOOK}#{failure.lower()})"
