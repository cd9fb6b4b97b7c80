"""The CONNACK of an accepted MQTT 5 client, with the properties that AWS IoT Core documents. Pure functions.

Which properties, and that AWS tells a session expiry that it cuts down: AWS IoT Core developer guide, "MQTT 5
properties", https://docs.aws.amazon.com/iot/latest/developerguide/mqtt.html#mqtt5-properties. Their values: AWS General
Reference, message broker limits, https://docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits.
"""

from infra.local.server.mqtt import CONNACK, MQTT_5, ConnectPacket, read_properties

_SESSION_EXPIRY, _ASSIGNED_CLIENT_ID, _SERVER_KEEP_ALIVE = 0x11, 0x12, 0x13
_MAX_SESSION_EXPIRY_S = 3600
_MIN_KEEP_ALIVE_S, _MAX_KEEP_ALIVE_S = 30, 1200
# Shared Subscription Available is not among AWS's properties; a CONNACK without it means that they are available.
_ALWAYS = (
    (0x21, (100).to_bytes(2, "big")),  # Receive Maximum: unacknowledged QoS 1 publish requests
    (0x22, (8).to_bytes(2, "big")),  # Topic Alias Maximum
    (0x24, b"\x01"),  # Maximum QoS
    (0x25, b"\x01"),  # Retain Available
    (0x27, (128 * 1024).to_bytes(4, "big")),  # Maximum Packet Size
    (0x28, b"\x01"),  # Wildcard Subscription Available
    (0x29, b"\x00"),  # Subscription Identifier Available
)
_ACCEPTED = 0


def as_aws(packet: bytes, connect: ConnectPacket) -> bytes:
    """Return a packet of the broker; if it is the CONNACK that accepts an MQTT 5 client, with AWS's properties."""
    if connect.protocol_level != MQTT_5 or packet[:1] != bytes([CONNACK << 4]):
        return packet
    session_present, code, properties = packet[2], packet[3], packet[5:]
    if code != _ACCEPTED:
        return packet
    encoded = b"".join(bytes([identifier]) + value for identifier, value in _properties(properties, connect))
    body = bytes([session_present, code, len(encoded)]) + encoded
    return packet[:1] + bytes([len(body)]) + body


def _properties(of_broker: bytes, connect: ConnectPacket) -> list[tuple[int, bytes]]:
    properties = [*_ALWAYS, (_SERVER_KEEP_ALIVE, _keep_alive_s(connect).to_bytes(2, "big"))]
    assigned = read_properties(of_broker).get(_ASSIGNED_CLIENT_ID)
    if assigned is not None:
        properties.append((_ASSIGNED_CLIENT_ID, len(assigned).to_bytes(2, "big") + assigned))
    asked_s = int.from_bytes(read_properties(connect.properties).get(_SESSION_EXPIRY, b""), "big")
    if asked_s > _MAX_SESSION_EXPIRY_S:
        properties.append((_SESSION_EXPIRY, _MAX_SESSION_EXPIRY_S.to_bytes(4, "big")))
    return properties


def _keep_alive_s(connect: ConnectPacket) -> int:
    """Return the keep-alive that AWS assigns: the client's within its limits, the longest one for none."""
    return min(max(connect.keep_alive_s or _MAX_KEEP_ALIVE_S, _MIN_KEEP_ALIVE_S), _MAX_KEEP_ALIVE_S)
