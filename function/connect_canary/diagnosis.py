"""After a failure: ask once more, the same way, what the SDK's client would not say.

The SDK keeps the status of a refused upgrade to itself, the return code of a refused MQTT 3.1.1 CONNECT, and codes that
MQTT 5 does not list.
"""

import asyncio
import contextlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from awscrt import websocket
from awscrt.http import HttpProxyOptions, HttpRequest

from connect_canary.authentication import Handshake
from connect_canary.dialling import Proxy
from connect_canary.settings import MqttVersion
from connect_canary.targets import Target
from connect_canary.trust import tls_context
from connect_canary.tunnel import LOOPBACK, Tunnel

_BODY_CHARACTERS, _READ_CHARACTERS = 160, 640
_LEAST_SECRET_CHARACTERS = 4
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_ERROR_TYPE = re.compile(r"[A-Za-z0-9]{1,64}")
# The name's length is bounded, because a long run of x-amz-x-amz- would otherwise cost its square.
_SIGNED = re.compile(r"(?i)(x-amz-[a-z-]{1,64}|password|token|signature)(=|%3D|\"?:\s*\"?)[^&\s\"]+")
_KEEP_ALIVE_S = 60
_CONNACK = b"\x20"
_CLOSE = 0x8  # the first control frame's opcode (RFC 6455, section 5.2)


@dataclass(slots=True, kw_only=True)
class Answer:
    """What the endpoint said when it was asked once more; what it did not say is None."""

    http_status: int | None = None
    request_id: str | None = None
    words: str | None = None
    connack_code: int | None = None
    close_code: int | None = None
    accepted: bool = False


async def ask(target: Target, how: Handshake, *, client_id: str | None, proxy: Proxy | None, seconds: float) -> Answer:
    """Return what `target` answers to the upgrade, and to a CONNECT as `client_id` if there is one."""
    answer = Answer()
    tunnel = Tunnel(target.host, target.port, proxy=proxy)
    asked = _Asked(answer, how, _connect_packet(target.mqtt_version, client_id, how) if client_id else None)
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
        tunnel.cut()
        asked.forget()
    return answer


def clean(text: str, secrets: Iterable[str]) -> str:
    """Return a bounded piece of foreign text in one printable line, without any of `secrets`, raw or encoded."""
    # Whole, because the rest of a secret that is cut in two would not be known again.
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _LEAST_SECRET_CHARACTERS:
            for form in {secret, quote(secret, safe=""), quote(secret), json.dumps(secret)[1:-1]}:
                text = re.sub(re.escape(form), "***", text, flags=re.IGNORECASE)
    text = _SIGNED.sub(r"\1\2***", " ".join(text.split())[:_READ_CHARACTERS])
    printable = "".join(character if character.isprintable() else " " for character in text)
    line = " ".join(printable.split())
    return line if len(line) <= _BODY_CHARACTERS else f"{line[:_BODY_CHARACTERS]}..."


async def _upgrade_request(target: Target, how: Handshake) -> HttpRequest:
    request = websocket.create_handshake_request(host=target.host, path="/mqtt")
    request.headers.add("Sec-WebSocket-Protocol", "mqtt")
    await asyncio.wrap_future(how.sign(request))
    return request


def _connect_packet(version: MqttVersion, client_id: str, how: Handshake) -> bytes:
    """Return a CONNECT (section 3.1 of either version of MQTT) with a clean session."""
    level, properties = (5, b"\x00") if version is MqttVersion.V5 else (4, b"")
    # Without a user name 3.1.1 has no password (section 3.1.2.9), and the SDK leaves it out.
    password = how.password if how.username or version is MqttVersion.V5 else None
    flags = 0x02 | (0x80 if how.username else 0) | (0x40 if password is not None else 0)
    body = _field(b"MQTT") + bytes([level, flags]) + _KEEP_ALIVE_S.to_bytes(2) + properties
    body += _field(client_id.encode())
    if how.username:
        body += _field(how.username.encode())
    if password is not None:
        body += _field(password)
    return b"\x10" + _remaining_length(len(body)) + body


def _field(content: bytes) -> bytes:
    return len(content).to_bytes(2) + content


def _remaining_length(length: int) -> bytes:
    """Return the variable length encoding (MQTT 3.1.1, section 2.2.3)."""
    encoded = b""
    while True:
        length, digit = divmod(length, 128)
        encoded += bytes([digit | 0x80 if length else digit])
        if not length:
            return encoded


class _Asked:
    """The callbacks of one question; all but `over` and `forget` are called by CRT threads."""

    def __init__(self, answer: Answer, how: Handshake, connect: bytes | None) -> None:
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
            clean(text, self._how.secrets)
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
            self._payload = (self._payload + data.data)[:_BODY_CHARACTERS]

    def frame_ended(self, _data: websocket.OnIncomingFrameCompleteData) -> None:
        if self._opcode == _CLOSE:
            self._answer.close_code = int.from_bytes(self._closing[:2]) or None
            self._end()
        elif self._opcode < _CLOSE and _is_complete(self._payload):
            self._answer.connack_code = _connack_code(self._payload) or None
            if _connack_code(self._payload) == 0:
                self._accepted()
            self._end()

    def _end(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self.over.set)


def _is_complete(received: bytes) -> bool:
    """Tell whether there is a whole CONNACK, which may come in many frames, or something that will never be one."""
    return received[:1] != _CONNACK or (len(received) > 1 and len(received) >= received[1] + 2)


def _connack_code(packet: bytes) -> int | None:
    """Return a CONNACK's code, its fourth byte in both versions of MQTT (section 3.2); None of another packet."""
    return packet[3] if packet[:1] == _CONNACK and len(packet) == packet[1] + 2 >= 4 else None  # noqa: PLR2004


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
