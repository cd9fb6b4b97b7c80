"""Calls of AWS services: client configuration, and their errors as sentences."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from connect_canary.config.sources.schemes import is_reference

if TYPE_CHECKING:
    from botocore.config import Config

T = TypeVar("T")
_CONNECT_TIMEOUT_S = 2
_READ_TIMEOUT_S = 4
_MAX_ATTEMPTS = 2


class ServiceUnreachableError(ValueError):
    """A service could not be reached or did not respond."""


def call_service(call: Callable[[], T]) -> T:
    """Return `call()`; raise ValueError with the code and message of an AWS error, or ServiceUnreachableError."""
    from aws_lambda_powertools.utilities.parameters.exceptions import (  # noqa: PLC0415 - imports boto3
        GetParameterError,
        GetSecretError,
    )
    from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError  # noqa: A004, PLC0415

    try:
        return call()
    except (GetParameterError, GetSecretError, BotoCoreError, ClientError) as error:
        cause = error.__context__ if isinstance(error, GetParameterError | GetSecretError) else error
        unreachable = isinstance(cause, ConnectionError | HTTPClientError)
        raise (ServiceUnreachableError if unreachable else ValueError)(_sentence(cause or error)) from error


def _sentence(error: BaseException) -> str:
    response: Any = getattr(error, "response", None)
    if response is None:
        unset = type(error).__name__ == "NoRegionError"
        sentence = "no region to ask in is set; set AWS_REGION" if unset else f"{type(error).__name__}: {error}"
    else:
        sentence = f"{response['Error']['Code']}: {response['Error'].get('Message', '')}".removesuffix(": ")
    return " ".join(sentence.split())


def client_config(region: str) -> "Config":
    """Return the configuration of a boto3 client in `region`, empty: boto3's default."""
    from botocore.config import Config  # noqa: PLC0415

    retries = {"total_max_attempts": _MAX_ATTEMPTS, "mode": "standard"}
    return Config(
        # boto3 itself reads AWS_DEFAULT_REGION only.
        region_name=region or None,
        connect_timeout=_CONNECT_TIMEOUT_S,
        read_timeout=_READ_TIMEOUT_S,
        retries=retries,
        proxies=_proxies(),
    )


def _proxies() -> dict[str, str] | None:
    """Return the proxies of a boto3 client, None for those that it reads from the environment itself.

    It would take a reference for a URL. One is read without a proxy, whose user name and password it holds.
    """
    from urllib.request import getproxies  # noqa: PLC0415 - as boto3 does

    return {} if is_reference(getproxies().get("https", "").strip()) else None
