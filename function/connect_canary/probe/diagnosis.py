"""The diagnosis of a failure: one more connection of our own, for the status or code that the SDK hides."""

import asyncio
import contextlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from awscrt import websocket
from awscrt.http import HttpProxyOptions, HttpRequest

from connect_canary.model.redaction import MAX_TEXT_CHARACTERS, redact
from connect_canary.model.target import Target
from connect_canary.network.proxy import Proxy
from connect_canary.network.tunnel import LOOPBACK, Tunnel
from connect_canary.probe.auth.connect_auth import ConnectAuth
from connect_canary.probe.mqtt_packets import connack_code, encode_connect, is_complete
from connect_canary.probe.tls_trust import tls_context

_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_ERROR_TYPE = re.compile(r"[A-Za-z0-9]{1,64}")
_CLOSE = 0x8  # the first control frame's opcode (RFC 6455, section 5.2)


@dataclass(slots=True, kw_only=True)
class Diagnosis:
    """What the endpoint said when it was asked once more; what it did not say is None."""

    http_status: int | None = None
    request_id: str | None = None
    words: str | None = None
    connack_code: int | None = None
    close_code: int | None = None
    accepted: bool = False


async def diagnose(
    target: Target, how: ConnectAuth, *, client_id: str | None, proxy: Proxy | None, seconds: float
) -> Diagnosis:
    """Return what `target` answers to the upgrade, and to a CONNECT as `client_id` if there is one."""
    answer = Diagnosis()
    tunnel = Tunnel(target.host, target.port, proxy=proxy)
    asked = _DiagnosticSession(answer, how, encode_connect(target.mqtt_version, client_id, how) if client_id else None)
    try:
        request = await _upgrade_request(target, how)
        tls = tls_context(target).new_connection_options()
        tls.set_server_name(target.host)
        websocket.connect(
            host=target.host,
            port=target.port,
            handshake_request=request,
            tls_connection_options=tls,
            proxy_options=HttpProxyOptions(LOOPBACK, tunnel.open()),
            on_connection_setup=asked.set_up,
            on_connection_shutdown=asked.shut_down,
            on_incoming_frame_begin=asked.frame_began,
            on_incoming_frame_payload=asked.frame_continued,
            on_incoming_frame_complete=asked.frame_ended,
        )
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asked.over.wait(), seconds)
    finally:
        tunnel.abort()
        asked.forget()
    return answer


async def _upgrade_request(target: Target, how: ConnectAuth) -> HttpRequest:
    request = websocket.create_handshake_request(host=target.host, path="/mqtt")
    request.headers.add("Sec-WebSocket-Protocol", "mqtt")
    await asyncio.wrap_future(how.sign(request))
    return request


class _DiagnosticSession:
    """The callbacks of one question; all but `over` and `forget` are called by CRT threads."""

    def __init__(self, answer: Diagnosis, how: ConnectAuth, connect: bytes | None) -> None:
        self.over = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._answer, self._how, self._connect = answer, how, connect
        self._websocket: websocket.WebSocket | None = None
        self._opcode = 0
        self._payload = b""
        self._closing = b""

    def forget(self) -> None:
        """Close the WebSocket and drop it, so that the native side lets go of everything."""
        opened, self._websocket = self._websocket, None
        if opened is not None:
            opened.close()

    def set_up(self, data: websocket.OnConnectionSetupData) -> None:
        self._read_headers(dict(_lower(data.handshake_response_headers)), data.handshake_response_body)
        if data.websocket is None:
            self._answer.http_status = data.handshake_response_status
            self._end()
        elif self._connect is None:
            self._accepted()
            self._end()
        else:
            self._websocket = data.websocket
            data.websocket.send_frame(websocket.Opcode.BINARY, self._connect)

    def _read_headers(self, headers: dict[str, str], body: bytes | None) -> None:
        request_id, error_type, said = (
            redact(text, self._how.secrets)
            for text in (
                headers.get("x-amzn-requestid", ""),
                headers.get("x-amzn-errortype", ""),
                _message(body or b""),
            )
        )
        kind = _ERROR_TYPE.match(error_type)
        self._answer.request_id = request_id if _REQUEST_ID.fullmatch(request_id) else None
        self._answer.words = ": ".join(word for word in (kind.group() if kind else "", said) if word) or None

    def _accepted(self) -> None:
        """Note that this answer does not tell why the one before it was a refusal."""
        self._answer.accepted = True
        self._answer.words = "asked once more, the endpoint accepts what it has just refused"

    def shut_down(self, _data: websocket.OnConnectionShutdownData) -> None:
        self._end()

    def frame_began(self, data: websocket.OnIncomingFrameBeginData) -> None:
        self._opcode = data.frame.opcode

    def frame_continued(self, data: websocket.OnIncomingFramePayloadData) -> None:
        # Control frames may come between the frames of a message (RFC 6455, section 5.4).
        if self._opcode == _CLOSE:
            self._closing += data.data
        elif self._opcode < _CLOSE:
            self._payload = (self._payload + data.data)[:MAX_TEXT_CHARACTERS]

    def frame_ended(self, _data: websocket.OnIncomingFrameCompleteData) -> None:
        if self._opcode == _CLOSE:
            self._answer.close_code = int.from_bytes(self._closing[:2]) or None
            self._end()
        elif self._opcode < _CLOSE and is_complete(self._payload):
            self._answer.connack_code = connack_code(self._payload) or None
            if connack_code(self._payload) == 0:
                self._accepted()
            self._end()

    def _end(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self.over.set)


def _lower(headers: Iterable[tuple[str, str]] | None) -> Iterable[tuple[str, str]]:
    return ((name.lower(), value) for name, value in headers or ())


def _message(body: bytes) -> str:
    """Return the `message` of a JSON error, else the body."""
    text = body.decode("utf-8", "replace")
    try:
        document: Any = json.loads(text)
    except (ValueError, RecursionError):
        return text
    message = document.get("message") if isinstance(document, dict) else None
    return message if isinstance(message, str) else text
