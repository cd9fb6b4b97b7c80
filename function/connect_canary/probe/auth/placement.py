"""Where the fields of a custom authorizer travel: one function for each placement, in one table."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future

from awscrt.http import HttpRequest

from connect_canary.model.target import AuthorizerPlacement
from connect_canary.probe.auth.authorizer_fields import (
    NAME_FIELD,
    SIGNATURE_FIELD,
    encode_fields,
    username_with_fields,
)
from connect_canary.probe.auth.connect_auth import SignRequest

_HEADER_NAMES: Mapping[str, str] = {
    NAME_FIELD: "X-Amz-CustomAuthorizer-Name",
    SIGNATURE_FIELD: "X-Amz-CustomAuthorizer-Signature",
}

# Returns the user name of the CONNECT, and what changes the upgrade request.
PlaceFields = Callable[[str, Mapping[str, str]], tuple[str, SignRequest]]


def _in_username(username: str, fields: Mapping[str, str]) -> tuple[str, SignRequest]:
    return username_with_fields(username, fields), _sign_nothing


def _in_headers(username: str, fields: Mapping[str, str]) -> tuple[str, SignRequest]:
    def sign(request: HttpRequest) -> "Future[object]":
        for name, value in fields.items():
            request.headers.set(_HEADER_NAMES.get(name, name), value)
        return _sign_nothing(request)

    return username, sign


def _in_query(username: str, fields: Mapping[str, str]) -> tuple[str, SignRequest]:
    def sign(request: HttpRequest) -> "Future[object]":
        if fields:
            request.path = f"{request.path}?{encode_fields(fields)}"
        return _sign_nothing(request)

    return username, sign


def _sign_nothing(_request: HttpRequest) -> "Future[object]":
    done: Future[object] = Future()
    done.set_result(None)
    return done


PLACEMENTS: Mapping[AuthorizerPlacement, PlaceFields] = {
    AuthorizerPlacement.USERNAME: _in_username,
    AuthorizerPlacement.HEADERS: _in_headers,
    AuthorizerPlacement.QUERY: _in_query,
}
