"""Values that live elsewhere: SSM parameters, secrets and the account's endpoint. Alone imports Parameters and boto3, late."""

import functools
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.parameters import SecretsProvider, SSMProvider
    from botocore.config import Config

MAX_AGE_SECONDS = 300  # a rotated secret is noticed by the failed attempt that follows from it, not by its age
_CONNECT_TIMEOUT_S, _READ_TIMEOUT_S, _TRIES = 2, 5, 2
T = TypeVar("T")


def fetch(reference: str, *, fresh: bool = False) -> str:
    """Return the value that `ssm:/path/name` or `secretsmanager:name#key` names; raise ValueError with a sentence.

    Values are kept for MAX_AGE_SECONDS unless a `fresh` one is asked for.
    """
    service, _, name = reference.partition(":")
    return _parameter(name, fresh=fresh) if service == "ssm" else _secret(name, fresh=fresh)


def fetch_path(reference: str) -> Mapping[str, str]:
    """Return the value of every parameter below `ssm:/path/`, by the last part of its name; raise ValueError."""
    path = reference.removeprefix("ssm:")
    found = _ask(lambda: _ssm().get_multiple(path, decrypt=True, recursive=False, max_age=MAX_AGE_SECONDS))
    return {name.rpartition("/")[2]: str(value) for name, value in found.items()}


@functools.cache
def describe_endpoint() -> str:
    """Return the account's `iot:Data-ATS` endpoint, asked for once a cold start; raise ValueError."""
    import boto3  # noqa: PLC0415 - 200 ms and 27 MB that only an empty endpoint costs

    answer = _ask(lambda: boto3.client("iot", config=_config()).describe_endpoint(endpointType="iot:Data-ATS"))
    return str(answer["endpointAddress"])


def _parameter(name: str, *, fresh: bool) -> str:
    return str(_ask(lambda: _ssm().get(name, decrypt=True, max_age=MAX_AGE_SECONDS, force_fetch=fresh)))


def _secret(name: str, *, fresh: bool) -> str:
    # A secret's name may not hold '#', so the first one begins the key.
    name, has_key, key = name.partition("#")
    secret = _ask(lambda: _secrets().get(name, max_age=MAX_AGE_SECONDS, force_fetch=fresh))
    text = secret.decode() if isinstance(secret, bytes) else str(secret)
    return _member(text, key) if has_key else text


def _member(text: str, key: str) -> str:
    try:
        document = json.loads(text)
    except json.JSONDecodeError:
        # The error would show the secret.
        raise ValueError("the secret is no JSON object, so it has no keys") from None
    if not isinstance(document, dict) or not isinstance(document.get(key), str | int | float):
        raise ValueError(f"the secret has no key {key!r} with a string or a number")
    return str(document[key])


def _ask(call: Callable[[], T]) -> T:
    """Return the call's answer; whatever AWS answers instead becomes a ValueError with its code and message."""
    from aws_lambda_powertools.utilities.parameters.exceptions import (  # noqa: PLC0415 - see the module's docstring
        GetParameterError,
        GetSecretError,
    )
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        return call()
    except (GetParameterError, GetSecretError, BotoCoreError, ClientError) as error:
        cause = error.__context__ if isinstance(error, GetParameterError | GetSecretError) else error
        raise ValueError(_sentence(cause or error)) from error


def _sentence(error: BaseException) -> str:
    response: Any = getattr(error, "response", None)
    if response is None:
        return f"{type(error).__name__}: {error}"
    return f"{response['Error']['Code']}: {response['Error'].get('Message', '')}".removesuffix(": ")


@functools.cache
def _ssm() -> "SSMProvider":
    from aws_lambda_powertools.utilities.parameters import SSMProvider  # noqa: PLC0415

    return SSMProvider(boto_config=_config())


@functools.cache
def _secrets() -> "SecretsProvider":
    from aws_lambda_powertools.utilities.parameters import SecretsProvider  # noqa: PLC0415

    return SecretsProvider(boto_config=_config())


def _config() -> "Config":
    from botocore.config import Config  # noqa: PLC0415

    retries = {"max_attempts": _TRIES, "mode": "standard"}
    return Config(connect_timeout=_CONNECT_TIMEOUT_S, read_timeout=_READ_TIMEOUT_S, retries=retries)
