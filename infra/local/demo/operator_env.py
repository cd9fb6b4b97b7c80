"""What somebody at another terminal needs to look into the local AWS that `make run` shows, or to break it."""

import os
from collections.abc import Mapping
from pathlib import Path
from shlex import quote

from infra.local.client.local_aws import REGION, LocalAws

FILE = "operator.sh"
# The caller's own must not get in between.
_UNSET = "unset AWS_PROFILE AWS_SESSION_TOKEN\n"


def write(aws: LocalAws, names: Mapping[str, str]) -> Path:
    """Write a file that a shell reads, with an administrator's keys; it goes with the local AWS's state."""
    path = aws.server.state / FILE
    lines = [f"export {name}={quote(value)}\n" for name, value in {**variables(aws), **names}.items()]
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.writelines([_UNSET, *lines])
    return path


def variables(aws: LocalAws) -> dict[str, str]:
    """Return the environment in which the AWS command line, boto3 and `connect-canary` reach the local AWS."""
    keys = aws.operator
    return {
        "AWS_ENDPOINT_URL": aws.server.api_url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": keys.access_key_id,
        "AWS_SECRET_ACCESS_KEY": keys.secret_access_key,
        "CANARY_CA_FILE": str(aws.authority),
        "NO_PROXY": "localhost,127.0.0.1",
        "no_proxy": "localhost,127.0.0.1",
    }
