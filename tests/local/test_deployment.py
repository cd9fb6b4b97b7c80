"""The template deployed with default parameters."""

import json

import pytest

from infra.local.client.local_aws import LocalAws
from infra.local.client.process import BUILT_TEMPLATE
from infra.local.client.stacks import DeployedStack

NAME = "plain-canary"


@pytest.fixture(scope="module")
def plain(aws: LocalAws) -> DeployedStack:
    """The stack with default parameters, except that its schedule is off."""
    return aws.deploy(BUILT_TEMPLATE, name=NAME, parameters={"ScheduleState": "DISABLED"})


def test_connect_with_no_parameter(aws: LocalAws, plain: DeployedStack) -> None:
    """The role connects to the account's endpoint with a new test-* client id each time."""
    first, second = (aws.invoke(plain.resources["CanaryFunction"], {}).payload for _ in range(2))
    assert first["healthy"]
    assert first["canary"] == NAME
    ids = [payload["targets"][0]["client_id"] for payload in (first, second)]
    assert len(set(ids)) == 2
    assert all(client_id.startswith("test-") for client_id in ids)
    assert first["targets"][0]["endpoint"] == aws.iot_endpoint


def test_dry_run_connects_to_nothing(aws: LocalAws, plain: DeployedStack) -> None:
    """A dry run succeeds and emits no metric."""
    function = plain.resources["CanaryFunction"]
    dimensions = {"Canary": NAME}
    before = aws.metric_points("IoTConnectCanary", "ConnectSuccess", dimensions)
    assert not aws.invoke(function, {"dry_run": True}).failed
    assert aws.metric_points("IoTConnectCanary", "ConnectSuccess", dimensions) == before


def test_role_may_read_its_own_prefix_only(aws: LocalAws) -> None:
    """Reading another canary's parameter is denied, and the error names it."""
    aws.client("ssm").put_parameter(Name="/iot-connect-canary/another/targets", Value="{}", Type="String")
    stack = aws.deploy(
        BUILT_TEMPLATE,
        name="curious-canary",
        parameters={"ScheduleState": "DISABLED", "Targets": "ssm:/iot-connect-canary/another/targets"},
    )
    invocation = aws.invoke(stack.resources["CanaryFunction"], {})
    assert invocation.failed
    assert "AccessDenied" in invocation.payload["errorMessage"]
    assert "/iot-connect-canary/another/targets" in invocation.payload["errorMessage"]


def test_bad_settings_are_reported_together(aws: LocalAws) -> None:
    """One error names every invalid setting."""
    stack = aws.deploy(
        BUILT_TEMPLATE,
        name="mistaken-canary",
        parameters={"ScheduleState": "DISABLED", "AuthMode": "custom-signed", "TimeoutSeconds": "0", "Targets": "[]"},
    )
    invocation = aws.invoke(stack.resources["CanaryFunction"], {})
    assert invocation.failed
    assert "CANARY_TARGETS" in invocation.payload["errorMessage"]
    messages = aws.log_messages(aws.log_group(stack.resources["CanaryFunction"]))
    assert any(json.loads(m).get("level") == "ERROR" for m in messages if m.startswith("{"))


def test_custom_mode_gives_the_role_no_connect(aws: LocalAws, plain: DeployedStack) -> None:
    """Only auth mode sigv4 gives the role iot:Connect."""
    iam = aws.client("iam")
    stack = aws.deploy(
        BUILT_TEMPLATE,
        name="unsigned-canary",
        parameters={"ScheduleState": "DISABLED", "AuthMode": "custom-unsigned", "AuthorizerName": "nobody"},
    )

    def actions(of: DeployedStack) -> str:
        role = of.outputs["RoleName"]
        names = iam.list_role_policies(RoleName=role)["PolicyNames"]
        documents = [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]
        return json.dumps(documents)

    assert "iot:Connect" in actions(plain)
    assert "iot:Connect" not in actions(stack)
    outcome = aws.invoke(stack.resources["CanaryFunction"], {}).payload["targets"][0]
    assert outcome["failure"] == "NotAuthorized"
