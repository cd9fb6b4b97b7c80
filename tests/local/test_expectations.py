"""Expected refusals: a target that must be refused goes to ALARM when it is accepted."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from infra.local.client.local_aws import LocalAws
from infra.local.client.process import BUILT_TEMPLATE
from infra.local.demo.demo_targets import store_targets
from tests.local.deployed import DeployedCanary, SqsSubscriber
from tests.local.targets import role, signed, unsigned

NAME = "fleet"
TARGETS = ("role", "unsigned", "signed", "outside")
ANY_CLIENT = [{"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}]


@pytest.fixture(scope="module")
def fleet(aws: LocalAws, canary: DeployedCanary) -> Iterator[DeployedCanary]:
    """A canary with three targets that connect, and one outside the prefix that must be refused."""
    makers = (role(), unsigned(canary), signed(canary), role() | {"client_id_prefix": "other-", "expect": "refuse"})
    reference = f"ssm:/iot-connect-canary/{NAME}/targets"
    store_targets(aws, reference, tuple({"name": n, **t} for n, t in zip(TARGETS, makers, strict=True)))
    stack = aws.deploy(BUILT_TEMPLATE, name=NAME, parameters={"Targets": reference})
    yield replace(canary, name=NAME, stack=stack)
    aws.delete(NAME)


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_refusal_is_healthy_where_it_is_expected(canary: DeployedCanary, version: str) -> None:
    """A client id outside test-*, a stale token and no token are refused, which is healthy."""
    refused = {
        "outside": role() | {"client_id_prefix": "other-"},
        "stale-token": signed(canary) | {"authorizer_token_value": "of yesterday"},
        "no-token": {"auth_mode": "custom-unsigned", "authorizer_name": "sample-authorizer-signed"},
        "accepted": role(),
    }
    outcomes = canary.connect(
        *({"name": name, "mqtt_version": version, "expect": "refuse", **target} for name, target in refused.items())
    )
    assert {name: outcome["healthy"] for name, outcome in outcomes.items()} == {
        "outside": True,
        "stale-token": True,
        "no-token": True,
        "accepted": False,
    }
    assert outcomes["accepted"]["failure"] == "UnexpectedAccept"


def test_widened_permission_alarms(aws: LocalAws, fleet: DeployedCanary) -> None:
    """When the role may use any client id, the alarm of refused clients that are let in goes to ALARM, and no other."""
    subscriber = SqsSubscriber.subscribe(aws, fleet.stack.outputs["AlarmTopicArn"], "fleet-subscriber")
    accepted = fleet.alarm("UnexpectedAcceptAlarm")
    since = subscriber.wait_until_ok(fleet.alarms)
    fleet.put_policy("widened", ANY_CLIENT)
    try:
        subscriber.wait_for_message(accepted, "ALARM", since)
        assert fleet.samples("ConnectFailures", Target="outside", Failure="UnexpectedAccept")
    finally:
        aws.client("iam").delete_role_policy(RoleName=fleet.role, PolicyName="widened")
    subscriber.wait_for_message(accepted, "OK", since)
    assert subscriber.states(since).keys() == {accepted}


def test_sharded_schedule_runs_what_its_input_names(fleet: DeployedCanary) -> None:
    """An event selects targets by name."""
    returned = fleet.invoke({"only": ["role", "outside"]})
    assert [outcome["target"] for outcome in returned["targets"]] == ["role", "outside"]
    assert returned["healthy"]
