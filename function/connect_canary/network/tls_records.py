"""TLS record headers, which stay in clear (RFC 8446, section 5.1)."""

from collections.abc import Iterator

_PLAINTEXT_ALERT_BYTES = 2  # level, description
ALERT = 21
HANDSHAKE = 22
APPLICATION_DATA = 23
_HEADER_BYTES = 5
_TLS13_ALERT_BYTES = 19  # TLS 1.3: level, description, content type and 16 bytes of tag
_CONTENT_TYPES = range(20, 24)


def is_alert(kind: int, length: int) -> bool:
    """Return whether a record is an alert, such as close_notify."""
    return kind == ALERT or (kind == APPLICATION_DATA and length == _TLS13_ALERT_BYTES)


def is_tls(data: bytes) -> bool:
    """Return whether `data` can be the start of a TLS record (RFC 8446, section 5.1)."""
    return data[0] in _CONTENT_TYPES and data[1:2] in {b"", b"\x03"}


class RecordParser:
    """Parses the record framing of a byte stream that arrives in chunks."""

    def __init__(self) -> None:
        self._header = b""
        self._body = 0
        self.alert: int | None = None

    def headers(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Yield content type and length of each record whose header ends in `data`."""
        at = 0
        while at < len(data):
            if self._body:
                step = min(self._body, len(data) - at)
                self._body -= step
                at += step
                continue
            missing = self._bytes_needed - len(self._header)
            self._header += data[at : at + missing]
            at += missing
            if len(self._header) == self._bytes_needed:
                yield self._start_body()

    @property
    def is_between_records(self) -> bool:
        """Whether the last record has come in full."""
        return not self._header and not self._body

    @property
    def _bytes_needed(self) -> int:
        """How many bytes of a record are kept: its header, and all of an alert in clear."""
        alert = self._header[:1] == bytes([ALERT]) and self._header[3:5] == _PLAINTEXT_ALERT_BYTES.to_bytes(2)
        return _HEADER_BYTES + _PLAINTEXT_ALERT_BYTES if alert else _HEADER_BYTES

    def _start_body(self) -> tuple[int, int]:
        header, self._header = self._header, b""
        length = int.from_bytes(header[3:5])
        self._body = _HEADER_BYTES + length - len(header)
        if self._body == 0 and header[0] == ALERT and length:
            self.alert = header[-1]
        return header[0], length
