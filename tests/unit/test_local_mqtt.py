"""The local device gateway's MQTT packets: parsing CONNECT, encoding CONNACK."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.server.mqtt import (
    MQTT_5,
    MQTT_311,
    ConnectPacket,
    MalformedPacketError,
    PacketTypes,
    Refusal,
    connack,
    is_complete,
    parse_connect,
)


def text(value: bytes) -> bytes:
    """Return a length-prefixed field."""
    return len(value).to_bytes(2, "big") + value


def length(count: int) -> bytes:
    """Return a variable byte integer, as the MQTT specification's example encodes it."""
    encoded = b""
    while count >= 128:
        encoded, count = encoded + bytes([count % 128 + 128]), count // 128
    return encoded + bytes([count])


def packet(body: bytes, first_byte: int = 0x10) -> bytes:
    """Return a packet with this body."""
    return bytes([first_byte]) + length(len(body)) + body


def connect(
    payload: bytes, *, level: int = MQTT_5, flags: int = 0x02, protocol: bytes = b"MQTT", properties: bytes = b"\x00"
) -> bytes:
    """Return a CONNECT packet; only MQTT 5 has properties."""
    head = text(protocol) + bytes([level, flags, 0, 60])
    return packet(head + (properties if level == MQTT_5 else b"") + payload)


def said(level: int, client_id: str, username: str | None, password: bytes | None) -> ConnectPacket:
    """Return the fields of a CONNECT without properties."""
    return ConnectPacket(
        protocol_level=level, client_id=client_id, username=username, password=password, keep_alive_s=60
    )


@pytest.mark.parametrize("level", [MQTT_311, MQTT_5])
def test_connect_with_binary_password(level: int) -> None:
    """Client id, user name and a binary password are parsed in both versions."""
    read = parse_connect(connect(text(b"test-1") + text(b"user?a=b") + text(b"\x00\xff"), level=level, flags=0xC2))
    assert read == said(level, "test-1", "user?a=b", b"\x00\xff")


@pytest.mark.parametrize("level", [MQTT_311, MQTT_5])
def test_connect_with_client_id_only(level: int) -> None:
    """A missing user name or password is None, an empty one is not."""
    read = parse_connect(connect(text(b"test-1"), level=level))
    assert read == said(level, "test-1", None, None)
    read = parse_connect(connect(text(b"") + text(b"") + text(b""), level=level, flags=0xC2))
    assert read == said(level, "", "", b"")


def test_password_without_user_name() -> None:
    """MQTT 5 allows a password alone, 3.1.1 does not."""
    payload = text(b"test-1") + text(b"secret")
    assert parse_connect(connect(payload, flags=0x42)).password == b"secret"
    with pytest.raises(MalformedPacketError, match="without a user name"):
        parse_connect(connect(payload, level=MQTT_311, flags=0x42))


@pytest.mark.parametrize("flags", [0x86, 0x8E, 0x96, 0xB6])
@pytest.mark.parametrize("level", [MQTT_311, MQTT_5])
def test_connect_with_will(level: int, flags: int) -> None:
    """A will with any QoS, retained or not, is skipped."""
    properties = b"\x02\x01\x00" if level == MQTT_5 else b""
    payload = text(b"test-1") + properties + text(b"topic") + text(b"message\xff") + text(b"user")
    read = parse_connect(connect(payload, level=level, flags=flags))
    assert (read.client_id, read.username, read.password) == ("test-1", "user", None)


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16_383, 16_384, 65_535])
def test_connect_of_any_length(size: int) -> None:
    """Lengths of the packet and its properties may have one, two or three bytes."""
    payload = text(b"test-1") + text(b"u") + text(b"p" * size)
    sent = connect(payload, flags=0xC2, properties=length(size) + b"x" * size)
    assert parse_connect(sent).password == b"p" * size
    assert parse_connect(sent).properties == b"x" * size
    assert is_complete(sent)
    assert not is_complete(sent[:-1])


ONE = text(b"a")
MALFORMED = {
    "empty": (b"", "cut short"),
    "header-only": (b"\x10", "cut short"),
    "connack": (b"\x20\x02\x00\x00", "not a CONNECT"),
    "fixed-header-flags": (b"\x11" + connect(ONE)[1:], "not a CONNECT"),
    "endless-length": (b"\x10\xff\xff\xff\xff\x01", "does not end"),
    "another-protocol": (connect(ONE, protocol=b"HTTP"), "not MQTT's"),
    "old-protocol-name": (connect(ONE, protocol=b"MQIsdp"), "not MQTT's"),
    "level-3": (connect(ONE, level=3), "level 3"),
    "level-6": (connect(ONE, level=6), "level 6"),
    "reserved-flag": (connect(ONE, flags=0x03), "reserved"),
    "will-of-quality-3": (connect(ONE + b"\x00" + ONE + ONE, flags=0x1E), "reserved"),
    "will-quality-1-without-will": (connect(ONE, flags=0x0A), "a will"),
    "will-quality-2-without-will": (connect(ONE, flags=0x12), "a will"),
    "will-retained-without-will": (connect(ONE, flags=0x22), "a will"),
    "no-client-id": (connect(b""), "cut short"),
    "client-id-cut": (connect(b"\x00\x02a"), "cut short"),
    "client-id-no-utf8": (connect(text(b"\xff")), "not UTF-8"),
    "client-id-surrogate": (connect(text(b"\xed\xa0\x80")), "not UTF-8"),
    "client-id-with-null": (connect(text(b"a\x00b")), "null character"),
    "user-name-missing": (connect(ONE, flags=0x82), "cut short"),
    "user-name-no-utf8": (connect(ONE + text(b"\xff"), flags=0x82), "not UTF-8"),
    "password-missing": (connect(ONE + ONE, flags=0xC2), "cut short"),
    "will-message-missing": (connect(ONE + b"\x00" + ONE, flags=0x06), "cut short"),
    "properties-cut": (connect(ONE, properties=b"\x7f"), "cut short"),
    "byte-too-many": (connect(ONE + b"\x00"), "longer than its fields"),
    "field-too-many": (connect(ONE + ONE), "longer than its fields"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_connect(case: str) -> None:
    """A malformed CONNECT raises an error with the reason."""
    sent, reason = MALFORMED[case]
    with pytest.raises(MalformedPacketError, match=reason):
        parse_connect(sent)


@given(st.binary(max_size=64))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    """Any bytes after the first are parsed or raise MalformedPacketError."""
    try:
        read = parse_connect(packet(body))
    except MalformedPacketError:
        return
    assert body[:6] == text(b"MQTT")
    assert read.protocol_level in {MQTT_311, MQTT_5}


def test_packet_in_pieces() -> None:
    """A packet is complete from its last byte on."""
    sent = connect(text(b"test-1") + text(b"u") + text(b"p"), flags=0xC2)
    assert [is_complete(sent[:count]) for count in range(len(sent))] == [False] * len(sent)
    assert is_complete(sent)
    assert is_complete(sent + b"\xc0\x00")


@pytest.mark.parametrize("sent", [b"\xc0", b"\x11", b"G", b"\x10\xff\xff\xff\xff"])
def test_packet_that_cannot_become_a_connect(sent: bytes) -> None:
    """Bytes that cannot become a CONNECT raise before the packet is complete."""
    with pytest.raises(MalformedPacketError):
        is_complete(sent)


PACKETS = st.lists(st.tuples(st.integers(0, 15), st.sampled_from([0, 1, 2, 127, 128, 300, 16_384])), max_size=5)


@given(packets=PACKETS, cuts=st.lists(st.integers(0, 700), max_size=8))
def test_types_of_packets_however_divided(packets: list[tuple[int, int]], cuts: list[int]) -> None:
    """Each packet's type is returned once and in order, wherever the stream is split."""
    stream = b"".join(packet(bytes([0x10]) * size, kind << 4) for kind, size in packets)
    bounds = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    types = PacketTypes()
    kinds = [kind for start, end in pairwise(bounds) for kind in types.feed(stream[start:end])]
    assert kinds == [kind for kind, _ in packets]


def test_type_is_known_before_the_packet_ends() -> None:
    """A packet's type is returned at the last byte of its header, without its flags."""
    types = PacketTypes()
    assert [types.feed(bytes([byte])) for byte in b"\x1f\x80\x01"] == [[], [], [1]]


def test_type_of_a_packet_whose_length_does_not_end() -> None:
    """A malformed length raises, because packets cannot be separated any more."""
    with pytest.raises(MalformedPacketError):
        PacketTypes().feed(b"\x30\xff\xff\xff\xff")


@pytest.mark.parametrize(
    ("refusal", "level", "expected"),
    [
        (Refusal.NOT_AUTHORIZED, MQTT_311, "20020005"),
        (Refusal.NOT_AUTHORIZED, MQTT_5, "2003008700"),
        (Refusal.CLIENT_ID_INVALID, MQTT_311, "20020002"),
        (Refusal.CLIENT_ID_INVALID, MQTT_5, "2003008500"),
    ],
)
def test_refusal_in_the_clients_version(refusal: Refusal, level: int, expected: str) -> None:
    """Not authorized is 5 in MQTT 3.1.1 and 135 in MQTT 5; a bad client id is 2 and 133."""
    assert connack(level, refusal).hex() == expected
