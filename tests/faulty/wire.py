"""The bytes of WebSocket (RFC 6455) and of MQTT 3.1.1 and 5, read and written, valid or invalid; no I/O."""

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass

MQTT_311, MQTT_5 = 4, 5
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
CONNECT, CONNACK, PUBLISH, SUBACK, PINGRESP, DISCONNECT, AUTH = 1, 2, 3, 9, 13, 14, 15
REASON_STRING, USER_PROPERTY = 0x1F, 0x26
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_FIN, _MASKED, _TWO_BYTES, _EIGHT_BYTES = 0x80, 0x80, 126, 127
_WILL, _PASSWORD, _USERNAME = 0x04, 0x40, 0x80
_MORE = 0x80
_LENGTH_BYTES = 4


class MalformedError(ValueError):
    """The client's bytes are not what the protocol allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectPacket:
    """The fields of a client's CONNECT."""

    level: int
    client_id: str
    username: str | None
    password: bytes | None
    clean_start: bool
    keep_alive_s: int


def accept_key(key: str) -> str:
    """Return the Sec-WebSocket-Accept for a Sec-WebSocket-Key."""
    return b64encode(hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()).decode()


def frame(  # noqa: PLR0913 - each is a field of a frame
    payload: bytes,
    *,
    opcode: int = BINARY,
    fin: bool = True,
    reserved: int = 0,
    mask: bytes | None = None,
    length: int | None = None,
) -> bytes:
    """Return a frame as a server sends it; `reserved`, `mask` and `length` make it an invalid one."""
    size = len(payload) if length is None else length
    masked = 0 if mask is None else _MASKED
    head = bytes([(_FIN if fin else 0) | reserved << 4 | opcode])
    if size < _TWO_BYTES:
        head += bytes([masked | size])
    elif size < 1 << 16:
        head += bytes([masked | _TWO_BYTES]) + size.to_bytes(2, "big")
    else:
        head += bytes([masked | _EIGHT_BYTES]) + size.to_bytes(8, "big")
    return head + (payload if mask is None else mask + unmask(payload, mask))


def unmask(payload: bytes, mask: bytes) -> bytes:
    """Apply or remove a mask."""
    return bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


class Frames:
    """Parses a client's frames from a stream of chunks."""

    def __init__(self) -> None:
        """Begin with nothing received."""
        self._data = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield opcode and payload of each complete frame."""
        self._data += data
        while (taken := self._take()) is not None:
            yield taken

    def _take(self) -> tuple[int, bytes] | None:
        data = self._data
        if len(data) < 2:
            return None
        size, at = data[1] & 0x7F, 2
        if size >= _TWO_BYTES:
            width = 2 if size == _TWO_BYTES else 8
            size, at = int.from_bytes(data[2 : 2 + width], "big"), 2 + width
        if not data[1] & _MASKED:
            raise MalformedError("a client must mask its frames")
        if len(data) < at + 4 + size:
            return None
        mask, payload = data[at : at + 4], data[at + 4 : at + 4 + size]
        self._data = data[at + 4 + size :]
        return data[0] & 0x0F, unmask(payload, mask)


class Packets:
    """Parses a client's MQTT packets from a stream of chunks."""

    def __init__(self) -> None:
        """Begin with nothing received."""
        self._data = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield type and body of each complete packet."""
        self._data += data
        while (taken := self._take()) is not None:
            yield taken

    def _take(self) -> tuple[int, bytes] | None:
        size = 0
        for position, digit in enumerate(self._data[1 : 1 + _LENGTH_BYTES]):
            size |= (digit & ~_MORE) << 7 * position
            if digit & _MORE:
                continue
            begins = 2 + position
            if len(self._data) < begins + size:
                return None
            kind, body = self._data[0] >> 4, self._data[begins : begins + size]
            self._data = self._data[begins + size :]
            return kind, body
        return None


class _Fields:
    """Reads MQTT's fields one after another."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, count: int) -> bytes:
        if self._at + count > len(self._data):
            raise MalformedError("the packet is cut short")
        self._at += count
        return self._data[self._at - count : self._at]

    def number(self, width: int) -> int:
        return int.from_bytes(self.take(width), "big")

    def binary(self) -> bytes:
        return self.take(self.number(2))

    def skip_properties(self, level: int) -> None:
        if level != MQTT_5:
            return
        size = shift = 0
        while (digit := self.number(1)) & _MORE:
            size |= (digit & ~_MORE) << shift
            shift += 7
        self.take(size | digit << shift)


def parse_connect(body: bytes) -> ConnectPacket:
    """Read a CONNECT of either version; raise MalformedError."""
    fields = _Fields(body)
    name, level, flags, keep_alive = fields.binary(), fields.number(1), fields.number(1), fields.number(2)
    if name != b"MQTT" or level not in {MQTT_311, MQTT_5}:
        raise MalformedError(f"protocol {name!r} level {level}")
    fields.skip_properties(level)
    client_id = fields.binary().decode()
    if flags & _WILL:
        fields.skip_properties(level)
        fields.binary()
        fields.binary()
    return ConnectPacket(
        level=level,
        client_id=client_id,
        username=fields.binary().decode() if flags & _USERNAME else None,
        password=fields.binary() if flags & _PASSWORD else None,
        clean_start=bool(flags & 0x02),
        keep_alive_s=keep_alive,
    )


def variable(number: int) -> bytes:
    """Return a variable byte integer."""
    encoded = b""
    while True:
        number, digit = number >> 7, number & 0x7F
        encoded += bytes([digit | (_MORE if number else 0)])
        if not number:
            return encoded


def packet(kind: int, body: bytes = b"", *, flags: int = 0, length: int | None = None) -> bytes:
    """Return a packet; another `length` makes it an invalid one."""
    return bytes([kind << 4 | flags]) + variable(len(body) if length is None else length) + body


def text(value: str) -> bytes:
    """Return a length-prefixed string."""
    encoded = value.encode()
    return len(encoded).to_bytes(2, "big") + encoded


def connack(level: int, code: int = 0, *, flags: int = 0, properties: bytes = b"") -> bytes:
    """Return the CONNACK of one version; `properties` travel in version 5 only."""
    encoded = variable(len(properties)) + properties if level == MQTT_5 else b""
    return packet(CONNACK, bytes([flags, code]) + encoded)
