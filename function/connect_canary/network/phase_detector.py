"""The phase detector: which phase a connection is in, from the TLS record headers that pass.

TLS, upgrade and CONNECT alternate strictly between client and server, so the headers of the client's records, which
stay in clear (RFC 8446, section 5.1), show where each phase ends. The content of the records stays encrypted.
"""

import time
from collections.abc import Callable

from connect_canary.model.phases import Phase
from connect_canary.network.errors import DialError
from connect_canary.network.tls_records import ALERT, APPLICATION_DATA, HANDSHAKE, RecordParser, is_alert, is_tls
from connect_canary.network.trace import Trace

# A TLS 1.3 Finished is sent as application data of at most 4 + 48 (SHA-384) + 1 + 16 bytes; any request is longer.
_MAX_FINISHED_BYTES = 69
# Between upgrade request and CONNECT a client can only close: a close_notify of TLS 1.3 has 19 bytes, a close frame 25.
# In TLS 1.2 an alert or a renegotiation has its own content type, at whatever length the cipher suite gives it.
_MIN_CONNECT_BYTES = 37
# s2n splits longer data into records of 8,087 bytes plus tag (measured): after such a record more follows.
_FULL_RECORD_BYTES = 8087
_TYPE_AND_VERSION_BYTES = 2  # of the version only the first byte, which is 3 in every version of TLS


def _can_be_connect(kind: int, length: int) -> bool:
    """Return whether a record can be a CONNECT; an alert of a CBC suite in TLS 1.2 is padded and can be as long."""
    return kind == APPLICATION_DATA and length >= _MIN_CONNECT_BYTES


_BEFORE_CONNECT = {Phase.TLS, Phase.UPGRADE}
_AFTER_UPGRADE = {Phase.CONNACK, Phase.DISCONNECT}
_AFTER_TLS = {Phase.UPGRADE, Phase.CONNACK, Phase.DISCONNECT}
# The SDK reads an endless response and grows by 200 MB per second (measured); a valid one has some kilobytes.
_MAX_RECEIVED_BYTES = 1 << 20


class PhaseDetector:
    """Updates a trace from the bytes of client and server; calls `stop` to abort and `closing` when a side closes."""

    def __init__(self, trace: Trace, *, stop: Callable[[DialError], None], closing: Callable[[], None]) -> None:
        self._trace, self._stop, self._closing = trace, stop, closing
        self._client, self._server = RecordParser(), RecordParser()
        self._server_sent = False
        self._alert_received = False
        self._request_incomplete = False
        self._received = 0
        self._first_bytes = b""

    def feed_client(self, data: bytes) -> None:
        """Process bytes of the client before they are relayed."""
        trace = self._trace
        trace.client_started = True
        for kind, length in self._client.headers(data):
            if not is_alert(kind, length):
                trace.flight_ended = None
            if trace.phase is Phase.TLS and kind == APPLICATION_DATA and length > _MAX_FINISHED_BYTES:
                trace.start_phase(Phase.UPGRADE)
                self._request_continues(length)
            elif trace.phase is Phase.UPGRADE and self._request_incomplete:
                self._request_continues(length)
            elif trace.phase is Phase.UPGRADE and self._server_sent and _can_be_connect(kind, length):
                trace.start_phase(Phase.CONNACK)
                self._server_sent = False
            elif trace.phase is Phase.DISCONNECT and not trace.client_closed and is_alert(kind, length):
                self._closing()
            elif (
                trace.phase in _AFTER_TLS
                and kind != HANDSHAKE
                and (self._server_sent or not _can_be_connect(kind, length))
            ):
                # DISCONNECT, close frame or close_notify: what the server does from here on is a response to it. A long
                # record before any response is a further one of a long request or CONNECT.
                self.client_closed()
                trace.client_closed = True

    def client_closed(self) -> None:
        """Record that the server closes if the client gives up before its CONNECT after what may be an alert.

        By its length a TLS 1.3 alert could be two bytes of a response, but then a client would wait for more.
        """
        if self._trace.phase in _BEFORE_CONNECT and self._alert_received:
            self._closing()

    def _request_continues(self, length: int) -> None:
        """Process a record of the upgrade request: nothing that arrives before its last one is the response.

        In TLS 1.3 session tickets may arrive between two of its records. The SDK writes 16 KiB at a time, whose last
        record need not be full: in a longer request a ticket can still be mistaken for the response.
        """
        self._request_incomplete = length >= _FULL_RECORD_BYTES
        self._server_sent = False

    def feed_server(self, data: bytes) -> None:
        """Process bytes of the server before they are relayed."""
        if self._received < _TYPE_AND_VERSION_BYTES:
            self._first_bytes = (self._first_bytes + data)[:_TYPE_AND_VERSION_BYTES]
            if not is_tls(self._first_bytes):
                self._stop(DialError("NotTls", "the endpoint answers, but not with TLS"))
        self._received += len(data)
        if self._received > _MAX_RECEIVED_BYTES and self._trace.phase is not Phase.DISCONNECT:
            self._stop(
                DialError("AnswerTooLong", f"the endpoint's answer has more than {_MAX_RECEIVED_BYTES >> 20} MiB")
            )
        for kind, length in self._server.headers(data):
            self._server_sent = True
            self._alert_received = is_alert(kind, length)
            if self._trace.phase in _AFTER_UPGRADE and self._alert_received:
                self._closing()
            if kind == ALERT and self._trace.phase is Phase.TLS and self._trace.alert is None:
                self._trace.alert = self._server.alert
        if self._trace.phase is Phase.TLS and not self._alert_received:
            self._trace.flight_ended = time.perf_counter() if self._server.is_between_records else None
