"""What the function's role and the clients' policy allow, for each way to set the canary up."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.template.cloudformation import STACK, canary, read

SSM = "arn:aws:ssm:eu-west-1:123456789012:parameter"
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret"
CLIENT = "arn:aws:iot:eu-west-1:123456789012:client"
OWN_PLACE = {
    "logs:CreateLogStream": ["<CanaryLogGroup.Arn>"],
    "logs:PutLogEvents": ["<CanaryLogGroup.Arn>"],
    "ssm:GetParameter": [f"{SSM}/iot-connect-canary/{STACK}/*"],
    "ssm:GetParametersByPath": [f"{SSM}/iot-connect-canary/{STACK}/*"],
    "secretsmanager:GetSecretValue": [f"{SECRET}:iot-connect-canary/{STACK}/*"],
    "sns:Publish": ["<AlarmTopic>"],
}
KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd"
# What gives the role every policy that it can have.
EVERYTHING = {
    "ReadableParameters": f"{SSM}/a",
    "ReadableSecrets": f"{SECRET}:a",
    "KmsKeyArn": KEY,
    "SubnetIds": "subnet-01234567",
    "SecurityGroupIds": "sg-01234567",
}
INTERFACES = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
]

DENIED_TO_CODE = sorted([*INTERFACES, "ec2:DetachNetworkInterface"])


def _list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def allowed(**values: str) -> dict[str, list[str]]:
    """Return the resources that the role may use, by action."""
    resources: dict[str, list[str]] = {}
    for policy in canary(**values).resources["CanaryRole"]["Properties"]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Deny":
                continue
            assert statement["Effect"] == "Allow"
            assert statement.keys() <= {"Effect", "Action", "Resource", "Condition"}
            for action in _list(statement["Action"]):
                resources.setdefault(action, []).extend(_list(statement["Resource"]))
    return resources


def _policies(**values: str) -> dict[str, Any]:
    """Return the role's policies by name."""
    policies = canary(**values).resources["CanaryRole"]["Properties"]["Policies"]
    assert all(policy.keys() == {"PolicyName", "PolicyDocument"} for policy in policies)
    return {policy["PolicyName"]: policy["PolicyDocument"] for policy in policies}


def _trust(**values: str) -> dict[str, Any]:
    role = canary(**values).resources["CanaryRole"]["Properties"]
    # No managed policy, no path.
    assert role.keys() == {"Description", "AssumeRolePolicyDocument", "Policies"}
    return dict(role["AssumeRolePolicyDocument"])


@pytest.mark.parametrize("values", [{}, {"AuthMode": "custom-signed"}, {"Targets": "ssm:/targets", "Name": "fleet"}])
def test_role_is_lambdas(values: dict[str, str]) -> None:
    """Only Lambda may assume the role."""
    assert _trust(**values)["Statement"] == [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ]


@pytest.mark.parametrize("path", ["template.yaml", "infra/authorizer/template.yaml"])
def test_principals(path: str) -> None:
    """No statement or permission of any template allows any principal but the required services."""
    principals = list(_principals(read(path)["Resources"]))
    assert (
        principals
        == {
            "template.yaml": [
                *({"Service": f"{name}.amazonaws.com"} for name in ("lambda", "scheduler", "cloudwatch", "cloudwatch")),
                *({"Service": "lambda.amazonaws.com"} for _ in range(2)),
            ],
            "infra/authorizer/template.yaml": [
                {"Service": "lambda.amazonaws.com"},
                *("iot.amazonaws.com", "iot.amazonaws.com"),
            ],
        }[path]
    )


def _principals(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from (each for key, each in value.items() if key in {"Principal", "NotPrincipal"})
    for each in value.values() if isinstance(value, dict) else _items(value):
        yield from _principals(each)


def test_role_by_default() -> None:
    """The role may connect under the prefix, call DescribeEndpoint, write its log and read its own prefix."""
    assert allowed() == {**OWN_PLACE, "iot:Connect": [f"{CLIENT}/test-*"], "iot:DescribeEndpoint": ["*"]}


def test_role_with_endpoint() -> None:
    """A canary with an endpoint may not call DescribeEndpoint."""
    assert allowed(Endpoint="host.example") == {**OWN_PLACE, "iot:Connect": [f"{CLIENT}/test-*"]}


@pytest.mark.parametrize("mode", ["sigv4-static", "custom-unsigned", "custom-signed"])
def test_role_not_used_to_connect(mode: str) -> None:
    """A mode that has its own credentials leaves the role without any IoT permission."""
    assert allowed(AuthMode=mode, Endpoint="host.example") == OWN_PLACE


def test_role_with_targets() -> None:
    """With a document of targets some may use the role, in any region, whatever the default mode is."""
    resources = allowed(AuthMode="custom-signed", Endpoint="host.example", Targets="ssm:/iot-connect-canary/c/targets")
    assert resources["iot:Connect"] == ["arn:aws:iot:*:123456789012:client/test-*"]


def test_role_with_client_id() -> None:
    """A fixed client id is the only one that may connect."""
    assert allowed(ClientId="test-one")["iot:Connect"] == [f"{CLIENT}/test-one"]


def test_role_with_client_id_and_targets() -> None:
    """With a document of targets the fixed client id is a default, so both may connect."""
    clients = allowed(ClientId="one", Targets="ssm:/iot-connect-canary/c/targets")["iot:Connect"]
    assert clients == [f"arn:aws:iot:*:123456789012:client/{name}" for name in ("test-*", "one")]


def test_role_with_signing_region() -> None:
    """The permission is for the region that is signed for."""
    clients = allowed(SigningRegion="us-east-1")["iot:Connect"]
    assert clients == ["arn:aws:iot:us-east-1:123456789012:client/test-*"]


def test_role_with_named_references() -> None:
    """Parameters, secrets and a key that are named may be read, and no others."""
    names = [f"{SSM}/shared/a", f"{SSM}/shared/b"]
    resources = allowed(ReadableParameters=",".join(names), ReadableSecrets=f"{SECRET}:shared-AbCdEf", KmsKeyArn=KEY)
    assert resources["ssm:GetParameter"] == [*OWN_PLACE["ssm:GetParameter"], *names]
    assert resources["secretsmanager:GetSecretValue"] == [
        *OWN_PLACE["secretsmanager:GetSecretValue"],
        f"{SECRET}:shared-AbCdEf",
    ]
    assert {*resources["kms:Decrypt"], *resources["kms:GenerateDataKey"]} == {KEY}


def test_role_in_subnets() -> None:
    """Only a function in subnets may make network interfaces there, and its code may not."""
    resources = allowed(SubnetIds="subnet-0123456789abcdef0", SecurityGroupIds="sg-0123456789abcdef0")
    assert resources.keys() - allowed().keys() == set(INTERFACES)
    assert {resource for action in INTERFACES for resource in resources[action]} == {"*"}
    _, denied = _policies(SubnetIds="subnet-01234567", SecurityGroupIds="sg-01234567")["attach-to-subnets"]["Statement"]
    assert denied == {
        "Effect": "Deny",
        "Action": DENIED_TO_CODE,
        "Resource": "*",
        "Condition": {
            "ArnLike": {"lambda:SourceFunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:*"},
        },
    }


def test_own_place_with_name() -> None:
    """The canary's own prefix contains its name."""
    resources = allowed(Name="fleet")
    assert resources["ssm:GetParameter"] == [f"{SSM}/iot-connect-canary/fleet/*"]
    assert resources["secretsmanager:GetSecretValue"] == [f"{SECRET}:iot-connect-canary/fleet/*"]


def test_decryption_only_for_parameters_and_secrets() -> None:
    """The key decrypts for SSM and Secrets Manager of the region only."""
    statement, _ = _policies(KmsKeyArn=KEY)["use-key"]["Statement"]
    assert statement["Condition"] == {
        "StringEquals": {"kms:ViaService": ["ssm.eu-west-1.amazonaws.com", "secretsmanager.eu-west-1.amazonaws.com"]}
    }


def test_policies_by_name() -> None:
    """Each permission that a parameter adds has its own policy."""
    optional = ["read-parameters", "read-secrets", "use-key", "attach-to-subnets"]
    always = ["write-log", "report-failed-runs", "read-own-prefix"]
    assert list(_policies()) == [*always, "connect", "ask-for-endpoint"]
    assert list(_policies(**EVERYTHING)) == [*_policies(), *optional]


def test_policies_state_their_version() -> None:
    """Without it IAM takes the language of 2008."""
    every = [*_policies(**EVERYTHING).values(), _trust()]
    (client,) = canary().of_type("AWS::IoT::Policy").values()
    assert {policy["Version"] for policy in [*every, client["PolicyDocument"]]} == {"2012-10-17"}


def _statements(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for each in value:
            yield from _statements(each)
    elif isinstance(value, dict):
        if "Effect" in value:
            yield value
        for each in value.values():
            yield from _statements(each)


def test_no_resource_is_everything() -> None:
    """Only where AWS has no narrower resource does a statement name all of them."""
    statements = list(_statements(read("template.yaml")["Resources"]))
    everything = [s["Action"] for s in statements if "*" in (s.get("Resource"), *_items(s.get("Resource")))]
    assert len(statements) > len(everything)
    # The second is Lambda's own need in a VPC, whose interfaces have no names beforehand; the third denies that to the
    # function's code; the fourth lists.
    assert everything == ["iot:DescribeEndpoint", INTERFACES, DENIED_TO_CODE, "cloudwatch:ListAlarmMuteRules"]
    assert not [s for s in statements if "*" in str(s["Action"])]


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


@pytest.mark.parametrize("prefix", ["test-", "fleet-canary-"])
def test_client_policy(prefix: str) -> None:
    """The IoT policy lets clients connect under the prefix and do nothing else."""
    (policy,) = canary(ClientIdPrefix=prefix).of_type("AWS::IoT::Policy").values()
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement == {"Effect": "Allow", "Action": "iot:Connect", "Resource": f"{CLIENT}/{prefix}*"}


@pytest.mark.parametrize(
    ("given", "region"),
    [({}, "eu-west-1"), ({"SigningRegion": "us-east-1"}, "us-east-1"), ({"Targets": "ssm:/targets"}, "*")],
)
def test_client_id_in_its_region(given: dict[str, str], region: str) -> None:
    """A fixed client id may connect in the region that is signed for, and in any with a document of targets."""
    found = allowed(ClientId="one", **given)["iot:Connect"]
    assert found[-1] == f"arn:aws:iot:{region}:123456789012:client/one"


def test_status_widget_reads_the_log_only() -> None:
    """Whoever may look at the dashboard may invoke the widget's function, so it may do nothing but read this log."""
    role = canary().resources["StatusWidgetRole"]["Properties"]
    assert role.keys() == {"Description", "AssumeRolePolicyDocument", "Policies"}
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust == {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    (policy,) = role["Policies"]
    own = "arn:aws:logs:eu-west-1:123456789012:log-group:<CanaryLogGroup>"
    assert policy["PolicyDocument"]["Statement"] == [
        {"Effect": "Allow", "Action": "logs:FilterLogEvents", "Resource": ["<CanaryLogGroup.Arn>", own]}
    ]
