"""References `secretsmanager:name-or-arn#key`: secrets of AWS Secrets Manager, or one key of a JSON secret."""

import functools
import json
from typing import TYPE_CHECKING

from connect_canary.config.sources.service_call import call_service, client_config
from connect_canary.config.sources.source import MAX_AGE_SECONDS, ReferenceSource
from connect_canary.model.secret import Secret

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.parameters import SecretsProvider


def _get(name: str, region: str, force_fetch: bool) -> Secret:  # noqa: FBT001 - as Get says
    # The name of a secret cannot contain '#', so the first one starts the key.
    name, has_key, key = name.partition("#")
    value = call_service(lambda: _provider(region).get(name, max_age=MAX_AGE_SECONDS, force_fetch=force_fetch))
    text = _decode(value) if isinstance(value, bytes) else str(value)
    return Secret(_member(text, key) if has_key else text)


def _decode(value: bytes) -> str:
    try:
        return value.decode()
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
def _provider(region: str) -> "SecretsProvider":
    from aws_lambda_powertools.utilities.parameters import SecretsProvider  # noqa: PLC0415 - boto3: 200 ms, 27 MB

    return SecretsProvider(boto_config=client_config(region))


SECRETS_MANAGER = ReferenceSource(
    scheme="secretsmanager",
    forms=("secretsmanager:name", "secretsmanager:name#key"),
    new_client=_provider,
    get=_get,
    is_secret=lambda _name, _region: True,
)
