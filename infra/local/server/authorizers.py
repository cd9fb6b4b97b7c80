"""The custom authorizer API of AWS IoT Core's control plane, which MiniStack lacks."""

import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from infra.local.server import ministack_patches
from infra.local.server.service_calls import Response
from infra.local.server.token_signatures import is_public_key

Handler = Callable[[str, str, dict[str, str], bytes, dict[str, list[str]]], Awaitable[Response]]

_NAME = re.compile(r"[\w=,@-]{1,128}", re.ASCII)
_PATH = re.compile(r"/authorizer/(?P<name>[^/]+)")
_STATUSES = ("ACTIVE", "INACTIVE")


class ControlPlaneError(Exception):
    """A request that fails with an AWS error code and HTTP status."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


@dataclass(slots=True, kw_only=True)
class Authorizer:
    """One custom authorizer with the properties of CreateAuthorizer."""

    name: str
    arn: str
    function_arn: str
    token_key_name: str = ""
    public_keys: dict[str, str] = field(default_factory=dict)
    active: bool = False
    signing_disabled: bool = False
    created: float = field(default_factory=time.time)

    def as_describe_response(self) -> dict[str, object]:
        """Return the authorizer as DescribeAuthorizer's `authorizerDescription`."""
        return {
            "authorizerName": self.name,
            "authorizerArn": self.arn,
            "authorizerFunctionArn": self.function_arn,
            "tokenKeyName": self.token_key_name,
            "tokenSigningPublicKeys": self.public_keys,
            "status": _STATUSES[0] if self.active else _STATUSES[1],
            "creationDate": self.created,
            "lastModifiedDate": self.created,
            "signingDisabled": self.signing_disabled,
        }


class Authorizers:
    """All authorizers of the account, and the name of the default one."""

    def __init__(self) -> None:
        self._by_name: dict[str, Authorizer] = {}
        self._default = ""

    def create(self, name: str, request: Mapping[str, Any]) -> Authorizer:
        """Store a new authorizer, or raise `ControlPlaneError`."""
        if not _NAME.fullmatch(name):
            raise ControlPlaneError("InvalidRequestException", f"Bad authorizer name {name!r}.", 400)
        if name in self._by_name:
            raise ControlPlaneError("ResourceAlreadyExistsException", f"Authorizer {name} already exists.", 409)
        account, region = ministack_patches.ACCOUNT_ID.original()(), ministack_patches.REGION.original()()
        authorizer = Authorizer(
            name=name,
            arn=f"arn:aws:iot:{region}:{account}:authorizer/{name}",
            function_arn="",
            signing_disabled=bool(request.get("signingDisabled", False)),
        )
        _apply(authorizer, request)
        self._by_name[name] = authorizer
        return authorizer

    def update(self, name: str, request: Mapping[str, Any]) -> Authorizer:
        """Change an authorizer, or raise `ControlPlaneError`; signingDisabled is immutable, as on AWS."""
        authorizer = self.get(name)
        _apply(authorizer, request)
        return authorizer

    def get(self, name: str) -> Authorizer:
        """Return the authorizer of this name, or raise `ControlPlaneError`."""
        if name not in self._by_name:
            raise ControlPlaneError("ResourceNotFoundException", f"Authorizer {name} does not exist.", 404)
        return self._by_name[name]

    def find(self, name: str) -> Authorizer | None:
        """Return the active authorizer of this name, or the default one for an empty name; None if there is none."""
        authorizer = self._by_name.get(name or self._default)
        return authorizer if authorizer and authorizer.active else None

    def delete(self, name: str) -> None:
        """Delete an authorizer, or raise `ControlPlaneError`."""
        self.get(name)
        if name == self._default:
            raise ControlPlaneError("DeleteConflictException", f"Authorizer {name} is the default authorizer.", 409)
        del self._by_name[name]

    def as_list_response(self) -> list[dict[str, str]]:
        """Return every authorizer as ListAuthorizers' `authorizers`."""
        return [{"authorizerName": a.name, "authorizerArn": a.arn} for a in self._by_name.values()]

    def set_default(self, name: str) -> Authorizer:
        """Make an authorizer the default one, or raise `ControlPlaneError`."""
        authorizer = self.get(name)
        self._default = name
        return authorizer

    def default(self) -> Authorizer:
        """Return the default authorizer, or raise `ControlPlaneError`."""
        if not self._default:
            raise ControlPlaneError("ResourceNotFoundException", "There is no default authorizer.", 404)
        return self.get(self._default)

    def clear_default(self) -> None:
        """Remove the default; clients that name no authorizer are then refused."""
        self._default = ""


def _apply(authorizer: Authorizer, request: Mapping[str, Any]) -> None:
    function_arn = str(request.get("authorizerFunctionArn", authorizer.function_arn))
    token_key_name = str(request.get("tokenKeyName", authorizer.token_key_name))
    public_keys = dict(request.get("tokenSigningPublicKeys", authorizer.public_keys))
    status = request.get("status", _STATUSES[0] if authorizer.active else _STATUSES[1])
    problem = ""
    if not function_arn.startswith("arn:aws:lambda:"):
        problem = "authorizerFunctionArn must be the ARN of a Lambda function."
    elif status not in _STATUSES:
        problem = f"status must be one of {', '.join(_STATUSES)}."
    elif not authorizer.signing_disabled and not (token_key_name and public_keys):
        problem = "An authorizer that checks signatures needs tokenKeyName and a public key."
    elif not all(isinstance(key, str) and is_public_key(key) for key in public_keys.values()):
        problem = "tokenSigningPublicKeys must be RSA public keys (PEM) of at least 2048 bits."
    if problem:
        raise ControlPlaneError("InvalidRequestException", problem, 400)
    authorizer.function_arn, authorizer.token_key_name = function_arn, token_key_name
    authorizer.public_keys, authorizer.active = public_keys, status == _STATUSES[0]


def _name_and_arn(authorizer: Authorizer) -> dict[str, object]:
    return {"authorizerName": authorizer.name, "authorizerArn": authorizer.arn}


def _route(authorizers: Authorizers, method: str, path: str, request: dict[str, Any]) -> dict[str, object] | None:
    """Return the response body of an authorizer request, or None for any other request."""
    if path.rstrip("/") == "/authorizers" and method == "GET":
        return {"authorizers": authorizers.as_list_response()}
    if path == "/default-authorizer":
        return _route_default(authorizers, method, request)
    match = _PATH.fullmatch(path)
    return _route_named(authorizers, method, unquote(match["name"]), request) if match else None


def _route_default(authorizers: Authorizers, method: str, request: dict[str, Any]) -> dict[str, object] | None:
    if method == "POST":
        return _name_and_arn(authorizers.set_default(str(request.get("authorizerName", ""))))
    if method == "GET":
        return {"authorizerDescription": authorizers.default().as_describe_response()}
    if method == "DELETE":
        authorizers.clear_default()
        return {}
    return None


def _route_named(authorizers: Authorizers, method: str, name: str, request: dict[str, Any]) -> dict[str, object] | None:
    if method == "POST":
        return _name_and_arn(authorizers.create(name, request))
    if method == "PUT":
        return _name_and_arn(authorizers.update(name, request))
    if method == "GET":
        return {"authorizerDescription": authorizers.get(name).as_describe_response()}
    if method == "DELETE":
        authorizers.delete(name)
        return {}
    return None


def install_authorizers_api(authorizers: Authorizers) -> None:
    """Serve the authorizer requests of the IoT API; MiniStack serves all others."""

    def wrapper(original: Handler) -> Handler:
        async def handle(
            method: str,
            path: str,
            headers: dict[str, str],
            body: bytes,
            query: dict[str, list[str]],
        ) -> Response:
            try:
                response = _route(authorizers, method, path, _json(path, body))
            except ControlPlaneError as error:
                return _response(error.status, {"message": str(error)}, error.code)
            if response is None:
                return await original(method, path, headers, body, query)
            return _response(200, response)

        return handle

    ministack_patches.IOT_REQUESTS.wrap(wrapper)


def _json(path: str, body: bytes) -> dict[str, Any]:
    if "authorizer" not in path or not body:
        return {}
    try:
        document = json.loads(body)
    except ValueError as error:
        raise ControlPlaneError("InvalidRequestException", "The body is not JSON.", 400) from error
    return document if isinstance(document, dict) else {}


def _response(status: int, body: Mapping[str, object], error: str = "") -> Response:
    headers = {"Content-Type": "application/json"}
    if error:
        headers["x-amzn-ErrorType"] = error
    return status, headers, json.dumps(body).encode()
