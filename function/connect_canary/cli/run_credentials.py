"""The AWS credentials of one run of the command line: found before it, renewed during it."""

from collections.abc import MutableMapping
from dataclasses import replace
from typing import TYPE_CHECKING

from connect_canary.cli.arguments import Arguments
from connect_canary.cli.aws_credentials import (
    ENVIRONMENT,
    AwsCredentials,
    CredentialsError,
    find_credentials,
    has_access_key,
)
from connect_canary.config.endpoint_rules import region_of_host
from connect_canary.config.problems import SettingsError
from connect_canary.model.target import AuthMode

if TYPE_CHECKING:
    from connect_canary.config.plan import Plan

_REGION, _DEFAULT_REGION, _PROFILE = "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"


class RunCredentials:
    """Finds credentials for --profile at once, for the default profile only if a target signs with them."""

    def __init__(self, arguments: Arguments, environ: MutableMapping[str, str]) -> None:
        """Set region and credentials in `environ` as --region and --profile say; raise SettingsError."""
        self._environ, self._verbose = environ, arguments.verbose
        self._credentials: AwsCredentials | None = None
        if arguments.region is not None:
            environ.update({_REGION: arguments.region, _DEFAULT_REGION: arguments.region})
        if arguments.profile is not None:
            try:
                self._use(find_credentials(arguments.profile, environ))
            except CredentialsError as error:
                raise SettingsError([str(error)]) from None
            # boto3 reads the rest of the profile, such as its region and its endpoints.
            environ[_PROFILE] = arguments.profile
            self._set_region(arguments)

    @property
    def source(self) -> str | None:
        """Where the credentials are from; None if that is not worth a line, or there are none."""
        if self._credentials is None or (self._credentials.source == ENVIRONMENT and not self._verbose):
            return None
        return self._credentials.source

    def for_plan(self, plan: "Plan") -> "Plan":
        """Find the credentials that targets sign with, and return the plan without these if that fails."""
        signing = [planned for planned in plan.planned if planned.target.auth_mode is AuthMode.SIGV4]
        if not signing or self._credentials is not None:
            return plan
        if has_access_key(self._environ):
            self._credentials = AwsCredentials(source=ENVIRONMENT)
            return plan
        try:
            self._use(find_credentials(None, self._environ))
        except CredentialsError as error:
            problems = (*plan.problems, str(error))
            remaining = tuple(planned for planned in plan.planned if planned not in signing)
            if not remaining:
                raise SettingsError(problems) from None
            return replace(plan, planned=remaining, problems=problems)
        return plan

    def renew(self) -> None:
        """Hand over the credentials again, renewed if they are about to expire; raise SettingsError."""
        if self._credentials is None:
            return
        try:
            self._credentials.export(self._environ)
        except CredentialsError as error:
            raise SettingsError([str(error)]) from None

    def _use(self, credentials: AwsCredentials | None) -> None:
        if credentials is not None:
            credentials.export(self._environ)
            self._credentials = credentials

    def _set_region(self, arguments: Arguments) -> None:
        """Use the profile's region where nothing else names one: no variable, and no name of AWS IoT Core."""
        endpoint = arguments.values.get("endpoint")
        named = self._environ.get("CANARY_ENDPOINT", "") if endpoint is None else endpoint.text
        is_known = self._environ.get(_REGION) or self._environ.get(_DEFAULT_REGION)
        region = self._credentials.region if self._credentials else ""
        if region and not is_known and not region_of_host(named.partition(":")[0]):
            self._environ[_REGION] = region
