"""Flights: which phase a connection is in, told by the headers of the TLS records that pass.

TLS, upgrade and CONNECT go strictly turn by turn, so the record headers of the client's flights, which stay in clear
(RFC 8446, section 5.1), tell where each phase ends. What is in the records stays encrypted.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from connect_canary.dialling import AddressInfo, DialError
from connect_canary.failures import Phase

_ALERT, _APPLICATION_DATA = 21, 23
_RECORD_HEADER = 5
_RECORD_TYPE_AND_VERSION = 2  # only the version's first byte, which is 3 in every version of TLS
_PLAINTEXT_ALERT = 2  # level, description
# A TLS 1.3 Finished travels as application data, 4 + 48 (SHA-384) + 1 + 16 bytes at most; no request is so short.
_LONGEST_FINISHED = 69
# Between the upgrade request and the CONNECT a client may only end: a close_notify is 19 bytes, a close frame 25.
_SHORTEST_CONNECT = 37
# s2n splits what is longer into records of 8,087 bytes and their seal (measured): after one of them more follows.
_FULL_RECORD = 8087
_SEALED_ALERT = 19  # TLS 1.3: level, description, content type and 16 bytes of tag
_CONTENT_TYPES = range(20, 24)
_AFTER_UPGRADE = {Phase.CONNACK, Phase.DISCONNECT}
_AFTER_TLS = {Phase.UPGRADE, Phase.CONNACK, Phase.DISCONNECT}
# The SDK reads an endless answer for ever and grows by 200 MB a second (measured); an honest one has some kilobytes.
_MOST_RECEIVED = 1 << 20


@dataclass(slots=True)
class Trace:
    """When each phase began (seconds, `time.perf_counter`), where things stand, and what the wire showed."""

    began: dict[Phase, float] = field(default_factory=dict)
    phase: Phase | None = None
    error: DialError | None = None
    address: AddressInfo | None = None
    endpoint_closed: str | None = None
    client_started: bool = False
    client_ended: bool = False
    alert: int | None = None

    def enter(self, phase: Phase) -> None:
        """Stamp the beginning of `phase`, which ends the one before it."""
        self.began[phase] = time.perf_counter()
        self.phase = phase

    def phases_ms(self, until: float) -> dict[str, float]:
        """Return the duration of each phase in milliseconds; the last one ends at `until`."""
        starts = [*self.began.values(), until]
        return {str(phase): (starts[i + 1] - starts[i]) * 1000 for i, phase in enumerate(self.began)}


class Flights:
    """Keeps a trace by what the client and the endpoint send; says when it is over."""

    def __init__(self, trace: Trace, *, stop: Callable[[DialError], None], ended: Callable[[], None]) -> None:
        self._trace, self._stop, self._ended = trace, stop, ended
        self._client, self._endpoint = _Records(), _Records()
        self._answered = False
        self._may_have_closed = False
        self._request_goes_on = False
        self._received = 0
        self._beginning = b""

    def client_sent(self, data: bytes) -> None:
        """Look at bytes from the client before they are carried on."""
        trace = self._trace
        trace.client_started = True
        for kind, length in self._client.headers(data):
            if trace.phase is Phase.TLS and kind == _APPLICATION_DATA and length > _LONGEST_FINISHED:
                trace.enter(Phase.UPGRADE)
                self._request_continues(length)
            elif trace.phase is Phase.UPGRADE and self._request_goes_on:
                self._request_continues(length)
            elif trace.phase is Phase.UPGRADE and self._answered and _can_be_connect(kind, length):
                trace.enter(Phase.CONNACK)
                self._answered = False
            elif trace.phase is Phase.DISCONNECT and not trace.client_ended and _is_alert(kind, length):
                self._ended()
            elif trace.phase in _AFTER_TLS and (self._answered or not _can_be_connect(kind, length)):
                # A DISCONNECT, a close frame or a close_notify: from now on the endpoint only answers that. Before any
                # answer a long record is a further one of a long request or CONNECT.
                self.client_closed()
                trace.client_ended = True

    def client_closed(self) -> None:
        """Note that the endpoint closes when the client leaves the upgrade on what may be an alert.

        By its length alone a sealed alert could be two bytes of an answer, but on those a client waits for more.
        """
        if self._trace.phase is Phase.UPGRADE and self._may_have_closed:
            self._ended()

    def _request_continues(self, length: int) -> None:
        """Note a record of the upgrade request, which nothing before its last one can be the answer to.

        In TLS 1.3 session tickets may come between two of its records. The SDK hands 16 KiB over at a time, and the
        last record of that need not be full: in a longer request a ticket may still pass for the answer.
        """
        self._request_goes_on = length >= _FULL_RECORD
        self._answered = False

    def endpoint_sent(self, data: bytes) -> None:
        """Look at bytes from the endpoint before they are carried on."""
        if self._received < _RECORD_TYPE_AND_VERSION:
            self._beginning = (self._beginning + data)[:_RECORD_TYPE_AND_VERSION]
            if not _is_tls(self._beginning):
                self._stop(DialError("NotTls", "the endpoint answers, but not with TLS"))
        self._received += len(data)
        if self._received > _MOST_RECEIVED and self._trace.phase is not Phase.DISCONNECT:
            self._stop(DialError("AnswerTooLong", f"the endpoint's answer has more than {_MOST_RECEIVED >> 20} MiB"))
        for kind, length in self._endpoint.headers(data):
            self._answered = True
            self._may_have_closed = _is_alert(kind, length)
            if self._trace.phase in _AFTER_UPGRADE and self._may_have_closed:
                self._ended()
            if kind == _ALERT and self._trace.phase is Phase.TLS and self._trace.alert is None:
                self._trace.alert = self._endpoint.alert


def _is_alert(kind: int, length: int) -> bool:
    """Tell whether a record is an alert, such as the close_notify of a side that ends without DISCONNECT."""
    return kind == _ALERT or (kind == _APPLICATION_DATA and length == _SEALED_ALERT)


def _can_be_connect(kind: int, length: int) -> bool:
    """Tell whether a record can be a CONNECT; an alert of TLS 1.2 is as long as one where it is padded (CBC)."""
    return kind == _APPLICATION_DATA and length >= _SHORTEST_CONNECT


def _is_tls(data: bytes) -> bool:
    """Tell whether `data` can begin a TLS record (RFC 8446, section 5.1)."""
    return data[0] in _CONTENT_TYPES and data[1:2] in {b"", b"\x03"}


class _Records:
    """Follows the framing of TLS records through a stream of chunks."""

    def __init__(self) -> None:
        self._header = b""
        self._body = 0
        self.alert: int | None = None

    def headers(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Yield content type and length of each record that begins in `data`."""
        at = 0
        while at < len(data):
            if self._body:
                step = min(self._body, len(data) - at)
                self._body -= step
                at += step
                continue
            missing = self._wanted - len(self._header)
            self._header += data[at : at + missing]
            at += missing
            if len(self._header) == self._wanted:
                yield self._begin()

    @property
    def _wanted(self) -> int:
        """How much of a record is kept: its header, and all of an alert in clear."""
        alert = self._header[:1] == bytes([_ALERT]) and self._header[3:5] == _PLAINTEXT_ALERT.to_bytes(2)
        return _RECORD_HEADER + _PLAINTEXT_ALERT if alert else _RECORD_HEADER

    def _begin(self) -> tuple[int, int]:
        header, self._header = self._header, b""
        length = int.from_bytes(header[3:5])
        self._body = _RECORD_HEADER + length - len(header)
        if self._body == 0 and header[0] == _ALERT and length:
            self.alert = header[-1]
        return header[0], length
