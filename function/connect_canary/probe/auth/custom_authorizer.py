"""Custom authorizers, with a signed token or without."""

from base64 import b64encode
from collections.abc import Callable, Mapping

from connect_canary.model.mqtt import MAX_FIELD_BYTES, PROTOCOLS
from connect_canary.model.target import Target, password_bytes
from connect_canary.probe.auth.authorizer_fields import NAME_FIELD, validate_signing_key
from connect_canary.probe.auth.connect_auth import AuthStrategy, ConnectAuth
from connect_canary.probe.auth.placement import PLACEMENTS

# Returns the fields of the authorizer by their names, not encoded.
Fields = Callable[[Target], dict[str, str]]


def authorizer_strategy(fields_of: Fields) -> AuthStrategy:
    """Return the strategy that sends user name, password and the fields that `fields_of` returns."""

    async def authenticate(target: Target) -> ConnectAuth:
        return _connect_auth(target, fields_of(target))

    def validate(target: Target) -> list[tuple[str, str]]:
        return validate_signing_key(target) or _validate_connect_size(target, fields_of)

    return AuthStrategy(authenticate=authenticate, validate=validate)


def _connect_auth(target: Target, fields: Mapping[str, str]) -> ConnectAuth:
    password = password_bytes(target.authorizer_password)
    username, sign = PLACEMENTS[target.authorizer_placement](target.authorizer_username, fields)
    return ConnectAuth(
        sign=sign,
        username=username or None,
        password=password,
        sdk_metrics=False,
        secrets=_secrets(target, fields, password),
    )


def _secrets(target: Target, fields: Mapping[str, str], password: bytes | None) -> tuple[str, ...]:
    """Return what must be masked in the endpoint's responses; the user name may have come from a secret."""
    secrets = [target.authorizer_username, *(value for name, value in fields.items() if name != NAME_FIELD)]
    if password:
        # Octets that are no UTF-8 are repeated as they are, or in an encoding of octets.
        secrets += [password.decode("utf-8", "replace"), password.decode("latin-1"), b64encode(password).decode()]
    if target.authorizer_signing_key is not None:
        secrets.append(target.authorizer_signing_key.reveal())
    return tuple(secrets)


def _validate_connect_size(target: Target, fields_of: Fields) -> list[tuple[str, str]]:
    """Return the longest setting of a CONNECT that is too long for the SDK to send, and what is allowed."""
    username, _ = PLACEMENTS[target.authorizer_placement](target.authorizer_username, fields_of(target))
    length = len(username.encode())
    password = password_bytes(target.authorizer_password) or b""
    parts = {"authorizer_username": len(target.authorizer_username), "authorizer_name": len(target.authorizer_name)}
    if target.authorizer_token_value is not None:
        parts["authorizer_token_value"] = len(target.authorizer_token_value.reveal())
    limit = PROTOCOLS[target.mqtt_version].max_connect_bytes
    if limit is not None:
        length += len(password)
        parts["authorizer_password"] = len(password)
    if length <= (limit or MAX_FIELD_BYTES):
        return []
    allowed = (
        f"allowed: at most {limit or MAX_FIELD_BYTES} bytes of user name, fields and password; this makes {length}"
    )
    return [(max(parts, key=parts.__getitem__), allowed)]
