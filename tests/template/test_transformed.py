"""What the SAM transform makes of the template: the schedule's target and role, and no unexpected resource."""

import json
from typing import Any

import pytest

from tests.template.cloudformation import read
from tests.template.sam_tools import run_tool

# What the transform adds to the resources that the template names.
ADDED = {
    "CanaryFunctionEventInvokeConfig": "AWS::Lambda::EventInvokeConfig",
    "CanaryFunctionSchedule": "AWS::Scheduler::Schedule",
    "PagerFunctionEventInvokeConfig": "AWS::Lambda::EventInvokeConfig",
    "PagerFunctionAlarms": "AWS::SNS::Subscription",
    "PagerFunctionAlarmsPermission": "AWS::Lambda::Permission",
    "PagerFunctionTick": "AWS::Scheduler::Schedule",
}
FUNCTION_ARN = {"Fn::GetAtt": ["CanaryFunction", "Arn"]}
_TRANSFORM = """
import json, os, sys
from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform

class NoPolicies:
    def load(self):
        return {}

os.environ["AWS_DEFAULT_REGION"] = "eu-west-1"
with open(sys.argv[1]) as file:
    template = yaml_parse(file.read())
for name in ("CanaryFunction", "PagerFunction", "StatusWidgetFunction"):
    template["Resources"][name]["Properties"]["CodeUri"] = "s3://bucket/key"
print(json.dumps(transform(template, {}, NoPolicies())["Resources"]))
"""


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    """The resources that CloudFormation is given."""
    done = run_tool("python", "-c", _TRANSFORM, "template.yaml")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def _only(value: list[Any] | Any) -> Any:
    if isinstance(value, list):
        (value,) = value
    return value


def test_transform_adds_no_other_resource(resources: dict[str, Any]) -> None:
    """A function URL, permission or role that SAM adds would show here."""
    own = {name: made["Type"] for name, made in read("template.yaml")["Resources"].items()}
    assert {n: made["Type"] for n, made in resources.items()} == {
        **own,
        "CanaryFunction": "AWS::Lambda::Function",
        "PagerFunction": "AWS::Lambda::Function",
        "StatusWidgetFunction": "AWS::Lambda::Function",
        **ADDED,
    }


def test_schedule_invokes_the_function(resources: dict[str, Any]) -> None:
    """The schedule's target is the function, with the schedules' role, one attempt and a short life."""
    assert resources["CanaryFunctionSchedule"]["Properties"]["Target"] == {
        "Arn": FUNCTION_ARN,
        "RoleArn": {"Fn::GetAtt": ["ScheduleRole", "Arn"]},
        "Input": {"Ref": "ScheduleInput"},
        "RetryPolicy": {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60},
    }


def test_schedule_role_may_only_invoke(resources: dict[str, Any]) -> None:
    """The schedules' role may invoke the two functions that have schedules, and nothing else."""
    role = resources["ScheduleRole"]["Properties"]
    assert role.keys() == {"Description", "PermissionsBoundary", "AssumeRolePolicyDocument", "Policies"}
    statement = _only(_only(role["Policies"])["PolicyDocument"]["Statement"])
    scheduled = [
        made["Properties"]["Target"] for made in resources.values() if made["Type"] == "AWS::Scheduler::Schedule"
    ]
    assert {target["RoleArn"]["Fn::GetAtt"][0] for target in scheduled} == {"ScheduleRole"}
    functions = [target["Arn"] for target in scheduled]
    assert statement == {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": functions}


@pytest.mark.parametrize(
    ("role", "service"),
    [
        ("CanaryRole", "lambda.amazonaws.com"),
        ("ScheduleRole", "scheduler.amazonaws.com"),
        ("PagerRole", "lambda.amazonaws.com"),
        ("StatusWidgetRole", "lambda.amazonaws.com"),
    ],
)
def test_roles_trusted_services(resources: dict[str, Any], role: str, service: str) -> None:
    """Each role can be taken by the one service that needs it."""
    assert {name for name, made in resources.items() if made["Type"] == "AWS::IAM::Role"} == {
        "CanaryRole",
        "ScheduleRole",
        "PagerRole",
        "StatusWidgetRole",
    }
    statement = _only(resources[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"])
    assert statement["Principal"].keys() == {"Service"}
    assert _only(statement["Principal"]["Service"]) == service


def test_function_runs_as_its_role(resources: dict[str, Any]) -> None:
    """The function's role is the template's, and asynchronous invocations are not repeated."""
    assert resources["CanaryFunction"]["Properties"]["Role"] == {"Fn::GetAtt": ["CanaryRole", "Arn"]}
    invocations = resources["CanaryFunctionEventInvokeConfig"]["Properties"]
    assert invocations["FunctionName"] == {"Ref": "CanaryFunction"}
    assert (invocations["MaximumRetryAttempts"], invocations["MaximumEventAgeInSeconds"]) == (0, 60)
