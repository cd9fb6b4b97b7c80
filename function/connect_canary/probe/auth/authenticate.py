"""The table of auth modes."""

from awscrt.crypto import RSA

from connect_canary.model.target import AuthMode, AuthorizerPlacement, Target, password_bytes
from connect_canary.probe.auth.connect_auth import ConnectAuth
from connect_canary.probe.auth.custom_authorizer import (
    _HEADER_NAMES,
    _authorizer_fields,
    _authorizer_secrets,
    _encode_fields,
    _sign_nothing,
    _username,
    _validate_connect_size,
    _with_headers,
    _with_query,
)
from connect_canary.probe.auth.sigv4 import aws_credentials, sign_sigv4


async def authenticate(target: Target) -> ConnectAuth:
    """Return how `target` authenticates; raise AwsCrtError when the credential chain finds nothing."""
    if target.auth_mode in {AuthMode.SIGV4, AuthMode.SIGV4_STATIC}:
        provider, found = await aws_credentials(target)
        secrets = (found.access_key_id, found.secret_access_key, found.session_token)
        return ConnectAuth(
            sign=sign_sigv4(target.signing_region, provider), secrets=tuple(secret for secret in secrets if secret)
        )
    fields = _authorizer_fields(target)
    password = password_bytes(target.authorizer_password)
    username = target.authorizer_username
    match target.authorizer_placement:
        case AuthorizerPlacement.HEADERS:
            sign = _with_headers({_HEADER_NAMES.get(name, name): value for name, value in fields.items()})
        case AuthorizerPlacement.QUERY:
            sign = _with_query(_encode_fields(fields))
        case AuthorizerPlacement.USERNAME:
            sign = _sign_nothing
            username = _username(username, fields)
    return ConnectAuth(
        sign=sign,
        username=username or None,
        password=password,
        sdk_metrics=False,
        secrets=_authorizer_secrets(target, fields, password),
    )


def validate_auth(target: Target) -> list[tuple[str, str]]:
    """Return the settings whose value the SDK itself cannot use, each with what is allowed."""
    if target.authorizer_signing_key is not None:
        try:
            RSA.new_private_key_from_pem_data(target.authorizer_signing_key.reveal())
        except (ValueError, RuntimeError):  # whichever of them the SDK raises for a key of another kind
            return [("authorizer_signing_key", "allowed: an RSA private key in PEM without passphrase")]
    return [] if target.auth_mode in {AuthMode.SIGV4, AuthMode.SIGV4_STATIC} else _validate_connect_size(target)
