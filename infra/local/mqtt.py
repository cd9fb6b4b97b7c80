"""The few MQTT packets the front door must understand: CONNECT in, CONNACK out; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MQTT_311: Final = 4
MQTT_5: Final = 5
NOT_AUTHORIZED_311: Final = 0x05
NOT_AUTHORIZED_5: Final = 0x87

_CONNECT: Final = 1
_CONNACK: Final = 2
_WILL: Final = 0x04
_PASSWORD: Final = 0x40
_USERNAME: Final = 0x80
_MORE_FOLLOWS: Final = 0x80
_MAX_LENGTH_BYTES: Final = 4


class MalformedPacketError(ValueError):
    """The bytes are not the CONNECT packet that a client must send first."""


class IncompletePacketError(MalformedPacketError):
    """The packet is longer than the bytes at hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connect:
    """What a client says of itself in its first packet."""

    protocol_level: int
    client_id: str
    username: str | None
    password: bytes | None


class _Reader:
    """Reads MQTT's fields one after another."""

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
            return self.binary().decode()
        except UnicodeDecodeError as error:
            raise MalformedPacketError("The CONNECT packet holds text that is not UTF-8.") from error

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
    """Tell whether `data` holds one whole packet; a length that never ends raises."""
    reader = _Reader(data)
    try:
        reader.byte()
        reader.take(reader.length())
    except IncompletePacketError:
        return False
    return True


def parse_connect(packet: bytes) -> Connect:
    """Parse a CONNECT packet of MQTT 3.1.1 or 5, or raise `MalformedPacketError`."""
    outer = _Reader(packet)
    if outer.byte() >> 4 != _CONNECT:
        raise MalformedPacketError("The first packet is not a CONNECT.")
    reader = _Reader(outer.take(outer.length()))
    if reader.text() != "MQTT":
        raise MalformedPacketError("The CONNECT packet is not MQTT's.")
    level, flags, _keep_alive = reader.byte(), reader.byte(), reader.take(2)
    if level not in {MQTT_311, MQTT_5}:
        raise MalformedPacketError(f"MQTT level {level} is neither 3.1.1 nor 5.")
    _skip_properties(reader, level)
    client_id = reader.text()
    if flags & _WILL:
        _skip_properties(reader, level)
        reader.binary()
        reader.binary()
    return Connect(
        protocol_level=level,
        client_id=client_id,
        username=reader.text() if flags & _USERNAME else None,
        password=reader.binary() if flags & _PASSWORD else None,
    )


def _skip_properties(reader: _Reader, level: int) -> None:
    if level == MQTT_5:
        reader.take(reader.length())


def refusal(protocol_level: int) -> bytes:
    """Return the CONNACK that says "not authorized" in the client's version."""
    if protocol_level == MQTT_5:
        return bytes([_CONNACK << 4, 3, 0, NOT_AUTHORIZED_5, 0])
    return bytes([_CONNACK << 4, 2, 0, NOT_AUTHORIZED_311])
