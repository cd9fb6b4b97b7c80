"""CONNECT and CONNACK as bytes (MQTT 3.1.1 and 5, sections 3.1 and 3.2)."""

from connect_canary.model.mqtt import PROTOCOLS, MqttVersion
from connect_canary.probe.auth.connect_auth import ConnectAuth

_LENGTH_BYTES, _MORE = 4, 0x80  # the variable length encoding (MQTT 3.1.1, section 2.2.3)
_CONNACK_311_BYTES = 2
_KEEP_ALIVE_S = 60
_CONNACK = b"\x20"
_CLEAN_SESSION, _HAS_PASSWORD, _HAS_USERNAME = 0x02, 0x40, 0x80


def encode_connect(version: MqttVersion, client_id: str, auth: ConnectAuth) -> bytes:
    """Return a CONNECT with a clean session."""
    protocol = PROTOCOLS[version]
    password = auth.password if auth.username or not protocol.password_needs_username else None
    flags = _CLEAN_SESSION
    flags |= _HAS_USERNAME if auth.username else 0
    flags |= _HAS_PASSWORD if password is not None else 0
    body = _length_prefixed(b"MQTT") + bytes([protocol.level, flags]) + _KEEP_ALIVE_S.to_bytes(2)
    body += protocol.connect_properties + _length_prefixed(client_id.encode())
    if auth.username:
        body += _length_prefixed(auth.username.encode())
    if password is not None:
        body += _length_prefixed(password)
    return b"\x10" + _remaining_length(len(body)) + body


def _length_prefixed(content: bytes) -> bytes:
    return len(content).to_bytes(2) + content


def _remaining_length(length: int) -> bytes:
    """Return the variable length encoding."""
    encoded = b""
    while True:
        length, digit = divmod(length, 128)
        encoded += bytes([digit | _MORE if length else digit])
        if not length:
            return encoded


def is_complete(received: bytes) -> bool:
    """Return whether `received` is a whole CONNACK, or can no longer become one."""
    digits = received[1 : 1 + _LENGTH_BYTES]
    if received[:1] != _CONNACK or (len(digits) == _LENGTH_BYTES and min(digits) & _MORE):
        return True
    return len(received) > 1 and len(received) >= received[1] + 2


def is_connack_311(packet: bytes) -> bool:
    """Return whether a CONNACK has the form of MQTT 3.1.1: no properties, not even their length."""
    return packet[:2] == _CONNACK + bytes([_CONNACK_311_BYTES]) and len(packet) == _CONNACK_311_BYTES + 2


def connack_code(packet: bytes) -> int | None:
    """Return the code of a CONNACK, its fourth byte in both versions; None for another packet."""
    return packet[3] if packet[:1] == _CONNACK and len(packet) == packet[1] + 2 >= 4 else None  # noqa: PLR2004
