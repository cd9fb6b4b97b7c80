"""What the specifications say about a refusal, independent of the code under test."""

from collections.abc import Mapping

# OASIS MQTT 3.1.1, section 3.2.2.3, table 3.1; each with the name that our closed list of failures has for it.
CONNACK_3_1_1: Mapping[int, tuple[str, str]] = {
    0x01: ("Unacceptable protocol version", "ConnectRefused"),
    0x02: ("Identifier rejected", "ClientIdRejected"),
    0x03: ("Server unavailable", "ServerUnavailable"),
    0x04: ("Bad user name or password", "BadCredentials"),
    0x05: ("Not authorized", "NotAuthorized"),
}
# OASIS MQTT 5.0, section 3.2.2.2, table 3-1.
CONNACK_5: Mapping[int, tuple[str, str]] = {
    0x80: ("Unspecified error", "ConnectRefused"),
    0x81: ("Malformed Packet", "ConnectRefused"),
    0x82: ("Protocol Error", "ConnectRefused"),
    0x83: ("Implementation specific error", "ConnectRefused"),
    0x84: ("Unsupported Protocol Version", "ConnectRefused"),
    0x85: ("Client Identifier not valid", "ClientIdRejected"),
    0x86: ("Bad User Name or Password", "BadCredentials"),
    0x87: ("Not authorized", "NotAuthorized"),
    0x88: ("Server unavailable", "ServerUnavailable"),
    0x89: ("Server busy", "ServerUnavailable"),
    0x8A: ("Banned", "ConnectRefused"),
    0x8C: ("Bad authentication method", "ConnectRefused"),
    0x90: ("Topic Name invalid", "ConnectRefused"),
    0x95: ("Packet too large", "ConnectRefused"),
    0x97: ("Quota exceeded", "Throttled"),
    0x99: ("Payload format invalid", "ConnectRefused"),
    0x9A: ("Retain not supported", "ConnectRefused"),
    0x9B: ("QoS not supported", "ConnectRefused"),
    0x9C: ("Use another server", "ConnectRefused"),
    0x9D: ("Server moved", "ConnectRefused"),
    0x9F: ("Connection rate exceeded", "Throttled"),
}
CONNACK: Mapping[int, tuple[str, str]] = {**CONNACK_3_1_1, **CONNACK_5}
UNKNOWN_CODE = ("unknown code", "ConnectRefused")

# RFC 9110, sections 15.5.2 and 15.5.4: the client is not authorized. Every other status that is not 101 is another
# refusal, and 101 without a WebSocket is none at all (RFC 6455, section 4.1).
NOT_LET_IN = frozenset({401, 403})
TOO_MANY_REQUESTS = 429  # RFC 6585, section 4
SWITCHING_PROTOCOLS = 101


def failure_of_status(status: int) -> str:
    """Return the name of the failure that an answer to the upgrade is."""
    if status == SWITCHING_PROTOCOLS:
        return "UpgradeFailed"
    if status == TOO_MANY_REQUESTS:
        return "Throttled"
    return "UpgradeForbidden" if status in NOT_LET_IN else "UpgradeRejected"
