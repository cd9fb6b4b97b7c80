"""The demo's fifth target: a client without any permission, which the endpoint must refuse."""

from typing import Any

from infra.local.client.local_aws import LocalAws, create_user
from infra.local.demo.demo_targets import DemoTargets, store_secret, store_targets

STRANGER = "stranger"
GENEROUS_POLICY: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}],
}
_HARMLESS_POLICY: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "iot:DescribeEndpoint", "Resource": "*"}],
}


def user_name(canary: str) -> str:
    """Return the name of the IAM user that the target connects as."""
    return f"{canary}-{STRANGER}"


def add_stranger(aws: LocalAws, demo: DemoTargets) -> None:
    """Create the user and add the target, healthy when it is refused, to the stored targets."""
    key = create_user(aws.client("iam"), user_name(demo.canary), _HARMLESS_POLICY)
    values = {"access_key_id": key.access_key_id, "secret_access_key": key.secret_access_key}
    secret = store_secret(aws, f"{demo.canary}/{STRANGER}", values)
    target = {
        "name": STRANGER,
        "expect": "refuse",
        "auth_mode": "sigv4-static",
        "access_key_id": f"{secret}#access_key_id",
        "secret_access_key": f"{secret}#secret_access_key",
    }
    store_targets(aws, demo.reference, (*demo.targets, target))
