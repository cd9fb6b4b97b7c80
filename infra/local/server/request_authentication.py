"""Authenticates every HTTP request before MiniStack sees it, and refuses what no client of the local AWS sends."""

import json
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qs, quote

from infra.local.server import ministack_patches
from infra.local.server.asgi import App, Message, Receive, ReplayReceive, Scope, Send, respond
from infra.local.server.request_rules import RequestRules
from infra.local.server.request_signature import ApiRequest, RequestSignatures, UnauthenticatedError

_log = logging.getLogger("request_authentication")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestAuthentication:
    """An ASGI application before another one; upgrades are authenticated behind it, by the device gateway."""

    inner: App
    rules: RequestRules
    signatures: RequestSignatures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection or request."""
        problem = self.rules.problem(scope) if scope["type"] in ("http", "websocket") else None
        if problem:
            await _refuse(problem, scope, receive, send)
        elif scope["type"] == "http":
            await self._authenticate(scope, receive, send)
        else:
            await self.inner(scope, receive, send)

    async def _authenticate(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _body(receive)
        if body is None:
            return
        request = _request(scope, body)
        try:
            self.signatures.verify(request)
        except UnauthenticatedError as error:
            _log.warning("%s %s refused: %s", request.method, request.raw_path, error.code)
            status, headers, response = _error_response(scope["path"], request, error)
            await respond(scope, send, status, headers, response)
            return
        again: Message = {"type": "http.request", "body": body, "more_body": False}
        await self.inner(scope, ReplayReceive(again, receive=receive), send)


def install_secure_transport() -> None:
    """Let policies see `aws:SecureTransport` as true: the bucket that SAM makes refuses requests without TLS."""

    def wrapper(original: Callable[[str, bool], None]) -> Callable[[str, bool], None]:
        def pin(client: str, _is_tls: bool) -> None:  # noqa: FBT001 - MiniStack's
            original(client, True)  # noqa: FBT003 - MiniStack's

        return pin

    ministack_patches.REQUEST_ORIGIN.wrap(wrapper)


async def _refuse(problem: str, scope: Scope, receive: Receive, send: Send) -> None:
    _log.warning("%s refused: %s", scope.get("path"), problem)
    if scope["type"] == "websocket":
        await receive()
    body = json.dumps({"message": problem}).encode()
    headers = {"content-type": "application/json", "x-amzn-errortype": "ForbiddenException"}
    await respond(scope, send, HTTPStatus.FORBIDDEN, headers, body)


async def _body(receive: Receive) -> bytes | None:
    """Return the body of a request, None if the client left before its end."""
    parts = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _request(scope: Scope, body: bytes) -> ApiRequest:
    headers: dict[str, str] = {}
    decode = ministack_patches.DECODE_HEADER.original()
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), decode(raw_value)
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    raw_path = scope.get("raw_path") or quote(scope["path"]).encode()
    return ApiRequest(
        method=scope["method"],
        raw_path=raw_path.decode("latin-1"),
        query=parse_qs(scope.get("query_string", b"").decode("utf-8", "replace"), keep_blank_values=True),
        headers=headers,
        body=body,
    )


def _error_response(path: str, request: ApiRequest, error: UnauthenticatedError) -> tuple[int, dict[str, str], bytes]:
    """Return the error as the service would say it that the request is for."""
    headers = dict(request.headers)
    parameters = ministack_patches.ROUTING_PARAMETERS.original()(
        request.method, path, headers, request.body, dict(request.query)
    )
    service = ministack_patches.SERVICE_OF_REQUEST.original()(request.method, path, headers, parameters)
    failure = ministack_patches.CREDENTIAL_FAILURE.original()
    status, response_headers, body = failure(service, "", str(uuid.uuid4()), error, headers)
    return int(status), dict(response_headers), bytes(body)
