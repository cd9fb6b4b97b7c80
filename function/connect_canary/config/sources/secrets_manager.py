"""References `secretsmanager:name-or-arn#key`: secrets of AWS Secrets Manager."""

import functools
import json
from typing import TYPE_CHECKING

from connect_canary.config.references import MAX_AGE_SECONDS
from connect_canary.config.sources.service_call import call_service, client_config

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.parameters import SecretsProvider


def get_secret(name: str, region: str, *, fresh: bool) -> str:
    # A secret's name may not hold '#', so the first one begins the key.
    name, has_key, key = name.partition("#")
    secret = call_service(lambda: secrets_provider(region).get(name, max_age=MAX_AGE_SECONDS, force_fetch=fresh))
    text = _decode(secret) if isinstance(secret, bytes) else str(secret)
    return _member(text, key) if has_key else text


def _decode(secret: bytes) -> str:
    try:
        return secret.decode()
    except UnicodeDecodeError:
        # The error would show a part of the secret.
        raise ValueError("the secret is binary; allowed: text in UTF-8 (base64:... for a binary password)") from None


def _member(text: str, key: str) -> str:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        # The error would show the secret.
        raise ValueError("the secret is no JSON object, so it has no keys") from None
    member = document.get(key) if isinstance(document, dict) else None
    if isinstance(member, bool) or not isinstance(member, str | int | float):
        raise ValueError(f"the secret has no key {key!r} with a string or a number")  # noqa: TRY004 - no bug of ours
    return str(member)


@functools.cache
def secrets_provider(region: str) -> "SecretsProvider":
    from aws_lambda_powertools.utilities.parameters import SecretsProvider  # noqa: PLC0415

    return SecretsProvider(boto_config=client_config(region))
