"""The CONNACK of an accepted client on the local AWS, beside the one of MiniStack's broker that it is made from."""

import pytest

from infra.local.server.accepted_connack import as_aws
from infra.local.server.mqtt import ConnectPacket, MalformedPacketError, read_properties

# What AWS IoT Core always says: its limits for publishing and packets, what it has, and a keep-alive of 60 s.
PROPERTIES = {
    0x21: (100).to_bytes(2, "big"),
    0x22: (8).to_bytes(2, "big"),
    0x24: b"\x01",
    0x25: b"\x01",
    0x27: (131_072).to_bytes(4, "big"),
    0x28: b"\x01",
    0x29: b"\x00",
    0x13: (60).to_bytes(2, "big"),
}
OF_BROKER = b"\x24\x01\x25\x01\x22\x00\x00\x29\x00\x2a\x00"
ASSIGNED = b"\x12\x00\x02ab"


def connack(properties: bytes = OF_BROKER, *, code: int = 0, session_present: int = 0) -> bytes:
    """Return the broker's CONNACK to an MQTT 5 client."""
    return bytes([0x20, 3 + len(properties), session_present, code, len(properties)]) + properties


def connect(*, level: int = 5, keep_alive_s: int = 60, properties: bytes = b"") -> ConnectPacket:
    """Return what a client said in its CONNECT."""
    return ConnectPacket(
        protocol_level=level,
        client_id="test-1",
        username=None,
        password=None,
        keep_alive_s=keep_alive_s,
        properties=properties,
    )


def properties_of(packet: bytes) -> dict[int, bytes]:
    """Return the properties of a CONNACK whose lengths are right."""
    assert (packet[0], packet[1], packet[4]) == (0x20, len(packet) - 2, len(packet) - 5)
    return read_properties(packet[5:])


@pytest.mark.parametrize("session_present", [0, 1])
def test_accepted_client_has_the_properties_of_aws(session_present: int) -> None:
    """They replace the broker's, which has no topic aliases and no shared subscriptions; the flag stays."""
    made = as_aws(connack(session_present=session_present), connect())
    assert properties_of(made) == PROPERTIES
    assert made[2:4] == bytes([session_present, 0])


def test_assigned_client_id_is_kept() -> None:
    """A client without an id learns the broker's choice."""
    assert properties_of(as_aws(connack(ASSIGNED + OF_BROKER), connect())) == PROPERTIES | {0x12: b"ab"}


@pytest.mark.parametrize(
    ("asked_s", "assigned_s"), [(0, 1200), (1, 30), (29, 30), (30, 30), (1200, 1200), (1201, 1200), (65_535, 1200)]
)
def test_keep_alive(asked_s: int, assigned_s: int) -> None:
    """The server's keep-alive is 30 to 1200 seconds, and 1200 for a client that wants none."""
    made = as_aws(connack(), connect(keep_alive_s=asked_s))
    assert int.from_bytes(properties_of(made)[0x13], "big") == assigned_s


@pytest.mark.parametrize(("asked_s", "told"), [(0, False), (3600, False), (3601, True), (0xFFFF_FFFF, True)])
def test_session_expiry(asked_s: int, *, told: bool) -> None:
    """A session expiry of more than an hour is cut down, and the client is told."""
    made = as_aws(connack(), connect(properties=b"\x21\x00\x09\x11" + asked_s.to_bytes(4, "big")))
    assert properties_of(made) == PROPERTIES | ({0x11: (3600).to_bytes(4, "big")} if told else {})


@pytest.mark.parametrize("packet", [b"\x20\x02\x00\x00", b"\x20\x02\x01\x00"])
def test_connack_of_mqtt_311_is_the_brokers(packet: bytes) -> None:
    """MQTT 3.1.1 has no properties."""
    assert as_aws(packet, connect(level=4)) == packet


@pytest.mark.parametrize(
    "packet", [connack(b"", code=0x87), b"\xd0\x00", b"\xe0\x02\x8e\x00", b"\x30\x05\x00\x01a\x00b"]
)
def test_other_packets_are_the_brokers(packet: bytes) -> None:
    """A refusal, a response to a ping, the end and a message stay as they are."""
    assert as_aws(packet, connect()) == packet


# MQTT 5.0, table 2-4: the properties of CONNECT and CONNACK by how their value is encoded.
ENCODED = {
    b"\x01": (0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A),
    b"\x00\x05": (0x13, 0x21, 0x22),
    b"\x00\x00\x01\x00": (0x11, 0x27),
    b"\x00\x01m": (0x12, 0x15, 0x16, 0x1A, 0x1C, 0x1F),
    b"\x00\x01k\x00\x01v": (0x26,),
}
KINDS = [(identifier, value) for value, identifiers in ENCODED.items() for identifier in identifiers]


@pytest.mark.parametrize(("identifier", "value"), KINDS)
def test_property_of_every_kind(identifier: int, value: bytes) -> None:
    """A byte, integers, texts and pairs of texts are read, and over to the next property."""
    encoded = bytes([identifier]) + value
    assert read_properties(encoded + b"\x2a\x00").keys() == {identifier, 0x2A}
    if identifier != 0x26:
        assert read_properties(encoded)[identifier] in (value, value[2:])


def test_no_other_property() -> None:
    """Those of other packets, and numbers that are none, are refused."""
    others = set(range(256)) - {identifier for identifier, _ in KINDS}
    for identifier in others:
        with pytest.raises(MalformedPacketError, match=f"Property {identifier} is neither"):
            read_properties(bytes([identifier, 0, 0, 0, 0]))
    assert read_properties(b"") == {}


@pytest.mark.parametrize("encoded", [b"\x01\x00", b"\x78", b"\x11\x00", b"\x26\x00\x01k", b"\x15\x00"])
def test_malformed_properties(encoded: bytes) -> None:
    """A property of another packet, an unknown one and one that is cut short are refused."""
    with pytest.raises(MalformedPacketError):
        read_properties(encoded)
