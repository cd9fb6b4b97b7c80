"""The device gateway: authenticates MQTT clients and forwards them to MiniStack's broker."""

import json
import logging
import re
import uuid
from contextlib import suppress
from http import HTTPStatus
from urllib.parse import parse_qs

from infra.local.server import ministack_patches
from infra.local.server.accepted_connack import as_aws
from infra.local.server.asgi import App, Message, Receive, ReplayReceive, Scope, Send, headers_of, respond
from infra.local.server.authorizer_response import RefusedError
from infra.local.server.authorizers import Authorizers
from infra.local.server.custom_auth import DeniedError, UpgradeRequest, authorize, names_authorizer
from infra.local.server.mqtt import (
    CONNECT,
    MAX_CLIENT_ID_BYTES,
    MQTT_5,
    ConnectPacket,
    MalformedPacketError,
    PacketTypes,
    Refusal,
    connack,
    is_complete,
    parse_connect,
)

_SIGNING_SERVICE = "iotdevicegateway"
_MQTT_PATH = "/mqtt"
_SUBPROTOCOL = "mqtt"
_SIGNED_SCOPE = re.compile(r"[^/]+/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
_SIGNATURE_FIELDS = frozenset({"x-amz-algorithm", "x-amz-credential", "x-amz-signature"})
_NORMAL_CLOSURE = 1000
_DISCONNECTED: Message = {"type": "websocket.disconnect", "code": 1002}
_MAX_CONNECT_BYTES = 128 * 1024

_log = logging.getLogger("device_gateway")


class DeviceGateway:
    """An ASGI application that handles MQTT over WebSockets; MiniStack handles HTTP requests."""

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
        headers = headers_of(scope)
        problem = _upgrade_problem(scope, headers)
        if problem:
            await _refuse_upgrade(scope, send, problem, "BadRequestException")
        elif _claims_signature(scope, headers):
            await self._serve_signed(scope, headers, receive, send)
        else:
            await self._serve_mqtt(scope, headers, receive, send, signed=False)

    async def _serve_signed(self, scope: Scope, headers: dict[str, str], receive: Receive, send: Send) -> None:
        verified = ministack_patches.AUTHENTICATE_UPGRADE.original()(scope, _SIGNING_SERVICE)
        # MiniStack accepts its root key without a signature; AWS accepts no request without one.
        if not isinstance(verified, ministack_patches.RESOLVED_CREDENTIAL.original()):
            problem = getattr(verified, "code", "root or no credentials")
        elif _signed_scope(scope, headers) != (self._region, _SIGNING_SERVICE):
            problem = "signed for another region or service"
        else:
            await self._serve_mqtt(scope, headers, receive, send, signed=True)
            return
        _log.warning("upgrade refused: %s", problem)
        await _refuse_upgrade(scope, send, HTTPStatus.FORBIDDEN, "ForbiddenException")

    async def _serve_mqtt(
        self, scope: Scope, headers: dict[str, str], receive: Receive, send: Send, *, signed: bool
    ) -> None:
        await send({"type": "websocket.accept", "subprotocol": _SUBPROTOCOL})
        upgrade = UpgradeRequest(
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
        if len(connect.client_id.encode()) > MAX_CLIENT_ID_BYTES:
            await _refuse(send, connect, Refusal.CLIENT_ID_INVALID)
        elif await self._is_authorized(upgrade, connect, send, signed=signed):
            await self._forward_to_broker(scope, packet, connect, receive, send)

    async def _is_authorized(
        self, upgrade: UpgradeRequest, connect: ConnectPacket, send: Send, *, signed: bool
    ) -> bool:
        # MiniStack's broker evaluates an IAM identity's policies, but not a custom authorizer's.
        if signed and not names_authorizer(upgrade, connect):
            return True
        try:
            await authorize(self._authorizers, upgrade, connect)
        except RefusedError as error:
            _log.warning("client %s refused: %s", connect.client_id, error)
            # A 3.1.1 client that a policy denies gets no CONNACK, as on AWS.
            if connect.protocol_level == MQTT_5 or not isinstance(error, DeniedError):
                await _send_bytes(send, connack(connect.protocol_level, Refusal.NOT_AUTHORIZED))
            await _close(send)
            return False
        return True

    async def _forward_to_broker(
        self, scope: Scope, packet: bytes, connect: ConnectPacket, receive: Receive, send: Send
    ) -> None:
        first = ({"type": "websocket.connect"}, {"type": "websocket.receive", "bytes": packet})

        async def send_once_accepted(message: Message) -> None:
            if message["type"] == "websocket.send":
                await _send_bytes(send, as_aws(message["bytes"], connect))
            elif message["type"] != "websocket.accept":
                await send(message)

        await ministack_patches.IOT_WEBSOCKET.original()(
            scope,
            _OneConnect(ReplayReceive(*first, receive=receive)),
            send_once_accepted,
            self._account_id,
            self._region,
        )


class _OneConnect:
    """Ends the connection at a second CONNECT, whose client id has not been authorized."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._types = PacketTypes()
        self._connects = 0

    async def __call__(self) -> Message:
        message = await self._receive()
        try:
            self._connects += self._types.feed(message.get("bytes") or b"").count(CONNECT)
        except MalformedPacketError:
            return _DISCONNECTED
        return message if self._connects <= 1 else _DISCONNECTED


def _upgrade_problem(scope: Scope, headers: dict[str, str]) -> int | None:
    """Return the HTTP status that refuses a request, or None for an MQTT upgrade over TLS."""
    if scope.get("path") != _MQTT_PATH:
        return HTTPStatus.NOT_FOUND
    offered = [p.strip() for p in headers.get("sec-websocket-protocol", "").split(",")]
    return HTTPStatus.BAD_REQUEST if scope.get("scheme") != "wss" or _SUBPROTOCOL not in offered else None


def _query(scope: Scope) -> dict[str, list[str]]:
    return parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)


def _claims_signature(scope: Scope, headers: dict[str, str]) -> bool:
    if headers.get("authorization", "").startswith("AWS4-"):
        return True
    return any(name.lower() in _SIGNATURE_FIELDS for name in _query(scope))


def _signed_scope(scope: Scope, headers: dict[str, str]) -> tuple[str, str]:
    """Return the region and the service of a request's credential scope, empty if it has none."""
    credential = (_query(scope).get("X-Amz-Credential") or [""])[0]
    if not credential:
        credential = headers.get("authorization", "").partition("Credential=")[2]
    match = _SIGNED_SCOPE.match(credential)
    return (match["region"], match["service"]) if match else ("", "")


async def _first_packet(receive: Receive) -> bytes:
    packet = b""
    while not is_complete(packet):
        message = await receive()
        if message["type"] == "websocket.disconnect":
            raise MalformedPacketError("The client left before its CONNECT.")
        if message.get("bytes") is None:
            raise MalformedPacketError("The client sent a text frame.")
        packet += message["bytes"]
        if len(packet) > _MAX_CONNECT_BYTES:
            raise MalformedPacketError("The first packet is longer than 128 KiB.")
    return packet


async def _refuse_upgrade(scope: Scope, send: Send, status: int, error_type: str) -> None:
    trace_id = str(uuid.uuid4())
    headers = {
        "content-type": "application/json",
        "x-amzn-requestid": trace_id,
        "x-amzn-errortype": error_type,
    }
    message = "Forbidden" if status == HTTPStatus.FORBIDDEN else "Bad request"
    await respond(scope, send, status, headers, json.dumps({"message": message, "traceId": trace_id}).encode())


async def _refuse(send: Send, connect: ConnectPacket, refusal: Refusal) -> None:
    await _send_bytes(send, connack(connect.protocol_level, refusal))
    await _close(send)


async def _send_bytes(send: Send, data: bytes) -> None:
    await send({"type": "websocket.send", "bytes": data})


async def _close(send: Send) -> None:
    # The client may have closed the connection first.
    with suppress(Exception):
        await send({"type": "websocket.close", "code": _NORMAL_CLOSURE})
