"""Packaging a template and deploying it with CloudFormation's API: what is asked for, and what a failure says."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from infra.local.client import stacks
from infra.local.client.process import LocalAwsError

KEYS = {"region_name": "eu-west-1", "aws_access_key_id": "a", "aws_secret_access_key": "s"}
URL = "http://127.0.0.1:1/bucket/template.yaml"


@pytest.fixture
def s3() -> Iterator[Stubber]:
    """A client of S3 whose requests are compared with the expected ones."""
    with Stubber(boto3.client("s3", **KEYS)) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


class CloudFormation:
    """A real client of CloudFormation whose responses are given beforehand."""

    def __init__(self) -> None:
        self.client = boto3.client("cloudformation", **KEYS)
        self._stubber = Stubber(self.client)
        self._stubber.activate()

    def has_status(self, *statuses: str, outputs: Mapping[str, str] | None = None) -> None:
        """Answer DescribeStacks with each status in turn; an empty one is no such stack."""
        for status in statuses:
            request = {"StackName": "canary"}
            if not status:
                self._stubber.add_client_error("describe_stacks", "ValidationError", "gone", 400, None, request)
                continue
            made = [{"OutputKey": key, "OutputValue": value} for key, value in (outputs or {}).items()]
            stack = {"StackName": "canary", "CreationTime": 0, "StackStatus": status, "Outputs": made}
            self._stubber.add_response("describe_stacks", {"Stacks": [stack]}, request)

    def is_asked(self, operation: str, **parameters: str) -> None:
        """Expect a stack to be created or updated."""
        self._stubber.add_response(operation, {"StackId": "id"}, deployment(**parameters))

    def refuses(self, operation: str, message: str) -> None:
        """Expect a stack to be created or updated, and refuse it."""
        self._stubber.add_client_error(operation, "ValidationError", message, 400, None, deployment())

    def has_events(self, *events: tuple[str, str, str]) -> None:
        """Answer DescribeStackEvents."""
        told = [
            {"StackId": "i", "EventId": "e", "StackName": "canary", "Timestamp": 0}
            | {"LogicalResourceId": name, "ResourceStatus": status, **({"ResourceStatusReason": why} if why else {})}
            for name, status, why in events
        ]
        self._stubber.add_response("describe_stack_events", {"StackEvents": told}, {"StackName": "canary"})

    def has_resources(self, *names: str, page: str = "", following: str = "") -> None:
        """Answer one page of ListStackResources."""
        found = [
            {"LogicalResourceId": name, "PhysicalResourceId": f"{name}-1", "ResourceType": f"Type::{name[0]}"}
            | {"LastUpdatedTimestamp": 0, "ResourceStatus": "CREATE_COMPLETE"}
            for name in names
        ]
        response: dict[str, Any] = {"StackResourceSummaries": found, **({"NextToken": following} if following else {})}
        request = {"StackName": "canary", **({"NextToken": page} if page else {})}
        self._stubber.add_response("list_stack_resources", response, request)

    def is_deleted(self) -> None:
        """Expect the stack to be deleted."""
        self._stubber.add_response("delete_stack", {}, {"StackName": "canary"})

    def deploy(self, **parameters: str) -> stacks.DeployedStack:
        """Deploy, and check that every expected request was made."""
        made = stacks.deploy(self.client, name="canary", template_url=URL, parameters=parameters)
        self._stubber.assert_no_pending_responses()
        return made

    def delete(self) -> None:
        """Delete, and check that every expected request was made."""
        stacks.delete(self.client, "canary")
        self._stubber.assert_no_pending_responses()


def deployment(**parameters: str) -> dict[str, Any]:
    """Return the request that creates or updates the stack."""
    return {
        "StackName": "canary",
        "TemplateURL": URL,
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
    }


@pytest.fixture
def cloudformation() -> CloudFormation:
    """CloudFormation, whose responses a test gives."""
    return CloudFormation()


def test_new_stack(cloudformation: CloudFormation) -> None:
    """A stack that does not exist is created; its outputs and the resources of every page are returned."""
    cloudformation.has_status("")
    cloudformation.is_asked("create_stack", Name="n", Targets="t")
    cloudformation.has_status("CREATE_IN_PROGRESS", "CREATE_IN_PROGRESS", "CREATE_COMPLETE")
    cloudformation.has_status("CREATE_COMPLETE", outputs={"Arn": "arn:1"})
    cloudformation.has_resources("A", "B", following="more")
    cloudformation.has_resources("C", page="more")
    stack = cloudformation.deploy(Name="n", Targets="t")
    assert (stack.name, stack.outputs) == ("canary", {"Arn": "arn:1"})
    assert stack.resources == {"A": "A-1", "B": "B-1", "C": "C-1"}
    assert stack.types == {"A": "Type::A", "B": "Type::B", "C": "Type::C"}
    assert stack.resource("B") == "B-1"


def test_resource_that_is_missing() -> None:
    """A resource that the stack does not have, as one of another template, is a sentence."""
    stack = stacks.DeployedStack(name="s", outputs={}, resources={"A": "1"}, types={"A": "T"})
    with pytest.raises(LocalAwsError, match=r"^Stack s has no resource B\.$"):
        stack.resource("B")


def test_existing_stack(cloudformation: CloudFormation) -> None:
    """A stack that exists is updated."""
    cloudformation.has_status("CREATE_COMPLETE")
    cloudformation.is_asked("update_stack", Name="n")
    cloudformation.has_status("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE", "UPDATE_COMPLETE")
    cloudformation.has_resources()
    assert cloudformation.deploy(Name="n").resources == {}


def test_stack_without_a_change(cloudformation: CloudFormation) -> None:
    """An update that changes nothing is as good as one that does."""
    cloudformation.has_status("UPDATE_COMPLETE")
    cloudformation.refuses("update_stack", "No updates are to be performed.")
    cloudformation.has_status("UPDATE_COMPLETE", "UPDATE_COMPLETE")
    cloudformation.has_resources("A")
    assert cloudformation.deploy().resources == {"A": "A-1"}


@pytest.mark.parametrize(("status", "operation"), [("", "create_stack"), ("CREATE_COMPLETE", "update_stack")])
def test_refused_stack(cloudformation: CloudFormation, status: str, operation: str) -> None:
    """CloudFormation's own words say why a stack was refused."""
    cloudformation.has_status(status)
    cloudformation.refuses(operation, "The period is 60.")
    with pytest.raises(LocalAwsError) as raised:
        cloudformation.deploy()
    assert str(raised.value) == "Stack canary was refused: The period is 60."


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "CREATE_FAILED", "UPDATE_ROLLBACK_COMPLETE"])
def test_failed_stack(cloudformation: CloudFormation, status: str) -> None:
    """A stack that ends otherwise is named with the reasons of the resources that failed."""
    cloudformation.has_status("")
    cloudformation.is_asked("create_stack")
    cloudformation.has_status("CREATE_IN_PROGRESS", status)
    cloudformation.has_events(
        ("Role", "CREATE_FAILED", "no such principal"),
        ("Topic", "CREATE_FAILED", ""),
        ("Log", "CREATE_COMPLETE", "made"),
        ("Old", "DELETE_FAILED", "in use"),
    )
    with pytest.raises(LocalAwsError) as raised:
        cloudformation.deploy()
    assert str(raised.value) == f"Stack canary ended as {status}. Role: no such principal / Old: in use"


@pytest.mark.parametrize("last", ["", "DELETE_COMPLETE"])
def test_deleted_stack(cloudformation: CloudFormation, last: str) -> None:
    """Deleting waits until the stack is gone, and then asks no more than once again."""
    cloudformation.is_deleted()
    cloudformation.has_status("DELETE_IN_PROGRESS", "DELETE_IN_PROGRESS", last, last)
    cloudformation.delete()


def test_stack_that_stays(cloudformation: CloudFormation) -> None:
    """A stack that cannot be deleted is named with its status."""
    cloudformation.is_deleted()
    cloudformation.has_status("DELETE_IN_PROGRESS", "DELETE_FAILED", "DELETE_FAILED")
    with pytest.raises(LocalAwsError, match=r"^Stack canary was not deleted; it is DELETE_FAILED\.$"):
        cloudformation.delete()


def files(directory: Path, *names: str) -> None:
    """Write files that hold their own names."""
    for name in names:
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def test_code_is_zipped(tmp_path: Path) -> None:
    """A package holds a directory's files in order, uncompressed, but no byte code, template or page."""
    files(tmp_path, "b.py", "a/c.py", "a/__pycache__/c.pyc", "template.yaml", "README.md", "a/README.md")
    with zipfile.ZipFile(io.BytesIO(stacks.zip_directory(tmp_path))) as archive:
        assert archive.namelist() == ["a/c.py", "b.py"]
        assert archive.read("a/c.py") == b"a/c.py"
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}


TEMPLATE = """\
Resources:
  One:
    Properties:
      CodeUri: {one}
      Handler: one.handler
  Two:
    Properties:
      CodeUri: s3://elsewhere/two.zip
  Three:
    Properties:
      CodeUri: {{Bucket: b}}
"""


@pytest.mark.parametrize("written", ["code/one", "'code/one'", '"code/one"'])
def test_template_is_packaged(s3: Stubber, tmp_path: Path, written: str) -> None:
    """A directory's code is uploaded and referred to; code that lies in S3 already stays there."""
    template = tmp_path / "build" / "template.yaml"
    files(tmp_path / "build", "code/one/a.py")
    template.write_text(TEMPLATE.format(one=written))
    key = "code/build-one.zip"
    s3.add_response("put_object", {}, {"Bucket": "bucket", "Key": key, "Body": ANY})
    packaged = stacks.package(template, s3.client, "bucket")
    assert packaged == TEMPLATE.format(one=f"s3://bucket/{key}")


def test_template_is_missing(s3: Stubber, tmp_path: Path) -> None:
    """A template that does not exist is a sentence."""
    with pytest.raises(LocalAwsError, match=rf"^There is no template at {tmp_path}/none\.yaml\.$"):
        stacks.package(tmp_path / "none.yaml", s3.client, "bucket")
