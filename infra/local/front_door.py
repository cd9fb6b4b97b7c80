"""The device gateway's front door: who is let in to the MQTT broker, and how others leave."""

from __future__ import annotations

import json
import logging
import re
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs

from infra.local import seams
from infra.local.authorizers import Authorizers
from infra.local.custom_auth import DeniedError, RefusedError, Upgrade, authorize
from infra.local.mqtt import (
    MQTT_5,
    Connect,
    MalformedPacketError,
    is_complete,
    parse_connect,
    refusal,
)

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_SIGNING_SERVICE: Final = "iotdevicegateway"
_MQTT_PATH: Final = "/mqtt"
_SUBPROTOCOL: Final = "mqtt"
_SIGNED_REGION: Final = re.compile(r"[^/]+/\d{8}/(?P<region>[^/]+)/")
_SIGNATURE_FIELDS: Final = frozenset({"x-amz-algorithm", "x-amz-credential", "x-amz-signature"})
_NORMAL_CLOSURE: Final = 1000
_MAX_CONNECT_BYTES: Final = 128 * 1024

_log = logging.getLogger("front_door")


class FrontDoor:
    """An ASGI application: MQTT upgrades are checked here, all else is MiniStack's."""

    def __init__(self, inner: App, authorizers: Authorizers, account_id: str, region: str) -> None:
        self._inner = inner
        self._authorizers = authorizers
        self._account_id = account_id
        self._region = region

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "websocket":
            await self._inner(scope, receive, send)
            return
        await receive()
        headers = _headers(scope)
        problem = _upgrade_problem(scope, headers)
        if problem:
            await _refuse_upgrade(send, problem, "BadRequestException")
        elif _claims_signature(scope, headers):
            await self._serve_signed(scope, headers, receive, send)
        else:
            await self._serve_unsigned(scope, headers, receive, send)

    async def _serve_signed(self, scope: Scope, headers: dict[str, str], receive: Receive, send: Send) -> None:
        verified = seams.AUTHENTICATE_UPGRADE.get()(scope, _SIGNING_SERVICE)
        # MiniStack lets its root keys in unverified; here nobody enters without a proof.
        if not isinstance(verified, seams.RESOLVED_CREDENTIAL.get()):
            _log.warning("upgrade refused: %s", getattr(verified, "code", "root or no credentials"))
            await _refuse_upgrade(send, HTTPStatus.FORBIDDEN, "ForbiddenException")
            return
        if _signed_region(scope, headers) != self._region:
            _log.warning("upgrade refused: signed for another region")
            await _refuse_upgrade(send, HTTPStatus.FORBIDDEN, "ForbiddenException")
            return
        broker = seams.IOT_WEBSOCKET.get()
        replayed = _Replay({"type": "websocket.connect"}, receive=receive)
        await broker(scope, replayed, send, self._account_id, self._region)

    async def _serve_unsigned(self, scope: Scope, headers: dict[str, str], receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept", "subprotocol": _SUBPROTOCOL})
        upgrade = Upgrade(
            account_id=self._account_id,
            region=self._region,
            host=headers.get("host", ""),
            headers=headers,
            query_string=scope.get("query_string", b"").decode("latin-1"),
        )
        try:
            packet = await _first_packet(receive)
            connect = parse_connect(packet)
        except MalformedPacketError as error:
            _log.warning("connection closed: %s", error)
            await _close(send)
            return
        if await self._is_let_in(upgrade, connect, send):
            await self._hand_over(scope, packet, receive, send)

    async def _is_let_in(self, upgrade: Upgrade, connect: Connect, send: Send) -> bool:
        try:
            await authorize(self._authorizers, upgrade, connect)
        except RefusedError as error:
            _log.warning("client %s refused: %s", connect.client_id, error)
            # A 3.1.1 client whom a policy denies sees only the connection end, as on AWS.
            if connect.protocol_level == MQTT_5 or not isinstance(error, DeniedError):
                await _send_bytes(send, refusal(connect.protocol_level))
            await _close(send)
            return False
        return True

    async def _hand_over(self, scope: Scope, packet: bytes, receive: Receive, send: Send) -> None:
        first = ({"type": "websocket.connect"}, {"type": "websocket.receive", "bytes": packet})

        async def send_once_accepted(message: Message) -> None:
            if message["type"] != "websocket.accept":
                await send(message)

        await seams.IOT_WEBSOCKET.get()(
            scope,
            _Replay(*first, receive=receive),
            send_once_accepted,
            self._account_id,
            self._region,
        )


class _Replay:
    """Gives messages that were already read once more, then those still to come."""

    def __init__(self, *messages: Message, receive: Receive) -> None:
        self._messages = list(messages)
        self._receive = receive

    async def __call__(self) -> Message:
        return self._messages.pop(0) if self._messages else await self._receive()


def _headers(scope: Scope) -> dict[str, str]:
    return {
        name.decode("latin-1").lower(): value.decode("utf-8", "replace") for name, value in scope.get("headers", [])
    }


def _upgrade_problem(scope: Scope, headers: dict[str, str]) -> int | None:
    """Return the HTTP status of a request that is no MQTT upgrade over TLS, else None."""
    if scope.get("path") != _MQTT_PATH:
        return HTTPStatus.NOT_FOUND
    offered = [p.strip().lower() for p in headers.get("sec-websocket-protocol", "").split(",")]
    return HTTPStatus.BAD_REQUEST if scope.get("scheme") != "wss" or _SUBPROTOCOL not in offered else None


def _query(scope: Scope) -> dict[str, list[str]]:
    return parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)


def _claims_signature(scope: Scope, headers: dict[str, str]) -> bool:
    if headers.get("authorization", "").startswith("AWS4-"):
        return True
    return any(name.lower() in _SIGNATURE_FIELDS for name in _query(scope))


def _signed_region(scope: Scope, headers: dict[str, str]) -> str:
    credential = (_query(scope).get("X-Amz-Credential") or [""])[0]
    if not credential:
        credential = headers.get("authorization", "").partition("Credential=")[2]
    match = _SIGNED_REGION.match(credential)
    return match["region"] if match else ""


async def _first_packet(receive: Receive) -> bytes:
    packet = b""
    while not (packet and is_complete(packet)):
        message = await receive()
        if message["type"] == "websocket.disconnect":
            raise MalformedPacketError("The client left before its CONNECT.")
        packet += message.get("bytes") or b""
        if len(packet) > _MAX_CONNECT_BYTES:
            raise MalformedPacketError("The first packet is longer than 128 KiB.")
    return packet


async def _refuse_upgrade(send: Send, status: int, error_type: str) -> None:
    trace_id = str(uuid.uuid4())
    headers = {
        "content-type": "application/json",
        "x-amzn-requestid": trace_id,
        "x-amzn-errortype": error_type,
    }
    start = {
        "type": "websocket.http.response.start",
        "status": status,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    await send(start)
    message = "Forbidden" if status == HTTPStatus.FORBIDDEN else "Bad request"
    body = json.dumps({"message": message, "traceId": trace_id}).encode()
    await send({"type": "websocket.http.response.body", "body": body})


async def _send_bytes(send: Send, data: bytes) -> None:
    await send({"type": "websocket.send", "bytes": data})


async def _close(send: Send) -> None:
    # The client may have hung up first, which is as good.
    with suppress(Exception):
        await send({"type": "websocket.close", "code": _NORMAL_CLOSURE})
