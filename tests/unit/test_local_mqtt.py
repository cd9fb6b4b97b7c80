"""The front door's reading of CONNECT packets."""

from __future__ import annotations

import pytest

from infra.local.mqtt import (
    MQTT_5,
    MQTT_311,
    MalformedPacketError,
    is_complete,
    parse_connect,
    refusal,
)


def text(value: bytes) -> bytes:
    """Return a length-prefixed field."""
    return len(value).to_bytes(2, "big") + value


def connect(level: int = MQTT_5, flags: int = 0xC2, payload: bytes = b"", properties: bytes = b"\x00") -> bytes:
    """Return a CONNECT packet."""
    variable = text(b"MQTT") + bytes([level, flags, 0, 60]) + (properties if level == MQTT_5 else b"")
    body = variable + payload
    return bytes([0x10, len(body)]) + body


@pytest.mark.parametrize("level", [MQTT_311, MQTT_5])
def test_connect_with_binary_password(level: int) -> None:
    """Client id, user name and a password of any bytes are read in both versions."""
    read = parse_connect(connect(level, payload=text(b"test-1") + text(b"user?a=b") + text(b"\x00\xff")))
    assert (read.protocol_level, read.client_id) == (level, "test-1")
    assert (read.username, read.password) == ("user?a=b", b"\x00\xff")


@pytest.mark.parametrize("level", [MQTT_311, MQTT_5])
def test_connect_with_will(level: int) -> None:
    """A will stands before the user name and is passed over."""
    properties = b"\x02\x01\x00" if level == MQTT_5 else b""
    payload = text(b"test-1") + properties + text(b"topic") + text(b"message") + text(b"user")
    read = parse_connect(connect(level, flags=0x86, payload=payload))
    assert (read.username, read.password) == ("user", None)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\x10",
        b"\x20\x02\x00\x00",
        b"\x10\xff\xff\xff\xff\xff",
        connect(level=3, payload=text(b"a")),
        connect(payload=text(b"a")),
        connect(flags=0, payload=text(b"\xff")),
        b"\x10\x06" + text(b"HTTP"),
    ],
)
def test_malformed_connect(packet: bytes) -> None:
    """What is no CONNECT of 3.1.1 or 5 is refused in one way."""
    with pytest.raises(MalformedPacketError):
        parse_connect(packet)


def test_packet_in_pieces() -> None:
    """A packet is complete with its last byte, not before."""
    packet = connect(payload=text(b"test-1") + text(b"u") + text(b"p"))
    assert [is_complete(packet[:count]) for count in (1, 2, len(packet) - 1)] == [False, False, False]
    assert is_complete(packet)
    with pytest.raises(MalformedPacketError):
        is_complete(b"\x10\xff\xff\xff\xff\xff")


@pytest.mark.parametrize(("level", "expected"), [(MQTT_311, "20020005"), (MQTT_5, "2003008700")])
def test_refusal_in_the_clients_version(level: int, expected: str) -> None:
    """Not authorized is 5 in MQTT 3.1.1 and 135 in MQTT 5."""
    assert refusal(level).hex() == expected
