"""Custom authorizers: their fields in the user name, the headers or the query string."""

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from concurrent.futures import Future
from typing import cast
from urllib.parse import quote, unquote

from awscrt.crypto import RSA, RSASignatureAlgorithm
from awscrt.http import HttpRequest

from connect_canary.model.secret import Secret
from connect_canary.model.target import (
    MAX_CLIENT_ID_BYTES,
    MAX_FIELD_BYTES,
    AuthMode,
    AuthorizerPlacement,
    MqttVersion,
    Target,
    password_bytes,
)
from connect_canary.probe.auth.connect_auth import SignRequest

# The SDK's buffer for a CONNECT of MQTT 3.1.1 has 16,384 bytes (measured); the rest is headers and the client id.
MAX_CONNECT_BYTES_3_1_1 = 16_384 - 20 - MAX_CLIENT_ID_BYTES
_SAFE_IN_USERNAME = "@:/,-._~"
_NAME = "x-amz-customauthorizer-name"
_SIGNATURE = "x-amz-customauthorizer-signature"
_HEADER_NAMES: Mapping[str, str] = {
    _NAME: "X-Amz-CustomAuthorizer-Name",
    _SIGNATURE: "X-Amz-CustomAuthorizer-Signature",
}


def _validate_connect_size(target: Target) -> list[tuple[str, str]]:
    """Return the longest setting of a CONNECT that the SDK would not send, and what is allowed."""
    fields = _authorizer_fields(target) if target.authorizer_placement is AuthorizerPlacement.USERNAME else {}
    length, most = len(_username(target.authorizer_username, fields).encode()), MAX_FIELD_BYTES
    password = password_bytes(target.authorizer_password) or b""
    parts = {"authorizer_username": len(target.authorizer_username), "authorizer_name": len(target.authorizer_name)}
    if target.authorizer_token_value is not None:
        parts["authorizer_token_value"] = len(target.authorizer_token_value.reveal())
    if target.mqtt_version is MqttVersion.V3_1_1:
        length, most = length + len(password), MAX_CONNECT_BYTES_3_1_1
        parts["authorizer_password"] = len(password)
    if length <= most:
        return []
    allowed = f"allowed: at most {most} bytes of user name, fields and password; this makes {length}"
    return [(max(parts, key=parts.__getitem__), allowed)]


def _authorizer_fields(target: Target) -> dict[str, str]:
    """Return what AWS IoT itself reads, each value as it is before any encoding."""
    fields: dict[str, str] = {}
    if target.authorizer_name:
        fields[_NAME] = _percent_decoded(target.authorizer_name)
    if target.auth_mode is not AuthMode.CUSTOM_SIGNED:
        return fields
    token = _percent_decoded(cast("Secret", target.authorizer_token_value).reveal())
    fields[_percent_decoded(target.authorizer_token_key_name)] = token
    if target.authorizer_signing_key is not None:
        fields[_SIGNATURE] = sign_token(target.authorizer_signing_key, token)
    else:
        signature = cast("Secret", target.authorizer_token_signature).reveal()
        fields[_SIGNATURE] = unquote("".join(signature.split()))
    return fields


def _authorizer_secrets(target: Target, fields: Mapping[str, str], password: bytes | None) -> tuple[str, ...]:
    """Return what no answer of the endpoint may be quoted with."""
    secrets = [value for name, value in fields.items() if name != _NAME]
    if password:
        secrets += [password.decode("utf-8", "replace"), b64encode(password).decode()]
    if target.authorizer_signing_key is not None:
        secrets.append(target.authorizer_signing_key.reveal())
    return tuple(secrets)


def sign_token(key: Secret, token: str) -> str:
    """Return the token's signature, SHA256withRSA (PKCS#1 v1.5), base64 (AWS IoT developer guide, custom-auth)."""
    rsa = RSA.new_private_key_from_pem_data(key.reveal())
    return b64encode(rsa.sign(RSASignatureAlgorithm.PKCS1_5_SHA256, hashlib.sha256(token.encode()).digest())).decode()


def _percent_decoded(value: str) -> str:
    """Return `value` before encoding, whether or not the user has percent-encoded it already."""
    plain = unquote(value)
    return plain if quote(plain, safe="").lower() == value.lower() else value


def _username(name: str, fields: Mapping[str, str]) -> str:
    """Return the user name with the fields behind it, where only then the name must be encoded too."""
    return f"{quote(_percent_decoded(name), safe=_SAFE_IN_USERNAME)}?{_encode_fields(fields)}" if fields else name


def _encode_fields(fields: Mapping[str, str]) -> str:
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in fields.items())


def _with_headers(headers: Mapping[str, str]) -> SignRequest:
    def sign(request: HttpRequest) -> "Future[object]":
        for name, value in headers.items():
            request.headers.set(name, value)
        return _sign_nothing(request)

    return sign


def _with_query(query: str) -> SignRequest:
    def sign(request: HttpRequest) -> "Future[object]":
        if query:
            request.path = f"{request.path}?{query}"
        return _sign_nothing(request)

    return sign


def _sign_nothing(_request: HttpRequest) -> "Future[object]":
    done: Future[object] = Future()
    done.set_result(None)
    return done
