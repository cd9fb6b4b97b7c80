"""Owners: who has to act on a failure."""

from collections.abc import Mapping
from enum import StrEnum

from connect_canary.model.failures import Evidence, Failure, is_authentication_refusal
from connect_canary.model.network_finding import NetworkFinding
from connect_canary.model.target import AuthMode

# AWS refuses a signature whose time is more than five minutes off (AWS general reference, Signature Version 4).
MAX_CLOCK_SKEW_S = 300.0


class Owner(StrEnum):
    """Who has to act on a failure."""

    NETWORK = "network team"
    PROXY = "proxy's owner"
    ENDPOINT = "endpoint's owner"
    IAM = "IAM team"
    AUTHORIZER = "authorizer's owner"
    CANARY = "canary's owner"
    AWS = "AWS"
    SECURITY = "security team"
    MAINTAINERS = "canary's maintainers"


# Who decides whether a client of each auth mode is let in.
_AUTHENTICATORS: Mapping[AuthMode, Owner] = {
    AuthMode.SIGV4: Owner.IAM,
    AuthMode.SIGV4_STATIC: Owner.IAM,
    AuthMode.CUSTOM_UNSIGNED: Owner.AUTHORIZER,
    AuthMode.CUSTOM_SIGNED: Owner.AUTHORIZER,
}

# The owner if neither auth mode nor evidence say more.
_OWNERS: Mapping[Failure, Owner] = {
    Failure.CREDENTIALS_UNAVAILABLE: Owner.CANARY,
    Failure.PROXY_UNREACHABLE: Owner.PROXY,
    Failure.PROXY_AUTH_REQUIRED: Owner.CANARY,
    Failure.PROXY_REFUSED: Owner.PROXY,
    Failure.DNS_FAILED: Owner.NETWORK,
    Failure.TCP_REFUSED: Owner.NETWORK,
    Failure.TCP_TIMED_OUT: Owner.NETWORK,
    Failure.TCP_FAILED: Owner.NETWORK,
    Failure.CERTIFICATE_EXPIRED: Owner.ENDPOINT,
    Failure.CERTIFICATE_UNTRUSTED: Owner.ENDPOINT,
    Failure.CERTIFICATE_NAME_MISMATCH: Owner.ENDPOINT,
    Failure.TLS_TIMED_OUT: Owner.NETWORK,
    Failure.TLS_FAILED: Owner.ENDPOINT,
    Failure.TLS_UNSUPPORTED: Owner.ENDPOINT,
    Failure.UPGRADE_FORBIDDEN: Owner.IAM,
    Failure.UPGRADE_REJECTED: Owner.ENDPOINT,
    Failure.UPGRADE_TIMED_OUT: Owner.ENDPOINT,
    Failure.UPGRADE_FAILED: Owner.ENDPOINT,
    Failure.NOT_AUTHORIZED: Owner.IAM,
    Failure.BAD_CREDENTIALS: Owner.IAM,
    Failure.CLIENT_ID_REJECTED: Owner.CANARY,
    Failure.SERVER_UNAVAILABLE: Owner.AWS,
    Failure.THROTTLED: Owner.ENDPOINT,
    Failure.CONNECT_REFUSED: Owner.ENDPOINT,
    Failure.CONNACK_TIMED_OUT: Owner.ENDPOINT,
    Failure.CONNECTION_HUNG_UP: Owner.ENDPOINT,
    Failure.PROTOCOL_VIOLATED: Owner.ENDPOINT,
    Failure.DISCONNECT_FAILED: Owner.ENDPOINT,
    Failure.DEADLINE_EXCEEDED: Owner.CANARY,
    Failure.UNEXPECTED_ACCEPT: Owner.SECURITY,
    Failure.UNCLASSIFIED: Owner.MAINTAINERS,
}
# Time-outs and broken connections, which the network between can cause as well as the peer: who the peer is.
_PEERS: Mapping[Failure, Owner] = {
    Failure.PROXY_UNREACHABLE: Owner.PROXY,
    Failure.TCP_TIMED_OUT: Owner.ENDPOINT,
    Failure.TCP_FAILED: Owner.ENDPOINT,
    Failure.TLS_TIMED_OUT: Owner.ENDPOINT,
    Failure.TLS_FAILED: Owner.ENDPOINT,
    Failure.UPGRADE_TIMED_OUT: Owner.ENDPOINT,
    Failure.UPGRADE_FAILED: Owner.ENDPOINT,
    Failure.CONNACK_TIMED_OUT: Owner.ENDPOINT,
    Failure.CONNECTION_HUNG_UP: Owner.ENDPOINT,
    Failure.DISCONNECT_FAILED: Owner.ENDPOINT,
}
# The broker asks the authorizer before it responds to CONNECT.
_BROKER_WAITS = frozenset({Failure.CONNACK_TIMED_OUT, Failure.CONNECTION_HUNG_UP})


def owner(failure: Failure, auth_mode: AuthMode, evidence: Evidence) -> Owner:
    """Return who has to act on `failure`; the most specific fact decides."""
    authenticator = _AUTHENTICATORS[auth_mode]
    if is_network_fault(failure, evidence):
        return Owner.NETWORK
    if is_clock_fault(failure, evidence) and authenticator is Owner.IAM:
        return Owner.CANARY
    if is_authentication_refusal(failure, evidence.mqtt_version):
        return authenticator
    if failure in _BROKER_WAITS and authenticator is Owner.AUTHORIZER:
        return authenticator
    if is_peer_silent(failure, evidence):
        return _PEERS[failure]
    return _OWNERS[failure]


def is_peer_silent(failure: Failure, evidence: Evidence) -> bool:
    """Return whether TCP shows that the path is sound and the peer's service causes `failure`."""
    if evidence.proxied and failure is not Failure.PROXY_UNREACHABLE:
        return False  # the host that acknowledges is the proxy's, which says nothing about the endpoint
    return evidence.network is NetworkFinding.PEER_SILENT and failure in _PEERS


def is_network_fault(failure: Failure, evidence: Evidence) -> bool:
    """Return whether TCP shows that the network between causes `failure`."""
    stuck = evidence.network in {NetworkFinding.PACKETS_LOST, NetworkFinding.FLIGHT_TOO_LARGE}
    return stuck and failure in _PEERS


def is_clock_fault(failure: Failure, evidence: Evidence) -> bool:
    """Return whether this host's clock is so far off that a signature is refused."""
    skew_s = evidence.clock_skew_s
    return failure is Failure.UPGRADE_FORBIDDEN and skew_s is not None and abs(skew_s) > MAX_CLOCK_SKEW_S
