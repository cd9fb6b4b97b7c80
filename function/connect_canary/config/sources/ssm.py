"""References `ssm:/path/name`: parameters of SSM Parameter Store."""

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING

from connect_canary.config.references import MAX_AGE_SECONDS
from connect_canary.config.sources.service_call import call_service, client_config

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.parameters import SSMProvider


def get_parameter(name: str, region: str, *, fresh: bool) -> str:
    return str(
        call_service(lambda: ssm_provider(region).get(name, decrypt=True, max_age=MAX_AGE_SECONDS, force_fetch=fresh))
    )


def get_parameters(path: str, region: str, *, fresh: bool) -> Mapping[str, str]:
    found = call_service(
        lambda: ssm_provider(region).get_multiple(
            path, decrypt=True, recursive=True, max_age=MAX_AGE_SECONDS, force_fetch=fresh
        )
    )
    return {name: str(value) for name, value in found.items()}


@functools.cache
def ssm_provider(region: str) -> "SSMProvider":
    from aws_lambda_powertools.utilities.parameters import SSMProvider  # noqa: PLC0415

    return SSMProvider(boto_config=client_config(region))
