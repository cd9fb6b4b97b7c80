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
from connect_canary.model.target import AuthMode, Target
from connect_canary.probe.auth.connect_auth import SignRequest

SIGNING_SERVICE = "iotdevicegateway"  # AWS IoT developer guide, "MQTT over WebSockets"


async def aws_credentials(target: Target) -> tuple[AwsCredentialsProvider, AwsCredentials]:
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


def sign_sigv4(region: str, provider: AwsCredentialsProvider) -> SignRequest:
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
