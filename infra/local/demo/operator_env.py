"""A shell file with the environment variables for using the running demo from another terminal."""

import os
from collections.abc import Mapping
from pathlib import Path
from shlex import quote

from infra.local.client.local_aws import LocalAws
from infra.local.client.process import REGION

FILE_NAME = "operator.sh"
# The operator's own would take precedence.
_UNSET = "unset AWS_PROFILE AWS_SESSION_TOKEN\n"


def write(aws: LocalAws, names: Mapping[str, str]) -> Path:
    """Write the shell file, which holds an administrator's access key; it is deleted with the server's state."""
    path = aws.server.state / FILE_NAME
    lines = [f"export {name}={quote(value)}\n" for name, value in {**variables(aws), **names}.items()]
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.writelines([_UNSET, *lines])
    return path


def variables(aws: LocalAws) -> dict[str, str]:
    """Return the environment variables with which the AWS CLI, boto3 and `connect-canary` use the local AWS."""
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
