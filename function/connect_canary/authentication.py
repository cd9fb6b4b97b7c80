"""How each mode authenticates: AWS credentials that sign the upgrade request, or a custom authorizer's fields."""

import asyncio
import functools
import hashlib
from base64 import b64encode
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import quote, unquote

from awscrt.auth import (
    AwsCredentials,
    AwsCredentialsProvider,
    AwsSignatureType,
    AwsSigningAlgorithm,
    AwsSigningConfig,
    aws_sign_request,
)
from awscrt.crypto import RSA, RSASignatureAlgorithm
from awscrt.exceptions import AwsCrtError
from awscrt.http import HttpRequest

from connect_canary.settings import AuthMode, MqttVersion, Placement, Secret
from connect_canary.targets import MAX_CLIENT_ID_BYTES, MAX_FIELD_BYTES, Target, password_bytes

SIGNING_SERVICE = "iotdevicegateway"  # AWS IoT developer guide, "MQTT over WebSockets"
# The SDK's buffer for a CONNECT of MQTT 3.1.1 has 16,384 bytes (measured); the rest is headers and the client id.
_MOST_IN_3_1_1 = 16_384 - 20 - MAX_CLIENT_ID_BYTES
_SAFE_IN_USERNAME = "@:/,-._~"
_NAME, _SIGNATURE = "x-amz-customauthorizer-name", "x-amz-customauthorizer-signature"
_HEADER_NAMES: Mapping[str, str] = {
    _NAME: "X-Amz-CustomAuthorizer-Name",
    _SIGNATURE: "X-Amz-CustomAuthorizer-Signature",
}

Sign = Callable[[HttpRequest], "Future[object]"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """What a mode puts into the WebSocket upgrade request and into the CONNECT."""

    sign: Sign
    username: str | None = field(default=None, repr=False)
    password: bytes | None = field(default=None, repr=False)
    sdk_metrics: bool = True
    secrets: tuple[str, ...] = field(default=(), repr=False)


async def handshake(target: Target) -> Handshake:
    """Return how `target` authenticates; raise AwsCrtError when the credential chain finds nothing."""
    if target.auth_mode in {AuthMode.SIGV4, AuthMode.SIGV4_STATIC}:
        provider, found = await _credentials(target)
        secrets = (found.access_key_id, found.secret_access_key, found.session_token)
        return Handshake(
            sign=_sigv4(target.signing_region, provider), secrets=tuple(secret for secret in secrets if secret)
        )
    fields = _authorizer_fields(target)
    password = password_bytes(target.authorizer_password)
    username = target.authorizer_username
    match target.authorizer_placement:
        case Placement.HEADERS:
            sign = _with_headers({_HEADER_NAMES.get(name, name): value for name, value in fields.items()})
        case Placement.QUERY:
            sign = _with_query(_query(fields))
        case Placement.USERNAME:
            sign = _unchanged
            username = _username(username, fields)
    return Handshake(
        sign=sign,
        username=username or None,
        password=password,
        sdk_metrics=False,
        secrets=_authorizer_secrets(target, fields, password),
    )


def problems(target: Target) -> list[tuple[str, str]]:
    """Return the settings whose value the SDK itself cannot use, each with what is allowed."""
    if target.authorizer_signing_key is not None:
        try:
            RSA.new_private_key_from_pem_data(target.authorizer_signing_key.reveal())
        except (ValueError, RuntimeError):  # whichever of them the SDK raises for a key of another kind
            return [("authorizer_signing_key", "allowed: an RSA private key in PEM without passphrase")]
    return [] if target.auth_mode in {AuthMode.SIGV4, AuthMode.SIGV4_STATIC} else _too_long(target)


def _too_long(target: Target) -> list[tuple[str, str]]:
    """Return the longest setting of a CONNECT that the SDK would not send, and what is allowed."""
    fields = _authorizer_fields(target) if target.authorizer_placement is Placement.USERNAME else {}
    length, most = len(_username(target.authorizer_username, fields).encode()), MAX_FIELD_BYTES
    password = password_bytes(target.authorizer_password) or b""
    parts = {"authorizer_username": len(target.authorizer_username), "authorizer_name": len(target.authorizer_name)}
    if target.authorizer_token_value is not None:
        parts["authorizer_token_value"] = len(target.authorizer_token_value.reveal())
    if target.mqtt_version is MqttVersion.V3_1_1:
        length, most = length + len(password), _MOST_IN_3_1_1
        parts["authorizer_password"] = len(password)
    if length <= most:
        return []
    allowed = f"allowed: at most {most} bytes of user name, fields and password; this makes {length}"
    return [(max(parts, key=parts.__getitem__), allowed)]


async def _credentials(target: Target) -> tuple[AwsCredentialsProvider, AwsCredentials]:
    """Return the mode's provider and what it provides now; raise AwsCrtError."""
    if target.auth_mode is AuthMode.SIGV4_STATIC:
        provider = AwsCredentialsProvider.new_static(
            cast("Secret", target.access_key_id).reveal(),
            cast("Secret", target.secret_access_key).reveal(),
            target.session_token.reveal() if target.session_token else None,
        )
    else:
        provider = AwsCredentialsProvider.new_environment()
    try:
        return provider, await asyncio.wrap_future(provider.get_credentials())
    except AwsCrtError:
        if target.auth_mode is AuthMode.SIGV4_STATIC:
            raise
        return _default_chain(), await asyncio.wrap_future(_default_chain().get_credentials())


@functools.cache
def _default_chain() -> AwsCredentialsProvider:
    """Return the SDK's default chain, which looks at the environment first and renews what expires.

    Making one takes 15 ms (measured), which Lambda, whose credentials are in the environment, need not wait for.
    """
    return AwsCredentialsProvider.new_default_chain()


def _sigv4(region: str, provider: AwsCredentialsProvider) -> Sign:
    def sign(request: HttpRequest) -> "Future[object]":
        config = AwsSigningConfig(
            algorithm=AwsSigningAlgorithm.V4,
            signature_type=AwsSignatureType.HTTP_REQUEST_QUERY_PARAMS,
            credentials_provider=provider,
            region=region,
            service=SIGNING_SERVICE,
            omit_session_token=True,  # AWS IoT wants the token appended after signing
        )
        return cast("Future[object]", aws_sign_request(request, config))

    return sign


def _authorizer_fields(target: Target) -> dict[str, str]:
    """Return what AWS IoT itself reads, each value as it is before any encoding."""
    fields: dict[str, str] = {}
    if target.authorizer_name:
        fields[_NAME] = _once(target.authorizer_name)
    if target.auth_mode is not AuthMode.CUSTOM_SIGNED:
        return fields
    token = _once(cast("Secret", target.authorizer_token_value).reveal())
    fields[_once(target.authorizer_token_key_name)] = token
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


def _once(value: str) -> str:
    """Return `value` before encoding, whether or not the user has percent-encoded it already."""
    plain = unquote(value)
    return plain if quote(plain, safe="").lower() == value.lower() else value


def _username(name: str, fields: Mapping[str, str]) -> str:
    """Return the user name with the fields behind it, where only then the name must be encoded too."""
    return f"{quote(_once(name), safe=_SAFE_IN_USERNAME)}?{_query(fields)}" if fields else name


def _query(fields: Mapping[str, str]) -> str:
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in fields.items())


def _with_headers(headers: Mapping[str, str]) -> Sign:
    def sign(request: HttpRequest) -> "Future[object]":
        for name, value in headers.items():
            request.headers.set(name, value)
        return _unchanged(request)

    return sign


def _with_query(query: str) -> Sign:
    def sign(request: HttpRequest) -> "Future[object]":
        if query:
            request.path = f"{request.path}?{query}"
        return _unchanged(request)

    return sign


def _unchanged(_request: HttpRequest) -> "Future[object]":
    done: Future[object] = Future()
    done.set_result(None)
    return done
