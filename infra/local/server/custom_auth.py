"""Custom authentication: fields, token signature, permission, invocation and policies of an authorizer."""

import asyncio
import base64
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from infra.local.server import ministack_patches
from infra.local.server.authorizer_response import Document, RefusedError, policy_documents
from infra.local.server.authorizers import Authorizer, Authorizers
from infra.local.server.invoke_permission import may_invoke
from infra.local.server.mqtt import ConnectPacket
from infra.local.server.token_signatures import is_signed_by_any

AUTHORIZER_NAME = "x-amz-customauthorizer-name"
AUTHORIZER_SIGNATURE = "x-amz-customauthorizer-signature"

_INVOKE_TIMEOUT_SECONDS = 5.0
_SERVICE = "iot.amazonaws.com"


class DeniedError(RefusedError):
    """The client is authenticated, but its policies do not allow it to connect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeRequest:
    """A client's WebSocket upgrade request."""

    account_id: str
    region: str
    host: str
    headers: Mapping[str, str]
    query_string: str


def _fields(upgrade: UpgradeRequest, connect: ConnectPacket) -> dict[str, str]:
    """Return the authorizer fields from headers, query string and user name; names in lower case."""
    username_query = (connect.username or "").partition("?")[2]
    fields = {name.lower(): value for name, value in upgrade.headers.items()}
    for query in (upgrade.query_string, username_query):
        fields |= {key.lower(): value for key, value in parse_qsl(query, keep_blank_values=True)}
    return fields


def _host_name(upgrade: UpgradeRequest) -> str:
    return upgrade.host.partition(":")[0]


def names_authorizer(upgrade: UpgradeRequest, connect: ConnectPacket) -> bool:
    """Return whether a client names a custom authorizer, in any of the three placements."""
    return AUTHORIZER_NAME in _fields(upgrade, connect)


async def authorize(authorizers: Authorizers, upgrade: UpgradeRequest, connect: ConnectPacket) -> None:
    """Authorize a client, or raise `RefusedError` or `DeniedError`."""
    fields = _fields(upgrade, connect)
    name = fields.get(AUTHORIZER_NAME, "")
    authorizer = authorizers.find(name)
    if authorizer is None:
        raise RefusedError(f"no active authorizer named {name!r} and no default one")
    token = fields.get(authorizer.token_key_name.lower()) if authorizer.token_key_name else None
    _check_signature(authorizer, token, fields.get(AUTHORIZER_SIGNATURE, ""))
    _check_permission(authorizer, upgrade)
    event = _event(authorizer, upgrade, connect, token)
    payload = await _invoke(authorizer, upgrade, event)
    _check_policies(policy_documents(payload), upgrade, connect)


def _check_signature(authorizer: Authorizer, token: str | None, signature: str) -> None:
    if authorizer.signing_disabled:
        return
    if not token:
        raise RefusedError(f"no token under the key of authorizer {authorizer.name}")
    if not is_signed_by_any(token, signature, authorizer.public_keys.values()):
        raise RefusedError(f"the token's signature is not one of authorizer {authorizer.name}")


def _check_permission(authorizer: Authorizer, upgrade: UpgradeRequest) -> None:
    """Raise `RefusedError` unless the function's resource policy lets AWS IoT invoke it for this authorizer."""
    is_allowed = may_invoke(
        authorizer.function_arn,
        service=_SERVICE,
        source_arn=authorizer.arn,
        account_id=upgrade.account_id,
        region=upgrade.region,
    )
    if not is_allowed:
        raise RefusedError(f"AWS IoT may not invoke the function of authorizer {authorizer.name}")


def _event(
    authorizer: Authorizer, upgrade: UpgradeRequest, connect: ConnectPacket, token: str | None
) -> dict[str, Any]:
    mqtt: dict[str, str] = {"clientId": connect.client_id}
    if connect.username is not None:
        mqtt["username"] = connect.username
    if connect.password is not None:
        mqtt["password"] = base64.b64encode(connect.password).decode()
    event: dict[str, Any] = {
        "signatureVerified": not authorizer.signing_disabled,
        "protocols": ["tls", "http", "mqtt"],
        "protocolData": {
            "tls": {"serverName": _host_name(upgrade)},
            "http": {
                "headers": dict(upgrade.headers),
                "queryString": f"?{upgrade.query_string}" if upgrade.query_string else "",
            },
            "mqtt": mqtt,
        },
        "connectionMetadata": {"id": str(uuid.uuid4())},
    }
    return event if token is None else {"token": token, **event}


async def _invoke(authorizer: Authorizer, upgrade: UpgradeRequest, event: dict[str, Any]) -> bytes:
    path = f"/2015-03-31/functions/{authorizer.function_arn}/invocations"
    with ministack_patches.REQUEST_SCOPE.original()(upgrade.account_id, upgrade.region):
        call = asyncio.ensure_future(
            ministack_patches.LAMBDA_REQUESTS.original()("POST", path, {}, json.dumps(event).encode(), {})
        )
    # MiniStack ignores cancellation, so `asyncio.wait_for` would wait for the function to end.
    done, _ = await asyncio.wait({call}, timeout=_INVOKE_TIMEOUT_SECONDS)
    if not done:
        call.cancel()
        raise RefusedError(f"authorizer {authorizer.name} took over 5 s to respond")
    status, headers, body = call.result()
    if status != HTTPStatus.OK or "X-Amz-Function-Error" in headers:
        raise RefusedError(f"the function of authorizer {authorizer.name} failed")
    return bytes(body)


def _check_policies(documents: list[Document], upgrade: UpgradeRequest, connect: ConnectPacket) -> None:
    resource = f"arn:aws:iot:{upgrade.region}:{upgrade.account_id}:client/{connect.client_id}"
    context = ministack_patches.EVALUATION_CONTEXT.original()(
        principal_arn=f"arn:aws:iot:{upgrade.region}:{upgrade.account_id}:custom-auth",
        principal_type="Certificate",
        principal_account=upgrade.account_id,
        action="iot:Connect",
        resource_arn=resource,
        region=upgrade.region,
        service_context={"iot:clientid": connect.client_id, "iot:domainname": _host_name(upgrade)},
    )
    parse = ministack_patches.PARSE_POLICY.original()
    result = ministack_patches.EVALUATE_POLICIES.original()(context, [parse(document) for document in documents])
    if result.decision != "Allow":
        raise DeniedError(f"the authorizer's policies do not allow iot:Connect on {resource}")
