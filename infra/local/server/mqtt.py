"""Parses CONNECT packets and encodes CONNACK packets. Pure functions."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

MQTT_311 = 4
MQTT_5 = 5
CONNECT = 1
CONNACK = 2
MAX_CLIENT_ID_BYTES = 128

_RESERVED = 0x01
_WILL = 0x04
_WILL_OPTIONS = 0x38
_WILL_QOS_3 = 0x18
_PASSWORD = 0x40
_USERNAME = 0x80
_MORE_FOLLOWS = 0x80
_MAX_LENGTH_BYTES = 4
# The MQTT 5 properties of CONNECT and CONNACK by the size of their value (MQTT 5, table 2-4); 0 is length-prefixed.
_TEXT = 0
_USER_PROPERTY = 0x26
_PROPERTY_BYTES: Mapping[int, int] = {
    **dict.fromkeys((0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A), 1),
    **dict.fromkeys((0x13, 0x21, 0x22), 2),
    **dict.fromkeys((0x11, 0x27), 4),
    **dict.fromkeys((0x12, 0x15, 0x16, 0x1A, 0x1C, 0x1F, _USER_PROPERTY), _TEXT),
}


class MalformedPacketError(ValueError):
    """The bytes are not a valid CONNECT packet."""


class IncompletePacketError(MalformedPacketError):
    """The packet is longer than the bytes received so far."""


class Refusal(Enum):
    """Reason for refusing a CONNECT: its CONNACK codes in MQTT 3.1.1 and in MQTT 5."""

    NOT_AUTHORIZED = (0x05, 0x87)
    CLIENT_ID_INVALID = (0x02, 0x85)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectPacket:
    """The fields of a CONNECT packet that authentication and CONNACK use; `properties` are encoded."""

    protocol_level: int
    client_id: str
    username: str | None
    password: bytes | None
    keep_alive_s: int
    properties: bytes = b""


class _PacketReader:
    """Reads the fields of a packet in order."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        """Return the next `count` bytes, or raise `IncompletePacketError`."""
        end = self._at + count
        if end > len(self._data):
            raise IncompletePacketError("The CONNECT packet is cut short.")
        taken, self._at = self._data[self._at : end], end
        return taken

    def byte(self) -> int:
        return self.take(1)[0]

    def binary(self) -> bytes:
        return self.take(int.from_bytes(self.take(2), "big"))

    def text(self) -> str:
        try:
            text = self.binary().decode()
        except UnicodeDecodeError as error:
            raise MalformedPacketError("The CONNECT packet holds text that is not UTF-8.") from error
        if "\0" in text:
            raise MalformedPacketError("The CONNECT packet holds text with a null character.")
        return text

    def is_at_end(self) -> bool:
        return self._at == len(self._data)

    def length(self) -> int:
        """Return a variable byte integer."""
        value = 0
        for position in range(_MAX_LENGTH_BYTES):
            digit = self.byte()
            value |= (digit & ~_MORE_FOLLOWS) << (7 * position)
            if not digit & _MORE_FOLLOWS:
                return value
        raise MalformedPacketError("A length in the CONNECT packet does not end.")


def is_complete(data: bytes) -> bool:
    """Return whether `data` holds a complete packet; raise `MalformedPacketError` if it cannot be a CONNECT."""
    reader = _PacketReader(data)
    try:
        _check_type(reader.byte())
        reader.take(reader.length())
    except IncompletePacketError:
        return False
    return True


class PacketTypes:
    """Reads the type of each packet from a byte stream, which may be split anywhere."""

    def __init__(self) -> None:
        self._header = b""
        self._body_remaining = 0

    def feed(self, data: bytes) -> list[int]:
        """Return the types of the packets whose headers end in `data`; raise `MalformedPacketError` for a bad one."""
        types = []
        while data:
            skipped = min(self._body_remaining, len(data))
            self._body_remaining -= skipped
            self._header += data[skipped : skipped + 1]
            data = data[skipped + 1 :]
            length = _body_length(self._header)
            if length is not None:
                types.append(self._header[0] >> 4)
                self._header, self._body_remaining = b"", length
        return types


def _body_length(header: bytes) -> int | None:
    reader = _PacketReader(header)
    try:
        reader.byte()
        return reader.length()
    except IncompletePacketError:
        return None


def parse_connect(packet: bytes) -> ConnectPacket:
    """Parse a CONNECT packet of MQTT 3.1.1 or 5, or raise `MalformedPacketError`."""
    outer = _PacketReader(packet)
    _check_type(outer.byte())
    reader = _PacketReader(outer.take(outer.length()))
    if reader.text() != "MQTT":
        raise MalformedPacketError("The CONNECT packet is not MQTT's.")
    level, flags, keep_alive = reader.byte(), reader.byte(), reader.take(2)
    _check_level_and_flags(level, flags)
    properties = _properties(reader, level)
    client_id = reader.text()
    if flags & _WILL:
        _properties(reader, level)
        reader.text()
        reader.binary()
    connect = ConnectPacket(
        protocol_level=level,
        client_id=client_id,
        username=reader.text() if flags & _USERNAME else None,
        password=reader.binary() if flags & _PASSWORD else None,
        keep_alive_s=int.from_bytes(keep_alive, "big"),
        properties=properties,
    )
    if not reader.is_at_end():
        raise MalformedPacketError("The CONNECT packet is longer than its fields.")
    return connect


def _check_type(first_byte: int) -> None:
    if first_byte != CONNECT << 4:
        raise MalformedPacketError("The first packet is not a CONNECT.")


def _check_level_and_flags(level: int, flags: int) -> None:
    """Raise `MalformedPacketError` for a version or flags that the broker might interpret differently."""
    if level not in {MQTT_311, MQTT_5}:
        raise MalformedPacketError(f"MQTT level {level} is neither 3.1.1 nor 5.")
    if flags & _RESERVED or flags & _WILL_QOS_3 == _WILL_QOS_3:
        raise MalformedPacketError("The CONNECT packet's flags hold a reserved value.")
    if flags & _WILL_OPTIONS and not flags & _WILL:
        raise MalformedPacketError("The CONNECT packet's flags describe a will that it lacks.")
    if level == MQTT_311 and flags & _PASSWORD and not flags & _USERNAME:
        raise MalformedPacketError("The CONNECT packet has a password without a user name.")


def _properties(reader: _PacketReader, level: int) -> bytes:
    return reader.take(reader.length()) if level == MQTT_5 else b""


def read_properties(encoded: bytes) -> dict[int, bytes]:
    """Return the values of a CONNECT's or CONNACK's properties, or raise `MalformedPacketError`."""
    reader, values = _PacketReader(encoded), {}
    while not reader.is_at_end():
        identifier = reader.byte()
        if identifier not in _PROPERTY_BYTES:
            raise MalformedPacketError(f"Property {identifier} is neither CONNECT's nor CONNACK's.")
        size = _PROPERTY_BYTES[identifier]
        values[identifier] = reader.take(size) if size != _TEXT else reader.binary()
        if identifier == _USER_PROPERTY:
            reader.binary()
    return values


def connack(protocol_level: int, refusal: Refusal) -> bytes:
    """Return the CONNACK packet of a refusal in the client's MQTT version."""
    code_311, code_5 = refusal.value
    if protocol_level == MQTT_5:
        return bytes([CONNACK << 4, 3, 0, code_5, 0])
    return bytes([CONNACK << 4, 2, 0, code_311])
