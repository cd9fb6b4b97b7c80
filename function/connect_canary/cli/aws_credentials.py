"""AWS credentials as the AWS command line finds them, handed over to the SDK and boto3.

The SDK's own chain (awscrt) reads no session of IAM Identity Center (SSO) and no `aws login`; botocore's does.
"""

from collections.abc import Mapping, MutableMapping
from dataclasses import field
from typing import Any

from connect_canary.config.sources.service_call import client_config
from connect_canary.model.frozen import frozen

ENVIRONMENT = "environment"
# botocore's names of its ways, for people; those that a profile names, and those that the machine has.
_OF_PROFILE: Mapping[str, str] = {
    "shared-credentials-file": "credentials file",
    "config-file": "configuration file",
    "custom-process": "credential_process",
    "sso": "sso",
    "login": "login",
    "assume-role": "assume-role",
    "assume-role-with-web-identity": "web identity",
}
_OF_MACHINE: Mapping[str, str] = {"container-role": "role of the container", "iam-role": "role of the instance"}
_KEY, _SECRET, _TOKEN = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"
# boto3 would read the first one before the token, and take the second one for the end of what is handed over.
_OUTDATED = ("AWS_SECURITY_TOKEN", "AWS_CREDENTIAL_EXPIRATION")


class CredentialsError(Exception):
    """A profile does not exist or gives no credentials; the message is a sentence without any secret."""


@frozen
class AwsCredentials:
    """Credentials and the `source` that they are from; `region` is the profile's, empty if it has none."""

    source: str
    region: str = ""
    _found: Any = field(default=None, repr=False)

    def export(self, environ: MutableMapping[str, str]) -> None:
        """Set the variables that the SDK and boto3 read, renewed if they are about to expire; raise CredentialsError.

        Arguments can be read by every process on the machine, the environment only by the user's own.
        """
        if self._found is None:
            return
        frozen = _call_botocore(self._found.get_frozen_credentials, self.source)
        for name in (_TOKEN, *_OUTDATED):
            environ.pop(name, None)
        environ.update({_KEY: frozen.access_key, _SECRET: frozen.secret_key})
        if frozen.token:
            environ[_TOKEN] = frozen.token


def has_access_key(environ: Mapping[str, str]) -> bool:
    """Return whether the environment has an access key, which goes over every profile that is not asked for."""
    return bool(environ.get(_KEY))


def find_credentials(profile: str | None, environ: Mapping[str, str]) -> AwsCredentials | None:
    """Return what botocore finds for `profile`, else for AWS_PROFILE or the default one; raise CredentialsError.

    None if there are no credentials at all.
    """
    import botocore.session  # noqa: PLC0415 - 200 ms (measured), only for those who need it
    from botocore.exceptions import ProfileNotFound  # noqa: PLC0415

    session = botocore.session.Session(profile=profile)
    session.set_default_client_config(client_config(""))
    name = profile or environ.get("AWS_PROFILE") or environ.get("AWS_DEFAULT_PROFILE") or "default"
    try:
        found = _call_botocore(session.get_credentials, f"profile {name}")
        region = session.get_config_variable("region") or ""
    except ProfileNotFound:
        flag = "AWS_PROFILE" if profile is None else "--profile"
        raise CredentialsError(unknown_profile(flag, name, session.available_profiles)) from None
    if found is None:
        if profile is not None:
            raise CredentialsError(f"--profile is {name!r}, which has no credentials")
        return None
    return AwsCredentials(source=_describe(found.method, name), region=region, _found=found)


def unknown_profile(flag: str, name: str, known: list[str]) -> str:
    """Return the sentence about a profile that does not exist."""
    profiles = f"it has {', '.join(sorted(known))}" if known else "it has none"
    return f"{flag} is {name!r}, which the AWS configuration does not have; {profiles}"


def _describe(method: str, profile: str) -> str:
    if method in _OF_PROFILE:
        return f"profile {profile} ({_OF_PROFILE[method]})"
    return ENVIRONMENT if method == "env" else _OF_MACHINE.get(method, method)


def _call_botocore(call: Any, source: str) -> Any:  # noqa: ANN401 - botocore has no types
    """Return `call()`; raise CredentialsError with botocore's words, or ProfileNotFound."""
    from botocore.exceptions import (  # noqa: PLC0415
        BotoCoreError,
        ClientError,
        ProfileNotFound,
        SSOError,
        TokenRetrievalError,
    )

    try:
        return call()
    except ProfileNotFound:
        raise
    except (SSOError, TokenRetrievalError) as error:
        profile = source.removeprefix("profile ").partition(" (")[0]
        raise CredentialsError(
            f"{source} gives no credentials: {_one_line(error)}; aws sso login --profile {profile} starts a session"
        ) from None
    except (BotoCoreError, ClientError, OSError, EOFError, RuntimeError) as error:  # RuntimeError: still expired
        raise CredentialsError(f"{source} gives no credentials: {_one_line(error)}") from None
    except (ValueError, TypeError, AttributeError):
        # What a credential_process printed is no JSON of the form that is expected; the error may show a part of it.
        raise CredentialsError(f"{source} gives no credentials: what it returned cannot be read") from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
