"""The file that somebody at another terminal reads to reach the local AWS."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from infra.local.client.local_aws import AccessKey, LocalAws
from infra.local.demo import operator_env

VARIABLES = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "AKIA1",
    "AWS_SECRET_ACCESS_KEY": "it's secret",
    "CANARY_CA_FILE": "/state/authority.pem",
    "NO_PROXY": "localhost,127.0.0.1",
    "no_proxy": "localhost,127.0.0.1",
}


def local_aws(state: Path) -> LocalAws:
    """Return what is known of a local AWS whose state lies in a directory."""
    aws = SimpleNamespace(
        operator=AccessKey(access_key_id="AKIA1", secret_access_key="it's secret"),
        server=SimpleNamespace(api_url="http://127.0.0.1:4566", state=state),
        authority=Path("/state/authority.pem"),
    )
    return cast("LocalAws", aws)


def test_variables_reach_the_local_aws(tmp_path: Path) -> None:
    """The AWS command line, boto3 and the canary find address, region, keys and authority, and use no proxy."""
    assert operator_env.variables(local_aws(tmp_path)) == VARIABLES


def test_file_is_read_by_a_shell(tmp_path: Path) -> None:
    """A shell that reads it has the variables, whatever signs are in them, and none of the caller's profile."""
    path = operator_env.write(local_aws(tmp_path), {"FUNCTION": "a function"})
    assert path == tmp_path / "operator.sh"
    told = subprocess.run(
        ["sh", "-c", '. "$0" && env -0', str(path)],
        env={"PATH": os.defpath, "AWS_PROFILE": "mine", "AWS_SESSION_TOKEN": "mine"},
        capture_output=True,
        text=True,
        check=True,
    )
    seen = dict(line.split("=", 1) for line in told.stdout.split("\0") if line)
    assert {key: value for key, value in seen.items() if key not in {"PATH", "PWD", "_", "SHLVL", "OLDPWD"}} == {
        **VARIABLES,
        "FUNCTION": "a function",
    }


def test_file_is_its_owners(tmp_path: Path) -> None:
    """It holds an administrator's keys, so nobody else can read it, and a file that is there is not written to."""
    path = operator_env.write(local_aws(tmp_path), {})
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        operator_env.write(local_aws(tmp_path), {})
