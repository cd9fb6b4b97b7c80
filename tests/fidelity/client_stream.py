"""The client's bytes of one TCP connection, as packets show them: which event each segment completes."""

from collections.abc import Iterator

from tests.fidelity.impairments import Event
from tests.fidelity.packets import SYN, Segment

_HANDSHAKE, _APPLICATION_DATA = 22, 23
_HEADER_BYTES = 5
# TLS 1.3: a Finished has at most 69 bytes, a close_notify 19 and a close frame 25; a request is longer (measured).
_MIN_REQUEST_BYTES, _MIN_CONNECT_BYTES = 100, 37
_MODULUS = 1 << 32


class ClientStream:
    """Follows the TLS records of a client, whose headers stay in clear (RFC 8446, section 5.1)."""

    def __init__(self) -> None:
        """Start before the SYN."""
        self._expected: int | None = None
        self._header = b""
        self._left = 0
        self._seen: set[Event] = set()

    def events(self, segment: Segment) -> Iterator[Event]:
        """Yield what a segment of the client completes for the first time; sent again it yields nothing."""
        if segment.flags & SYN:
            self._expected = (segment.sequence + 1) % _MODULUS
            yield from self._first(Event.START)
            return
        yield from self._first(Event.CONNECTED)
        known = ((self._expected or 0) - segment.sequence) % _MODULUS
        if self._expected is None or known >= len(segment.payload):
            return  # sent again; a gap cannot be, because every packet is seen before it is lost
        data = segment.payload[known:]
        self._expected = (self._expected + len(data)) % _MODULUS
        for kind, length in self._completed(data):
            event = self._event(kind, length)
            if event is not None:
                yield from self._first(event)

    def _first(self, event: Event) -> Iterator[Event]:
        if event not in self._seen:
            self._seen.add(event)
            yield event

    def _completed(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Yield content type and length of each record whose last byte is in `data`."""
        while data:
            if not self._left:
                missing = _HEADER_BYTES - len(self._header)
                self._header, data = self._header + data[:missing], data[missing:]
                if len(self._header) < _HEADER_BYTES:
                    return
                self._left = int.from_bytes(self._header[3:5])
            step = min(self._left, len(data))
            self._left, data = self._left - step, data[step:]
            if not self._left:
                yield self._header[0], int.from_bytes(self._header[3:5])
                self._header = b""

    def _event(self, kind: int, length: int) -> Event | None:
        if kind == _HANDSHAKE:
            return Event.HELLO
        if kind != _APPLICATION_DATA:
            return None
        if Event.REQUEST in self._seen:
            return Event.CONNECT if length >= _MIN_CONNECT_BYTES else None
        return Event.REQUEST if length >= _MIN_REQUEST_BYTES else None
