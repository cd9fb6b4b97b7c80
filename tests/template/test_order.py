"""The template reads as the console shows it, and makes no name in two ways."""

import re
from typing import Any

import pytest

from connect_canary.config.settings import SETTINGS
from tests.template.cloudformation import ROOT, read
from tests.template.test_parameters import PARAMETERS, VARIABLES

TEMPLATE = read("template.yaml")
GROUPS = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]


def test_parameters_stand_in_the_order_of_their_groups() -> None:
    """Who reads the template finds them as the console shows them."""
    assert list(PARAMETERS) == [name for group in GROUPS for name in group["Parameters"]]


@pytest.mark.parametrize("section", ["Rules", "Conditions"])
def test_rules_and_conditions_stand_in_the_order_of_the_groups(section: str) -> None:
    """Each stands where its first parameter does; a condition that is made of others only follows them."""
    group_of = {name: number for number, group in enumerate(GROUPS) for name in group["Parameters"]}
    parameters = [_refs(value) for value in TEMPLATE[section].values()]
    found = [min(group_of[name] for name in refs) for refs in parameters if refs]
    assert found == sorted(found)


def _refs(value: Any) -> set[str]:
    """Return the parameters that a rule or condition itself refers to."""
    if isinstance(value, list):
        return {name for each in value for name in _refs(each)}
    if not isinstance(value, dict):
        return set()
    names = {name for key, each in value.items() for name in ({str(each)} if key == "Ref" else _refs(each))}
    return {name for name in names if not name.startswith("AWS::")}


def test_variables_stand_in_the_order_of_the_settings() -> None:
    """The function's environment reads as the reference does."""
    assert list(VARIABLES)[: len(SETTINGS)] == [setting.variable for setting in SETTINGS]


@pytest.mark.parametrize("condition", ["HasName", "HasSigningRegion", "HasTargets"])
def test_what_a_condition_chooses_is_the_same_everywhere(condition: str) -> None:
    """CloudFormation has no variables: an expression that must be repeated is repeated letter by letter."""
    chosen = [str(found) for found in _choices(TEMPLATE, condition)]
    assert chosen
    assert len(set(chosen)) == 1


def _choices(value: Any, condition: str) -> list[Any]:
    if isinstance(value, list):
        return [found for each in value for found in _choices(each, condition)]
    if not isinstance(value, dict):
        return []
    own = [value["Fn::If"]] if "Fn::If" in value and value["Fn::If"][0] == condition else []
    return own + [found for each in value.values() for found in _choices(each, condition)]


def test_every_arn_of_a_service_is_made_the_same_way() -> None:
    """Partition, account and path of one kind of resource are written in one way, but for what is its own."""
    arns = re.findall(r"arn:\$\{AWS::Partition\}:(\S+)", (ROOT / "template.yaml").read_text())
    stems = {re.sub(r"\$\{(AWS::)?Region\}", "REGION", arn).partition("/")[0] for arn in arns}
    assert sorted(stems) == [
        "cloudwatch:REGION:${AWS::AccountId}:alarm:${AWS::StackName}-*",
        "iot:REGION:${AWS::AccountId}:client",
        "lambda:REGION:${AWS::AccountId}:function:*",
        "logs:REGION:${AWS::AccountId}:log-group:${CanaryLogGroup}",
        "logs:REGION:${AWS::AccountId}:log-group:${PagerLogGroup}",
        "scheduler:REGION:${AWS::AccountId}:schedule-group",
        # The two with a variable are of one value, which a parameter names.
        "secretsmanager:REGION:${AWS::AccountId}:secret:${Secret}-??????",
        "secretsmanager:REGION:${AWS::AccountId}:secret:iot-connect-canary",
        "ssm:REGION:${AWS::AccountId}:parameter",
        "ssm:REGION:${AWS::AccountId}:parameter${Path}",
    ]
