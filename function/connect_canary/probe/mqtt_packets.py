"""CONNECT and CONNACK as bytes (MQTT 3.1.1 and 5, sections 3.1 and 3.2)."""

from connect_canary.model.target import MqttVersion
from connect_canary.probe.auth.connect_auth import ConnectAuth

_KEEP_ALIVE_S = 60
_CONNACK = b"\x20"


def encode_connect(version: MqttVersion, client_id: str, how: ConnectAuth) -> bytes:
    """Return a CONNECT (section 3.1 of either version of MQTT) with a clean session."""
    level, properties = (5, b"\x00") if version is MqttVersion.V5 else (4, b"")
    # Without a user name 3.1.1 has no password (section 3.1.2.9), and the SDK leaves it out.
    password = how.password if how.username or version is MqttVersion.V5 else None
    flags = 0x02 | (0x80 if how.username else 0) | (0x40 if password is not None else 0)
    body = _length_prefixed(b"MQTT") + bytes([level, flags]) + _KEEP_ALIVE_S.to_bytes(2) + properties
    body += _length_prefixed(client_id.encode())
    if how.username:
        body += _length_prefixed(how.username.encode())
    if password is not None:
        body += _length_prefixed(password)
    return b"\x10" + _remaining_length(len(body)) + body


def _length_prefixed(content: bytes) -> bytes:
    return len(content).to_bytes(2) + content


def _remaining_length(length: int) -> bytes:
    """Return the variable length encoding (MQTT 3.1.1, section 2.2.3)."""
    encoded = b""
    while True:
        length, digit = divmod(length, 128)
        encoded += bytes([digit | 0x80 if length else digit])
        if not length:
            return encoded


def is_complete(received: bytes) -> bool:
    """Tell whether there is a whole CONNACK, which may come in many frames, or something that will never be one."""
    return received[:1] != _CONNACK or (len(received) > 1 and len(received) >= received[1] + 2)


def connack_code(packet: bytes) -> int | None:
    """Return a CONNACK's code, its fourth byte in both versions of MQTT (section 3.2); None of another packet."""
    return packet[3] if packet[:1] == _CONNACK and len(packet) == packet[1] + 2 >= 4 else None  # noqa: PLR2004
