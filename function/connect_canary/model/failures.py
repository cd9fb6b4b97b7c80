"""The closed list of failures, and the table that maps errors of the SDK and the system to it."""

from collections.abc import Mapping
from enum import StrEnum

from connect_canary.model.frozen import frozen
from connect_canary.model.mqtt import PROTOCOLS, MqttVersion
from connect_canary.model.network_finding import NetworkFinding
from connect_canary.model.phases import Phase


class Failure(StrEnum):
    """Why an attempt failed; the value of metric dimension Failure."""

    CREDENTIALS_UNAVAILABLE = "CredentialsUnavailable"
    PROXY_UNREACHABLE = "ProxyUnreachable"
    PROXY_AUTH_REQUIRED = "ProxyAuthRequired"
    PROXY_REFUSED = "ProxyRefused"
    DNS_FAILED = "DnsFailed"
    TCP_REFUSED = "TcpRefused"
    TCP_TIMED_OUT = "TcpTimedOut"
    TCP_FAILED = "TcpFailed"
    CERTIFICATE_EXPIRED = "CertificateExpired"
    CERTIFICATE_UNTRUSTED = "CertificateUntrusted"
    CERTIFICATE_NAME_MISMATCH = "CertificateNameMismatch"
    TLS_TIMED_OUT = "TlsTimedOut"
    TLS_FAILED = "TlsFailed"
    TLS_UNSUPPORTED = "TlsUnsupported"
    UPGRADE_FORBIDDEN = "UpgradeForbidden"
    UPGRADE_REJECTED = "UpgradeRejected"
    UPGRADE_TIMED_OUT = "UpgradeTimedOut"
    UPGRADE_FAILED = "UpgradeFailed"
    NOT_AUTHORIZED = "NotAuthorized"
    BAD_CREDENTIALS = "BadCredentials"
    CLIENT_ID_REJECTED = "ClientIdRejected"
    SERVER_UNAVAILABLE = "ServerUnavailable"
    THROTTLED = "Throttled"
    CONNECT_REFUSED = "ConnectRefused"
    CONNACK_TIMED_OUT = "ConnackTimedOut"
    CONNECTION_HUNG_UP = "ConnectionHungUp"
    PROTOCOL_VIOLATED = "ProtocolViolated"
    DISCONNECT_FAILED = "DisconnectFailed"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    UNEXPECTED_ACCEPT = "UnexpectedAccept"
    UNCLASSIFIED = "Unclassified"


@frozen
class Evidence:
    """What is known of a failed attempt: facts from the SDK, the tunnel, the certificate and the diagnosis.

    `upgrade_refused` is the SDK's word for a response that is no 101 for it; it does not tell the status. `sdk_silent`
    tells that the endpoint's TLS flight has come in full, that the certificate check succeeds, and that the SDK does
    not go on. `spoken_version` is the MQTT version of a CONNACK that is not of the client's own.

    `network` is about the connection to the egress proxy if the connect is `proxied`. `clock_skew_s` is this host's
    clock minus the endpoint's.
    """

    phase: Phase | None
    error_name: str | None = None
    detail: str | None = None
    timed_out: bool = False
    connection_closed: bool = False
    certificate: Failure | None = None
    sdk_silent: bool = False
    upgrade_refused: bool = False
    http_status: int | None = None
    connack_code: int | None = None
    accepted_on_retry: bool = False
    mqtt_version: MqttVersion = MqttVersion.V5
    spoken_version: MqttVersion | None = None
    proxied: bool = False
    network: NetworkFinding | None = None
    clock_skew_s: float | None = None


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
    151: ("Quota exceeded", Failure.THROTTLED),
    153: ("Payload format invalid", Failure.CONNECT_REFUSED),
    154: ("Retain not supported", Failure.CONNECT_REFUSED),
    155: ("QoS not supported", Failure.CONNECT_REFUSED),
    156: ("Use another server", Failure.CONNECT_REFUSED),
    157: ("Server moved", Failure.CONNECT_REFUSED),
    159: ("Connection rate exceeded", Failure.THROTTLED),
}
# What the SDK says is a time-out, a hang-up or a peer that breaks the protocol (awscrt 0.36.1, measured).
TIMEOUT_ERRORS = {
    "AWS_ERROR_MQTT_TIMEOUT",
    "AWS_ERROR_MQTT5_CONNACK_TIMEOUT",
    "AWS_IO_TLS_NEGOTIATION_TIMEOUT",
    "AWS_IO_SOCKET_TIMEOUT",
    "ETIMEDOUT",
}
_SILENT_ERRORS = {None, *TIMEOUT_ERRORS}
_HANG_UPS = {
    "AWS_ERROR_MQTT_UNEXPECTED_HANGUP",
    "AWS_ERROR_MQTT_CONNECTION_SHUTDOWN",
    "AWS_ERROR_MQTT_CONNECTION_DESTROYED",
    "AWS_IO_SOCKET_CLOSED",
    "AWS_ERROR_HTTP_CONNECTION_CLOSED",
}
_REFUSED = "AWS_ERROR_MQTT5_CONNACK_CONNECTION_REFUSED"
# What the 3.1.1 client says of a refusal, and of a packet that is no CONNACK.
_PROTOCOL_ERROR = "AWS_ERROR_MQTT_PROTOCOL_ERROR"
# Both tables have every phase: one that is new must say how it fails.
_TIMED_OUT: Mapping[Phase, Failure] = {
    Phase.CREDENTIALS: Failure.CREDENTIALS_UNAVAILABLE,
    Phase.PROXY: Failure.PROXY_UNREACHABLE,
    Phase.DNS: Failure.DNS_FAILED,
    Phase.TCP: Failure.TCP_TIMED_OUT,
    Phase.TLS: Failure.TLS_TIMED_OUT,
    Phase.UPGRADE: Failure.UPGRADE_TIMED_OUT,
    Phase.CONNACK: Failure.CONNACK_TIMED_OUT,
    Phase.DISCONNECT: Failure.DISCONNECT_FAILED,
}
_DEFAULT_FAILURE: Mapping[Phase, Failure] = {
    Phase.CREDENTIALS: Failure.CREDENTIALS_UNAVAILABLE,
    Phase.PROXY: Failure.PROXY_UNREACHABLE,
    Phase.DNS: Failure.DNS_FAILED,
    Phase.TCP: Failure.TCP_FAILED,
    Phase.TLS: Failure.TLS_FAILED,
    Phase.UPGRADE: Failure.UPGRADE_FAILED,
    Phase.CONNACK: Failure.PROTOCOL_VIOLATED,
    Phase.DISCONNECT: Failure.DISCONNECT_FAILED,
}
# How a connection to the egress proxy ends after it was opened: not with HTTP, or closed early.
_PROXY_BROKE_OFF = {"NotHttp", "ECONNABORTED", "ECONNRESET", "EPIPE"}
_PROXY_AUTHENTICATION_REQUIRED = 407
_HTTP_FAILURES = {
    401: Failure.UPGRADE_FORBIDDEN,
    403: Failure.UPGRADE_FORBIDDEN,
    429: Failure.THROTTLED,
}
SWITCHING_PROTOCOLS = 101
_VERSION_REFUSED = {1, 132}  # the CONNACK codes of MQTT 3.1.1 and 5
_AUTHENTICATION_FAILURES = frozenset({Failure.UPGRADE_FORBIDDEN, Failure.NOT_AUTHORIZED, Failure.BAD_CREDENTIALS})


def classify(evidence: Evidence) -> Failure:
    """Return the failure's name; the most specific fact decides."""
    phase = evidence.phase
    if phase is None:
        return Failure.DEADLINE_EXCEEDED if evidence.timed_out else Failure.UNCLASSIFIED
    timed_out = evidence.timed_out or evidence.error_name in TIMEOUT_ERRORS
    return _specific(evidence) or (_TIMED_OUT if timed_out else _DEFAULT_FAILURE)[phase]


def _specific(evidence: Evidence) -> Failure | None:
    match evidence.phase:
        case Phase.PROXY:
            return _proxy_failure(evidence)
        case Phase.TCP if evidence.error_name == "ECONNREFUSED":
            return Failure.TCP_REFUSED
        case Phase.TLS:
            return evidence.certificate or (Failure.TLS_UNSUPPORTED if evidence.sdk_silent else None)
        case Phase.UPGRADE:
            return _upgrade_failure(evidence)
        case Phase.CONNACK:
            return _connack_failure(evidence)
    return None


def _proxy_failure(evidence: Evidence) -> Failure | None:
    if evidence.http_status == _PROXY_AUTHENTICATION_REQUIRED:
        return Failure.PROXY_AUTH_REQUIRED
    refused = evidence.http_status is not None or evidence.error_name in _PROXY_BROKE_OFF
    return Failure.PROXY_REFUSED if refused else None


def _upgrade_failure(evidence: Evidence) -> Failure | None:
    status = evidence.http_status
    if status is None:
        return Failure.UPGRADE_REJECTED if evidence.upgrade_refused else None
    return None if status == SWITCHING_PROTOCOLS else _HTTP_FAILURES.get(status, Failure.UPGRADE_REJECTED)


def _connack_failure(evidence: Evidence) -> Failure | None:
    if evidence.connack_code is not None:
        return CONNACK_MEANINGS.get(evidence.connack_code, ("", Failure.CONNECT_REFUSED))[1]
    code_hidden = evidence.error_name == _PROTOCOL_ERROR and evidence.accepted_on_retry
    if evidence.error_name == _REFUSED or code_hidden:
        return Failure.CONNECT_REFUSED
    closed = evidence.connection_closed and evidence.error_name in _SILENT_ERRORS
    return Failure.CONNECTION_HUNG_UP if closed or evidence.error_name in _HANG_UPS else None


def is_authentication_refusal(failure: Failure | None, version: MqttVersion) -> bool:
    """Return whether the client was refused for who it is, which AWS IoT may say in MQTT 3.1.1 by closing."""
    denied = failure is Failure.CONNECTION_HUNG_UP and PROTOCOLS[version].denied_by_hang_up
    return denied or failure in _AUTHENTICATION_FAILURES


def is_version_refused(failure: Failure, evidence: Evidence) -> bool:
    """Return whether the endpoint has shown that it does not speak the client's version of MQTT."""
    if failure is Failure.PROTOCOL_VIOLATED:
        return evidence.spoken_version is not None
    return failure is Failure.CONNECT_REFUSED and evidence.connack_code in _VERSION_REFUSED
