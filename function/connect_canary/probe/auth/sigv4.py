"""SigV4: AWS credentials sign the upgrade request."""

import asyncio
import functools
from concurrent.futures import Future
from typing import cast

from awscrt.auth import (
    AwsCredentials,
    AwsCredentialsProvider,
    AwsSignatureType,
    AwsSigningAlgorithm,
    AwsSigningConfig,
    aws_sign_request,
)
from awscrt.exceptions import AwsCrtError
from awscrt.http import HttpRequest

from connect_canary.model.secret import Secret
from connect_canary.model.target import Target
from connect_canary.probe.auth.connect_auth import ConnectAuth, SignRequest

SIGNING_SERVICE = "iotdevicegateway"  # AWS IoT developer guide, "MQTT over WebSockets"
# What `sam local invoke` passes to a function when it finds no credentials (samcli/local/lambdafn/env_vars.py).
_SAM_PLACEHOLDERS = ("defaultkey", "defaultsecret")


class PlaceholderCredentialsError(Exception):
    """The credentials are the placeholders of `sam local invoke`; the message says how to pass real ones."""

    def __init__(self) -> None:
        super().__init__(
            "sam local invoke found no AWS credentials and passed placeholders; set AWS_PROFILE, or AWS_ACCESS_KEY_ID "
            "and AWS_SECRET_ACCESS_KEY, where you start it"
        )


async def authenticate_default_chain(target: Target) -> ConnectAuth:
    """Sign with the credentials of the environment, or else of the SDK's default chain.

    Raises AwsCrtError if there are none, PlaceholderCredentialsError for those that `sam local invoke` makes up.
    """
    provider = AwsCredentialsProvider.new_environment()
    try:
        credentials = await _get_credentials(provider)
    except AwsCrtError:
        provider = _default_chain()
        credentials = await _get_credentials(provider)
    if (credentials.access_key_id, credentials.secret_access_key) == _SAM_PLACEHOLDERS:
        raise PlaceholderCredentialsError
    return _connect_auth(
        target, provider, credentials.access_key_id, credentials.secret_access_key, credentials.session_token
    )


async def authenticate_static(target: Target) -> ConnectAuth:
    """Sign with the target's static credentials."""
    credentials = (
        cast("Secret", target.access_key_id).reveal(),
        cast("Secret", target.secret_access_key).reveal(),
        target.session_token.reveal() if target.session_token else None,
    )
    return _connect_auth(target, AwsCredentialsProvider.new_static(*credentials), *credentials)


def _connect_auth(target: Target, provider: AwsCredentialsProvider, *secrets: str | None) -> ConnectAuth:
    return ConnectAuth(
        sign=_sign_sigv4(target.signing_region, provider), secrets=tuple(secret for secret in secrets if secret)
    )


async def _get_credentials(provider: AwsCredentialsProvider) -> AwsCredentials:
    return await asyncio.wrap_future(provider.get_credentials())


@functools.cache
def _default_chain() -> AwsCredentialsProvider:
    """Return the SDK's default chain, which reads the environment first and renews what expires.

    Making it takes 15 ms (measured), which is saved in Lambda, whose credentials are in the environment.
    """
    return AwsCredentialsProvider.new_default_chain()


def _sign_sigv4(region: str, provider: AwsCredentialsProvider) -> SignRequest:
    def sign(request: HttpRequest) -> "Future[object]":
        config = AwsSigningConfig(
            algorithm=AwsSigningAlgorithm.V4,
            signature_type=AwsSignatureType.HTTP_REQUEST_QUERY_PARAMS,
            credentials_provider=provider,
            region=region,
            service=SIGNING_SERVICE,
            omit_session_token=True,  # AWS IoT expects the token appended after signing
        )
        return cast("Future[object]", aws_sign_request(request, config))

    return sign
