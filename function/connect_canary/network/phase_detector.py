"""The phase detector: which phase a connection is in, told by the headers of the TLS records that pass."""

from collections.abc import Callable

from connect_canary.model.phases import Phase
from connect_canary.network.errors import DialError
from connect_canary.network.tls_records import ALERT, APPLICATION_DATA, RecordParser, is_alert, is_tls
from connect_canary.network.trace import Trace

# A TLS 1.3 Finished travels as application data, 4 + 48 (SHA-384) + 1 + 16 bytes at most; no request is so short.
_MAX_FINISHED_BYTES = 69
# Between the upgrade request and the CONNECT a client may only end: a close_notify is 19 bytes, a close frame 25.
_MIN_CONNECT_BYTES = 37
# s2n splits what is longer into records of 8,087 bytes and their seal (measured): after one of them more follows.
_FULL_RECORD_BYTES = 8087
_TYPE_AND_VERSION_BYTES = 2  # only the version's first byte, which is 3 in every version of TLS


def _can_be_connect(kind: int, length: int) -> bool:
    """Tell whether a record can be a CONNECT; an alert of TLS 1.2 is as long as one where it is padded (CBC)."""
    return kind == APPLICATION_DATA and length >= _MIN_CONNECT_BYTES


_AFTER_UPGRADE = {Phase.CONNACK, Phase.DISCONNECT}
_AFTER_TLS = {Phase.UPGRADE, Phase.CONNACK, Phase.DISCONNECT}
# The SDK reads an endless answer for ever and grows by 200 MB a second (measured); an honest one has some kilobytes.
_MAX_RECEIVED_BYTES = 1 << 20


class PhaseDetector:
    """Keeps a trace by what the client and the endpoint send; says when it is over."""

    def __init__(self, trace: Trace, *, stop: Callable[[DialError], None], ended: Callable[[], None]) -> None:
        self._trace, self._stop, self._ended = trace, stop, ended
        self._client, self._endpoint = RecordParser(), RecordParser()
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
            if trace.phase is Phase.TLS and kind == APPLICATION_DATA and length > _MAX_FINISHED_BYTES:
                trace.enter(Phase.UPGRADE)
                self._request_continues(length)
            elif trace.phase is Phase.UPGRADE and self._request_goes_on:
                self._request_continues(length)
            elif trace.phase is Phase.UPGRADE and self._answered and _can_be_connect(kind, length):
                trace.enter(Phase.CONNACK)
                self._answered = False
            elif trace.phase is Phase.DISCONNECT and not trace.client_ended and is_alert(kind, length):
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
        self._request_goes_on = length >= _FULL_RECORD_BYTES
        self._answered = False

    def endpoint_sent(self, data: bytes) -> None:
        """Look at bytes from the endpoint before they are carried on."""
        if self._received < _TYPE_AND_VERSION_BYTES:
            self._beginning = (self._beginning + data)[:_TYPE_AND_VERSION_BYTES]
            if not is_tls(self._beginning):
                self._stop(DialError("NotTls", "the endpoint answers, but not with TLS"))
        self._received += len(data)
        if self._received > _MAX_RECEIVED_BYTES and self._trace.phase is not Phase.DISCONNECT:
            self._stop(
                DialError("AnswerTooLong", f"the endpoint's answer has more than {_MAX_RECEIVED_BYTES >> 20} MiB")
            )
        for kind, length in self._endpoint.headers(data):
            self._answered = True
            self._may_have_closed = is_alert(kind, length)
            if self._trace.phase in _AFTER_UPGRADE and self._may_have_closed:
                self._ended()
            if kind == ALERT and self._trace.phase is Phase.TLS and self._trace.alert is None:
                self._trace.alert = self._endpoint.alert
