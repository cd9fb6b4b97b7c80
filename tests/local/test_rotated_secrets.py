"""A secret that is rotated while the function is warm causes no failed run."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from infra.local.client.local_aws import LocalAws, create_user
from infra.local.client.process import ACCOUNT_ID, BUILT_TEMPLATE, REGION
from tests.local.deployed import DeployedCanary

NAME = "keeper"


@pytest.fixture(scope="module")
def keeper(aws: LocalAws, canary: DeployedCanary) -> Iterator[DeployedCanary]:
    """A canary without a schedule, so that every invocation reuses one warm process and its cache."""
    stack = aws.deploy(BUILT_TEMPLATE, name=NAME, parameters={"ScheduleState": "DISABLED"})
    yield replace(canary, name=NAME, stack=stack)
    aws.delete(NAME)


def _as_secret(key: dict[str, str]) -> dict[str, str]:
    return {"access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}


def test_rotated_key_is_fetched_and_tried_again(keeper: DeployedCanary) -> None:
    """After a refusal the new key is fetched and used; a key that is invalid in the secret too stays a failure."""
    iam, secrets = keeper.aws.client("iam"), keeper.aws.client("secretsmanager")
    user, name = "rotating", f"iot-connect-canary/{keeper.name}/rotating"
    resource = f"arn:aws:iot:{REGION}:{ACCOUNT_ID}:client/test-*"
    statement = {"Effect": "Allow", "Action": "iot:Connect", "Resource": resource}
    old = create_user(iam, user, {"Version": "2012-10-17", "Statement": [statement]})
    key = {"access_key_id": old.access_key_id, "secret_access_key": old.secret_access_key}
    secrets.create_secret(Name=name, SecretString=json.dumps(key))
    target = {
        "name": "rotating",
        "auth_mode": "sigv4-static",
        "access_key_id": f"secretsmanager:{name}#access_key_id",
        "secret_access_key": f"secretsmanager:{name}#secret_access_key",
    }
    before = keeper.connect(target)["rotating"]
    assert (before["healthy"], before["secrets_refreshed"]) == (True, False)

    new = _as_secret(iam.create_access_key(UserName=user)["AccessKey"])
    secrets.put_secret_value(SecretId=name, SecretString=json.dumps(new))
    iam.delete_access_key(UserName=user, AccessKeyId=old.access_key_id)
    rotated = keeper.connect(target)["rotating"]
    assert (rotated["healthy"], rotated["secrets_refreshed"]) == (True, True), rotated

    iam.delete_access_key(UserName=user, AccessKeyId=new["access_key_id"])
    revoked = keeper.connect(target)["rotating"]
    assert (revoked["failure"], revoked["secrets_refreshed"]) == ("UpgradeForbidden", False), revoked
