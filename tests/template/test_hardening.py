"""What keeps others out, and what holds in every partition: topics, trust, encryption, limits, retained logs."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from infra.shards import split
from infra.shards import template as shards_template
from tests.template.cloudformation import PSEUDO, STACK, ResolvedTemplate, canary, read

KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd"
BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"
AUTHORIZER = "infra/authorizer/template.yaml"
# The suffix of regional services, and the console's host.
PARTITIONS = {
    "aws": ("eu-west-1", "amazonaws.com", "eu-west-1.console.aws.amazon.com"),
    "aws-cn": ("cn-north-1", "amazonaws.com.cn", "console.amazonaws.cn"),
    "aws-us-gov": ("us-gov-west-1", "amazonaws.com", "console.amazonaws-us-gov.com"),
}
every_partition = pytest.mark.parametrize("partition", PARTITIONS)
# What turns on every resource and every statement.
EVERYTHING = {
    "AlarmEmail": "a@example.com",
    "KmsKeyArn": KEY,
    "LatencyThresholdMilliseconds": "500",
    "PageWebhookUrl": "ssm:/iot-connect-canary/c/webhook",
    "PermissionsBoundaryArn": BOUNDARY,
    "ReservedConcurrency": "2",
    "SecurityGroupIds": "sg-01234567",
    "SubnetIds": "subnet-01234567",
}
# Ends of names of services: as principals these are the same in every partition.
PRINCIPALS = {"lambda.amazonaws.com", "scheduler.amazonaws.com", "cloudwatch.amazonaws.com", "iot.amazonaws.com"}


def _in(partition: str, template: dict[str, Any], **values: str) -> ResolvedTemplate:
    region, suffix, _ = PARTITIONS[partition]
    pseudo = {**PSEUDO, "AWS::Partition": partition, "AWS::Region": region, "AWS::URLSuffix": suffix}
    return ResolvedTemplate(template=template, values=values, pseudo=pseudo)


def _shards() -> dict[str, Any]:
    return shards_template("fleet", split([{"name": "a"}, {"name": "b"}], max_targets=1))


def _templates(partition: str) -> list[ResolvedTemplate]:
    given = {"FunctionName": "f", "AlarmTopicArn": f"arn:{partition}:sns:here:123456789012:t"}
    return [
        _in(partition, read("template.yaml"), **EVERYTHING),
        _in(partition, read(AUTHORIZER), PasswordSha256="a" * 64, TokenSigningPublicKey="key", TokenSha256="b" * 64),
        _in(partition, _shards(), **given),
    ]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    else:
        yield str(value)


@every_partition
def test_arns_of_the_partition(partition: str) -> None:
    """Every ARN that a template makes is of its own partition, region and account."""
    region = PARTITIONS[partition][0]
    given = {*EVERYTHING.values()}
    for template in _templates(partition):
        made = [text for text in _texts(template.resources) if text not in given]
        arns = [arn for text in made for arn in re.findall(r"arn:[^\s'\",]*", text)]
        assert len(arns) >= 1
        for arn in arns:
            assert re.match(rf"arn:{partition}:[a-z]+:({region}|here)?:123456789012:", arn), arn


@every_partition
def test_hosts_of_the_partition(partition: str) -> None:
    """Services and consoles have the names that they have there."""
    region, suffix, console = PARTITIONS[partition]
    for template in _templates(partition):
        hosts = {
            host for text in _texts(template.resources) for host in re.findall(r"[a-z0-9.-]+\.amazonaws\.[a-z.]+", text)
        }
        through = {
            f"{name}.{region}.{end}" for name in ("ssm", "secretsmanager", "sns") for end in ("amazonaws.com", suffix)
        }
        assert hosts <= PRINCIPALS | through
    output = read("template.yaml")["Outputs"]["DashboardUrl"]["Value"]
    url = _in(partition, read("template.yaml")).resolve(output)
    assert url == f"https://{console}/cloudwatch/home?region={region}#dashboards:name=<CanaryDashboard>"


@every_partition
def test_key_is_used_through_services_only(partition: str) -> None:
    """Each permission on the key names the services that use it; in China their names may end either way."""
    region, suffix, _ = PARTITIONS[partition]
    template = _in(partition, read("template.yaml"), **EVERYTHING)
    used = [statement for statement in _statements(template.resources) if statement.get("Resource") == KEY]
    ends = dict.fromkeys(["amazonaws.com", suffix])
    services = [["ssm", "secretsmanager"], ["sns"]] * 2
    assert [statement["Condition"] for statement in used] == [
        {"StringEquals": {"kms:ViaService": [f"{name}.{region}.{end}" for end in ends for name in names]}}
        for names in services
    ]


def _statements(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "Effect" in value:
            yield value
        for each in value.values():
            yield from _statements(each)
    elif isinstance(value, list):
        for each in value:
            yield from _statements(each)


def test_only_the_alarms_publish() -> None:
    """The policy of each topic lets the stack's alarms, and those of its shards, publish, and nobody else."""
    resources = canary().resources
    for topic in ("AlarmTopic", "PageTopic"):
        policy = resources[f"{topic}Policy"]["Properties"]
        assert policy["Topics"] == [f"<{topic}>"]
        assert policy["PolicyDocument"]["Statement"] == [
            {
                "Effect": "Allow",
                "Principal": {"Service": "cloudwatch.amazonaws.com"},
                "Action": "sns:Publish",
                "Resource": f"<{topic}>",
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": "123456789012"},
                    "ArnLike": {"aws:SourceArn": f"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:{STACK}-*"},
                },
            }
        ]


def test_every_topic_has_its_policy() -> None:
    """A topic without one has SNS's own, which lets the whole account publish."""
    made = canary()
    assert {f"<{name}>" for name in made.of_type("AWS::SNS::Topic")} == {
        policy["Topics"][0] for policy in made.of_type("AWS::SNS::TopicPolicy").values()
    }


@pytest.mark.parametrize("stack", ["canary", "shards"])
def test_schedules_of_this_account_only(stack: str) -> None:
    """EventBridge Scheduler assumes the role for schedules of this account's group."""
    template = canary() if stack == "canary" else _templates("aws")[2]
    group = "arn:aws:scheduler:eu-west-1:123456789012:schedule-group/default"
    (statement,) = template.resources["ScheduleRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Principal": {"Service": "scheduler.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012", "aws:SourceArn": group}},
    }
    assert all("GroupName" not in each for each in template.of_type("AWS::Scheduler::Schedule").values())


def _stacks(**values: str) -> list[ResolvedTemplate]:
    """Return the stacks that have these parameters, with the same values."""
    authorizer = ResolvedTemplate(template=read(AUTHORIZER), values=values)
    return [canary(**values), authorizer]


def test_one_key_encrypts_everything() -> None:
    """Topics, logs and environments have the key that is given, and AWS's own without one."""
    names = {
        "AWS::SNS::Topic": "KmsMasterKeyId",
        "AWS::Logs::LogGroup": "KmsKeyId",
        "AWS::Serverless::Function": "KmsKeyArn",
    }
    for keyed, plain in zip(_stacks(KmsKeyArn=KEY), _stacks(), strict=True):
        for kind, name in names.items():
            assert {made[name] for made in keyed.of_type(kind).values()} <= {KEY}
            assert all(name not in made for made in plain.of_type(kind).values())
    assert len(canary(KmsKeyArn=KEY).of_type("AWS::SNS::Topic")) == 2


def test_every_role_has_the_boundary() -> None:
    """A role without it could not be made where boundaries are demanded."""
    shards = [_in("aws", _shards(), FunctionName="f", AlarmTopicArn="t", PermissionsBoundaryArn=BOUNDARY)]
    for template in [*_stacks(PermissionsBoundaryArn=BOUNDARY), *shards]:
        roles = template.of_type("AWS::IAM::Role")
        assert roles
        assert {role["PermissionsBoundary"] for role in roles.values()} == {BOUNDARY}
    for template in _stacks():
        assert all("PermissionsBoundary" not in role for role in template.of_type("AWS::IAM::Role").values())
        # A function without a role of the template's gets one from SAM.
        assert all("Role" in function for function in template.of_type("AWS::Serverless::Function").values())


def test_reserved_concurrency() -> None:
    """Nothing is reserved unless asked for: a new account has too little to reserve from."""
    assert "ReservedConcurrentExecutions" not in canary().resources["CanaryFunction"]["Properties"]
    made = canary(ReservedConcurrency="2").resources["CanaryFunction"]["Properties"]
    assert made["ReservedConcurrentExecutions"] == "2"


@pytest.mark.parametrize("path", ["template.yaml", AUTHORIZER])
def test_logs_outlive_the_stack(path: str) -> None:
    """They are kept for their days; their names are free, so that the next stack of the same name can be made."""
    groups = [made for made in read(path)["Resources"].values() if made["Type"] == "AWS::Logs::LogGroup"]
    assert groups
    for group in groups:
        assert (group["DeletionPolicy"], group["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
        assert "LogGroupName" not in group["Properties"]
        assert group["Properties"]["RetentionInDays"]


def test_no_secret_in_a_template() -> None:
    """Nothing that a template makes holds a text of CloudFormation's that resolves a secret into it."""
    for path in ("template.yaml", AUTHORIZER):
        assert "{{resolve:" not in json.dumps(read(path))
