"""The diagnosis of a failure: one more connection of our own, for the status or code that the SDK hides."""

import asyncio
import contextlib
import re
import time
from collections.abc import Iterable, Mapping, Sequence

from awscrt import websocket
from awscrt.exceptions import AwsCrtError
from awscrt.http import HttpRequest

from connect_canary.model.diagnosis import Diagnosis
from connect_canary.model.mqtt import MqttVersion
from connect_canary.model.redaction import MAX_TEXT_CHARACTERS, redact
from connect_canary.model.target import Target
from connect_canary.network.loopback_listener import TunnelAddress
from connect_canary.network.proxy import Proxy
from connect_canary.network.tunnel import Tunnel
from connect_canary.probe.auth.connect_auth import ConnectAuth
from connect_canary.probe.clients.client import proxy_options
from connect_canary.probe.mqtt_packets import connack_code, encode_connect, is_complete, is_connack_311
from connect_canary.probe.refusal import clock_skew_s, refusal_message
from connect_canary.probe.tls_trust import tls_context

_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_ERROR_TYPE = re.compile(r"[A-Za-z0-9]{1,64}")
_CLOSE = 0x8  # the first control frame's opcode (RFC 6455, section 5.2)


async def diagnose(
    target: Target, auth: ConnectAuth, *, client_id: str | None, proxy: Proxy | None, timeout_s: float
) -> Diagnosis:
    """Return the response of `target` to the upgrade, and to a CONNECT as `client_id` if given, within `timeout_s`."""
    diagnosis = Diagnosis()
    tunnel = Tunnel(target.host, target.port, proxy=proxy)
    connect = encode_connect(target.mqtt_version, client_id, auth) if client_id else None
    session = _DiagnosticSession(diagnosis, auth, connect, target.mqtt_version)
    try:
        # Whatever keeps the canary from asking, such as credentials that have ended, explains nothing.
        with contextlib.suppress(TimeoutError, AwsCrtError, OSError):
            async with asyncio.timeout(timeout_s):
                session.open(target, await _upgrade_request(target, auth), tunnel.open())
                await session.done.wait()
    finally:
        tunnel.abort()
        session.close()
    return diagnosis


async def _upgrade_request(target: Target, auth: ConnectAuth) -> HttpRequest:
    request = websocket.create_handshake_request(host=target.host, path="/mqtt")
    request.headers.add("Sec-WebSocket-Protocol", "mqtt")
    await asyncio.wrap_future(auth.sign(request))
    return request


class _DiagnosticSession:
    """The WebSocket callbacks of one diagnosis, which CRT threads call; `done` and `close` are for the event loop."""

    def __init__(self, diagnosis: Diagnosis, auth: ConnectAuth, connect: bytes | None, version: MqttVersion) -> None:
        self.done = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._diagnosis, self._auth, self._connect, self._version = diagnosis, auth, connect, version
        self._websocket: websocket.WebSocket | None = None
        self._opcode = 0
        self._payload = b""
        self._closing = b""

    def open(self, target: Target, request: HttpRequest, address: TunnelAddress) -> None:
        """Open a WebSocket to `target` through the tunnel."""
        tls = tls_context(target).new_connection_options()
        tls.set_server_name(target.host)
        websocket.connect(
            host=target.host,
            handshake_request=request,
            tls_connection_options=tls,
            proxy_options=proxy_options(address),
            on_connection_setup=self.on_setup,
            on_connection_shutdown=self.on_shutdown,
            on_incoming_frame_begin=self.on_frame_begin,
            on_incoming_frame_payload=self.on_frame_payload,
            on_incoming_frame_complete=self.on_frame_complete,
        )

    def close(self) -> None:
        """Close the WebSocket and release it, so that the native client is freed."""
        opened, self._websocket = self._websocket, None
        if opened is not None:
            opened.close()

    def on_setup(self, data: websocket.OnConnectionSetupData) -> None:
        headers = dict(_lower(data.handshake_response_headers))
        request_id, message = error_details(headers, data.handshake_response_body, self._auth.secrets)
        self._diagnosis.request_id, self._diagnosis.message = request_id, message
        self._diagnosis.clock_skew_s = clock_skew_s(headers, time.time())
        if data.websocket is None:
            self._diagnosis.http_status = data.handshake_response_status
            self._end()
        elif self._connect is None:
            self._note_accepted()
            self._end()
        else:
            self._websocket = data.websocket
            data.websocket.send_frame(websocket.Opcode.BINARY, self._connect)

    def _note_accepted(self) -> None:
        """Record that this connection was accepted, so it does not explain the refusal before it."""
        self._diagnosis.accepted = True
        self._diagnosis.message = "asked once more, the endpoint accepts what it has just refused"

    def on_shutdown(self, _data: websocket.OnConnectionShutdownData) -> None:
        self._end()

    def on_frame_begin(self, data: websocket.OnIncomingFrameBeginData) -> None:
        self._opcode = data.frame.opcode

    def on_frame_payload(self, data: websocket.OnIncomingFramePayloadData) -> None:
        # Control frames may come between the frames of a message (RFC 6455, section 5.4).
        if self._opcode == _CLOSE:
            self._closing += data.data
        elif self._opcode < _CLOSE:
            self._payload = (self._payload + data.data)[:MAX_TEXT_CHARACTERS]

    def on_frame_complete(self, _data: websocket.OnIncomingFrameCompleteData) -> None:
        if self._opcode == _CLOSE:
            self._diagnosis.close_code = int.from_bytes(self._closing[:2]) or None
            self._end()
        elif self._opcode < _CLOSE and is_complete(self._payload):
            self._note_connack()
            self._end()

    def _note_connack(self) -> None:
        self._diagnosis.connack_code = connack_code(self._payload) or None
        if self._version is MqttVersion.V5 and is_connack_311(self._payload):
            self._diagnosis.spoken_version = MqttVersion.V3_1_1
            self._diagnosis.message = "the CONNACK is one of MQTT 3.1.1"
        elif connack_code(self._payload) == 0:
            self._note_accepted()

    def _end(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the result is not awaited any more
            self._loop.call_soon_threadsafe(self.done.set)


def error_details(
    headers: Mapping[str, str], body: bytes | None, secrets: Sequence[str]
) -> tuple[str | None, str | None]:
    """Return request id and message of a refused upgrade, without the secrets that the endpoint echoes."""
    request_id, error_type, message = (
        redact(text, secrets)
        for text in (
            headers.get("x-amzn-requestid", ""),
            headers.get("x-amzn-errortype", ""),
            refusal_message(headers, body or b""),
        )
    )
    kind = _ERROR_TYPE.match(error_type)
    text = ": ".join(word for word in (kind.group() if kind else "", message) if word)
    return request_id if _REQUEST_ID.fullmatch(request_id) else None, text or None


def _lower(headers: Iterable[tuple[str, str]] | None) -> Iterable[tuple[str, str]]:
    return ((name.lower(), value) for name, value in headers or ())
