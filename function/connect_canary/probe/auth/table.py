"""The table of auth modes."""

from collections.abc import Iterable, Mapping

from connect_canary.model.target import AuthMode, Target
from connect_canary.probe.auth.authorizer_fields import signed_fields, unsigned_fields, validate_signing_key
from connect_canary.probe.auth.connect_auth import AuthStrategy, ConnectAuth
from connect_canary.probe.auth.custom_authorizer import authorizer_strategy
from connect_canary.probe.auth.sigv4 import authenticate_default_chain, authenticate_static

AUTH_STRATEGIES: Mapping[AuthMode, AuthStrategy] = {
    AuthMode.SIGV4: AuthStrategy(authenticate=authenticate_default_chain, validate=validate_signing_key),
    AuthMode.SIGV4_STATIC: AuthStrategy(authenticate=authenticate_static, validate=validate_signing_key),
    AuthMode.CUSTOM_UNSIGNED: authorizer_strategy(unsigned_fields),
    AuthMode.CUSTOM_SIGNED: authorizer_strategy(signed_fields),
}


async def authenticate(target: Target) -> ConnectAuth:
    """Return what authenticates a connect to `target`; raise AwsCrtError if there are no credentials."""
    return await AUTH_STRATEGIES[target.auth_mode].authenticate(target)


def validate_auth(target: Target) -> Iterable[tuple[str, str]]:
    """Return the keys of authentication settings that the SDK cannot use, each with what is allowed."""
    return AUTH_STRATEGIES[target.auth_mode].validate(target)
