"""The first packet of a client, with SigV4 and with a custom authorizer."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import pytest

from infra.local.client.local_aws import LocalAws
from tests.local.gateway import DENIED, NAME, REFUSED, RIGHT, Gateway, policy, returns
from tests.local.mqtt_client import (
    CLOSE,
    MQTT_5,
    MQTT_311,
    PINGREQ,
    TEXT,
    Reply,
    connack_code,
    connect_packet,
    exchange,
    frame,
    open_websocket,
    packet,
    read_packet,
    read_status,
    text,
)
from tests.local.signer import PREFIX, Signer, user

ACCEPTED = Reply(status=101, code=0)
CLOSED = Reply(status=101, code=None)
DISCONNECT = b"\xe0\x00"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthPath:
    """One way to authenticate: the upgrade's query string, and the user name and password of the CONNECT."""

    query: Callable[[], str]
    credentials: Mapping[str, object]

    def connect(self, version: int = MQTT_5, client_id: str = "test-1") -> bytes:
        """Return the CONNECT that is accepted."""
        return connect_packet(version, client_id, **self.credentials)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def signer(aws: LocalAws) -> Signer:
    """A signer whose user may connect under the prefix."""
    return user(aws, "first-packet", ("Allow", "iot:Connect", PREFIX))


@pytest.fixture(scope="module", params=["signed", "authorizer"])
def auth(request: pytest.FixtureRequest, gateway: Gateway, signer: Signer) -> AuthPath:
    """SigV4, and a custom authorizer."""
    if request.param == "signed":
        return AuthPath(query=lambda: signer.query(gateway.aws.iot_endpoint), credentials={})
    name = gateway.create()
    script = json.dumps({"returns": RIGHT}).encode()
    credentials = {"username": f"user?{urlencode({NAME: name})}", "password": script}
    return AuthPath(query=lambda: "", credentials=credentials)


FIRST_PACKETS = {
    "ping": PINGREQ,
    "disconnect": DISCONNECT,
    "publish": packet(0x30, text(b"topic") + b"message"),
    "subscribe": packet(0x82, b"\x00\x01" + b"\x00" + text(b"topic") + b"\x00"),
    "connack": b"\x20\x02\x00\x00",
    "auth": b"\xf0\x00",
    "http": b"GET / HTTP/1.1\r\n\r\n",
    "endless-length": b"\x10\xff\xff\xff\xff\x01",
    "empty-connect": b"\x10\x00",
}


@pytest.mark.parametrize("case", FIRST_PACKETS)
def test_first_packet_that_is_no_connect(aws: LocalAws, auth: AuthPath, case: str) -> None:
    """If the first packet is not a CONNECT, the connection is closed without a CONNACK, even if a valid one follows."""
    assert exchange(aws, frame(FIRST_PACKETS[case]), frame(auth.connect()), query=auth.query()) == CLOSED
    assert exchange(aws, frame(auth.connect()), query=auth.query()) == ACCEPTED


def malformed(connect: bytes) -> Mapping[str, bytes]:
    """Return malformed CONNECT packets; the fixed header has two or three bytes."""
    head = 2 if connect[1] < 0x80 else 3
    level, flags = head + 6, head + 7
    return {
        "fixed-header-flags": b"\x11" + connect[1:],
        "another-protocol": connect.replace(text(b"MQTT"), text(b"MQTS")),
        "level-3": connect[:level] + b"\x03" + connect[level + 1 :],
        "level-6": connect[:level] + b"\x06" + connect[level + 1 :],
        "reserved-flag": connect[:flags] + bytes([connect[flags] | 0x01]) + connect[flags + 1 :],
        "will-quality-without-will": connect[:flags] + bytes([connect[flags] | 0x08]) + connect[flags + 1 :],
        "user-name-missing": connect[:flags] + bytes([connect[flags] ^ 0x80]) + connect[flags + 1 :],
        "client-id-no-utf8": connect.replace(b"test-1", b"test-\xff"),
        "client-id-with-null": connect.replace(b"test-1", b"test-\x00"),
    }


@pytest.mark.parametrize("case", malformed(connect_packet()))
def test_malformed_connect(aws: LocalAws, auth: AuthPath, case: str, version: int) -> None:
    """A malformed CONNECT closes the connection without a CONNACK."""
    assert exchange(aws, frame(malformed(auth.connect(version))[case]), query=auth.query()) == CLOSED


def test_connect_in_a_text_frame(aws: LocalAws, auth: AuthPath) -> None:
    """A CONNECT in a text frame is refused."""
    ascii_connect = connect_packet(MQTT_311)
    assert exchange(aws, frame(ascii_connect, TEXT), frame(auth.connect()), query=auth.query()) == CLOSED


def test_client_leaves_before_its_connect(aws: LocalAws, auth: AuthPath) -> None:
    """A client may close the connection before its CONNECT; the next one is served."""
    assert exchange(aws, frame(b"\x03\xe8", CLOSE), query=auth.query()) == CLOSED
    assert exchange(aws, frame(auth.connect()), query=auth.query()) == ACCEPTED


def test_connect_in_pieces(aws: LocalAws, auth: AuthPath, version: int) -> None:
    """A CONNECT may arrive in frames of one byte."""
    pieces = [frame(bytes([byte])) for byte in auth.connect(version)]
    assert exchange(aws, *pieces, query=auth.query()) == ACCEPTED


def test_connect_longer_than_128_kib(aws: LocalAws, auth: AuthPath) -> None:
    """A first packet longer than 128 KiB closes the connection."""
    large = packet(0x10, b"\x00" * 140_000)[:132_000]  # its end never comes
    pieces = [frame(large[start : start + 60_000]) for start in range(0, len(large), 60_000)]
    assert exchange(aws, *pieces, query=auth.query()) == CLOSED


@pytest.mark.parametrize("version_and_code", [(MQTT_5, 133), (MQTT_311, 2)], ids=["5", "3.1.1"])
def test_client_id_of_129_bytes(aws: LocalAws, auth: AuthPath, version_and_code: tuple[int, int]) -> None:
    """A client id has at most 128 bytes of UTF-8."""
    version, code = version_and_code
    refused = Reply(status=101, code=code)
    for client_id in ("test-".ljust(129, "a"), "test-" + "\u00e9" * 62):
        assert exchange(aws, frame(auth.connect(version, client_id)), query=auth.query()) == refused
    for client_id in ("test-".ljust(128, "a"), "test-a" + "\u00e9" * 61):
        assert exchange(aws, frame(auth.connect(version, client_id)), query=auth.query()) == ACCEPTED


def test_second_connect(aws: LocalAws, auth: AuthPath, version: int) -> None:
    """A second CONNECT, whose client id is not authorized, closes the connection."""
    second = connect_packet(version, "other-1")
    connection = open_websocket(aws, f"/mqtt?{auth.query()}")
    with connection, connection.makefile("rb") as stream:
        assert read_status(stream) == 101
        connection.sendall(frame(auth.connect(version)))
        assert connack_code(read_packet(stream)) == 0
        connection.sendall(frame(PINGREQ))
        assert read_packet(stream) == b"\xd0\x00"
        connection.sendall(frame(PINGREQ[:1]) + frame(PINGREQ[1:] + second[:3]) + frame(second[3:]))
        assert read_packet(stream) in {b"\xd0\x00", b""}
        assert read_packet(stream) == b""


def test_second_connect_in_the_same_frame(aws: LocalAws, auth: AuthPath) -> None:
    """Two CONNECT packets in one frame close the connection."""
    both = auth.connect() + connect_packet(MQTT_5, "other-1")
    assert exchange(aws, frame(both), query=auth.query()) == CLOSED


def test_signature_does_not_replace_a_named_authorizer(gateway: Gateway, signer: Signer, version: int) -> None:
    """A signed client that names an authorizer is authenticated by it too, in any placement."""
    aws, name = gateway.aws, gateway.create()
    for script, expected in ((returns(isAuthenticated=False), REFUSED[version]), (returns(), ACCEPTED)):
        password = json.dumps(script).encode()
        named = connect_packet(version, username=f"user?{urlencode({NAME: name})}", password=password)
        unnamed = connect_packet(version, username="user", password=password)
        assert exchange(aws, frame(named), query=signer.query(aws.iot_endpoint)) == expected
        query = signer.query(aws.iot_endpoint)
        assert exchange(aws, frame(unnamed), query=query, headers={NAME: name}) == expected


def test_authorizer_does_not_replace_a_signers_policy(gateway: Gateway, signer: Signer) -> None:
    """A client id needs the signer's policy even if a named authorizer allows every client id."""
    aws, name = gateway.aws, gateway.create()
    password = json.dumps(returns(policyDocuments=[policy(resource="*")])).encode()
    sent = connect_packet(MQTT_5, "other-1", username=f"user?{urlencode({NAME: name})}", password=password)
    assert exchange(aws, frame(sent), query=signer.query(aws.iot_endpoint)) == DENIED[MQTT_5]


@pytest.mark.parametrize(
    ("target", "protocol", "expected"),
    [
        ("/", "mqtt", 404),
        ("/mqtt/", "mqtt", 404),
        ("/mqtt", "chat", 400),
        ("/mqtt", "mqttv3.1", 400),
        ("/mqtt", "MQTT", 400),
        ("/mqtt", "chat, mqtt", 101),
    ],
)
def test_upgrade_that_is_not_mqtts(aws: LocalAws, target: str, protocol: str, expected: int) -> None:
    """An upgrade needs the path /mqtt and the subprotocol mqtt."""
    connection = open_websocket(aws, target, protocol=protocol)
    with connection, connection.makefile("rb") as stream:
        assert read_status(stream) == expected
