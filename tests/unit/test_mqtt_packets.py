"""CONNECT and CONNACK byte by byte, as MQTT 3.1.1 and 5 define them (sections 3.1 and 3.2)."""

from concurrent.futures import Future

import pytest

from connect_canary.model.mqtt import MqttVersion
from connect_canary.probe.auth.connect_auth import ConnectAuth
from connect_canary.probe.mqtt_packets import connack_code, encode_connect, is_complete, is_connack_311

V5, V3_1_1 = MqttVersion.V5, MqttVersion.V3_1_1


def _auth(username: str | None = None, password: bytes | None = None) -> ConnectAuth:
    """Return what adds user name and password to a CONNECT."""
    return ConnectAuth(sign=lambda _request: Future(), username=username, password=password)


@pytest.mark.parametrize(
    ("version", "auth", "packet"),
    [
        (V5, _auth(), b"\x10\x0f\0\x04MQTT\x05\x02\0\x3c\0\0\x02id"),
        (V5, _auth("u"), b"\x10\x12\0\x04MQTT\x05\x82\0\x3c\0\0\x02id\0\x01u"),
        (V5, _auth(None, b"\xff"), b"\x10\x12\0\x04MQTT\x05\x42\0\x3c\0\0\x02id\0\x01\xff"),
        (V5, _auth("u", b""), b"\x10\x14\0\x04MQTT\x05\xc2\0\x3c\0\0\x02id\0\x01u\0\0"),
        (V3_1_1, _auth(), b"\x10\x0e\0\x04MQTT\x04\x02\0\x3c\0\x02id"),
        (V3_1_1, _auth("ü", b"pw"), b"\x10\x16\0\x04MQTT\x04\xc2\0\x3c\0\x02id\0\x02\xc3\xbc\0\x02pw"),
        (V3_1_1, _auth(None, b"pw"), b"\x10\x0e\0\x04MQTT\x04\x02\0\x3c\0\x02id"),
    ],
    ids=["nothing", "user name", "password", "empty password", "3.1.1", "3.1.1 both", "3.1.1 password alone"],
)
def test_connect(version: MqttVersion, auth: ConnectAuth, packet: bytes) -> None:
    """Clean session, a minute of keep-alive, and what there is; 3.1.1 has no password without a user name."""
    assert encode_connect(version, "id", auth) == packet


@pytest.mark.parametrize(
    ("length", "encoded"),
    [(127, b"\x7f"), (128, b"\x80\x01"), (16_383, b"\xff\x7f"), (16_384, b"\x80\x80\x01"), (40_000, b"\xc0\xb8\x02")],
)
def test_remaining_length(length: int, encoded: bytes) -> None:
    """Seven bits a byte, the lowest first."""
    packet = encode_connect(V5, "x" * (length - 13), _auth())
    assert packet[1 : 1 + len(encoded)] == encoded
    assert len(packet) == 1 + len(encoded) + length


@pytest.mark.parametrize(
    ("received", "complete", "code"),
    [
        (b"\x20\x02\0\0", True, 0),
        (b"\x20\x02\x01\x05", True, 5),
        (b"\x20\x03\0\x87\0", True, 0x87),
        (b"\x20\x03\0\x87", False, None),
        (b"\x20\x03\0\x87\0\0", True, None),
        (b"\x20\x01\0", True, None),
        (b"\x20", False, None),
        (b"\x20\xff\xff\xff", False, None),
        (b"\x20\xff\xff\xff\xff", True, None),
        (b"\x20\x80\x80\x80\x01", False, None),
        (b"", True, None),
        (b"\x30\x02\0\0", True, None),
    ],
)
def test_connack(received: bytes, *, complete: bool, code: int | None) -> None:
    """The code is the fourth byte of a whole CONNACK; another packet can no longer become one."""
    assert is_complete(received) is complete
    assert (connack_code(received) if complete else None) == code


@pytest.mark.parametrize(
    ("packet", "is_311"),
    [
        (b"\x20\x02\0\0", True),
        (b"\x20\x02\0\x01", True),
        (b"\x20\x03\0\x84\0", False),
        (b"\x20\x02\0\x01\0", False),
        (b"\x20\x02\0", False),
        (b"\x30\x02\0\0", False),
    ],
)
def test_connack_of_mqtt_3_1_1(packet: bytes, *, is_311: bool) -> None:
    """MQTT 5 always has at least the length of its properties."""
    assert is_connack_311(packet) is is_311
