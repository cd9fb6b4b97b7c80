"""References `ssm:/path/name`: parameters of SSM Parameter Store, decrypted."""

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING

from connect_canary.config.sources.service_call import call_service, client_config
from connect_canary.config.sources.source import MAX_AGE_SECONDS, ReferenceSource
from connect_canary.model.secret import Secret

if TYPE_CHECKING:
    from connect_canary.config.sources.ssm_provider import TypedSSMProvider


def _get(name: str, region: str, force_fetch: bool) -> Secret:  # noqa: FBT001 - as Get says
    value = call_service(
        lambda: _provider(region).get(name, decrypt=True, max_age=MAX_AGE_SECONDS, force_fetch=force_fetch)
    )
    return Secret(str(value))


def _get_by_path(path: str, region: str, force_fetch: bool) -> Mapping[str, Secret]:  # noqa: FBT001 - as GetByPath says
    values = call_service(
        lambda: _provider(region).get_multiple(
            path, decrypt=True, recursive=True, max_age=MAX_AGE_SECONDS, force_fetch=force_fetch
        )
    )
    return {name: Secret(str(value)) for name, value in values.items()}


@functools.cache
def _provider(region: str) -> "TypedSSMProvider":
    from connect_canary.config.sources.ssm_provider import TypedSSMProvider  # noqa: PLC0415 - boto3: 200 ms, 27 MB

    return TypedSSMProvider(boto_config=client_config(region))


def _is_secure_string(name: str, region: str) -> bool:
    """Return whether a parameter that was got before is a SecureString; one that was not is taken for one."""
    return _provider(region).types.get(name) != "String"


SSM = ReferenceSource(
    scheme="ssm",
    forms=("ssm:/path/name",),
    new_client=_provider,
    get=_get,
    get_by_path=_get_by_path,
    is_secret=_is_secure_string,
)
