"""Packages and deploys a SAM template through the CloudFormation API."""

import io
import re
import time
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from botocore.exceptions import ClientError

from infra.local.client.process import LocalAwsError

# boto3 creates its client classes at run time.
Client: TypeAlias = Any

_CODE_URI = re.compile(r"^(?P<key>\s+CodeUri:\s+)(?P<path>[^\s{][^\n]*)$", re.MULTILINE)
_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
_NOT_CODE = frozenset({"__pycache__", "template.yaml", "README.md"})
_DEPLOY_SECONDS = 120.0
_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedStack:
    """A deployed stack: its outputs, and its resources' physical ids and types by logical id."""

    name: str
    outputs: Mapping[str, str]
    resources: Mapping[str, str]
    types: Mapping[str, str]

    def resource(self, logical_id: str) -> str:
        """Return the physical id of a resource, or raise `LocalAwsError`."""
        if logical_id not in self.resources:
            raise LocalAwsError(f"Stack {self.name} has no resource {logical_id}.")
        return self.resources[logical_id]


def zip_directory(directory: Path) -> bytes:
    """Return a zip archive of a directory's files, uncompressed because that is faster."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(directory.rglob("*")):
            relative = path.relative_to(directory)
            if path.is_file() and not _NOT_CODE.intersection(relative.parts):
                archive.write(path, relative.as_posix())
    return buffer.getvalue()


def package(template: Path, s3: Client, bucket: str) -> str:
    """Upload every local CodeUri to the bucket and return the template's text with the new URIs."""

    def upload(match: re.Match[str]) -> str:
        path = match["path"].strip("'\" ")
        if path.startswith("s3://"):
            return match[0]
        directory = template.parent / path
        key = f"code/{template.parent.name}-{Path(path).name}.zip"
        s3.put_object(Bucket=bucket, Key=key, Body=zip_directory(directory))
        return f"{match['key']}s3://{bucket}/{key}"

    if not template.is_file():
        raise LocalAwsError(f"There is no template at {template}.")
    return _CODE_URI.sub(upload, template.read_text())


def deploy(cloudformation: Client, *, name: str, template_url: str, parameters: Mapping[str, str]) -> DeployedStack:
    """Create or update a stack and wait for it, or raise `LocalAwsError` with the failed resources' reasons."""
    request = {
        "StackName": name,
        "TemplateURL": template_url,
        "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
        "Capabilities": _CAPABILITIES,
    }
    try:
        if _status(cloudformation, name):
            cloudformation.update_stack(**request)
        else:
            cloudformation.create_stack(**request)
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise LocalAwsError(f"Stack {name} was refused: {_error_message(error)}") from error
    _wait(cloudformation, name)
    return describe(cloudformation, name)


def _error_message(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Message", error))


def _status(cloudformation: Client, name: str) -> str:
    try:
        stacks = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except ClientError:
        return ""
    return str(stacks[0]["StackStatus"])


def _wait(cloudformation: Client, name: str) -> None:
    deadline = time.monotonic() + _DEPLOY_SECONDS
    status = _status(cloudformation, name)
    while status.endswith("_IN_PROGRESS") and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        status = _status(cloudformation, name)
    if status not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
        events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        reasons = [
            f"{event['LogicalResourceId']}: {event['ResourceStatusReason']}"
            for event in events
            if "FAILED" in event["ResourceStatus"] and event.get("ResourceStatusReason")
        ]
        raise LocalAwsError(f"Stack {name} ended as {status}. {' / '.join(reasons)}")


def delete(cloudformation: Client, name: str) -> None:
    """Delete a stack and wait until it is deleted, or raise `LocalAwsError`."""
    cloudformation.delete_stack(StackName=name)
    deadline = time.monotonic() + _DEPLOY_SECONDS
    while _status(cloudformation, name) == "DELETE_IN_PROGRESS" and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    status = _status(cloudformation, name)
    if status not in {"", "DELETE_COMPLETE"}:
        raise LocalAwsError(f"Stack {name} was not deleted; it is {status}.")


def describe(cloudformation: Client, name: str) -> DeployedStack:
    """Return a deployed stack's outputs and resources."""
    stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    outputs = {o["OutputKey"]: o["OutputValue"] for o in stack.get("Outputs", [])}
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
    summaries = [summary for page in pages for summary in page["StackResourceSummaries"]]
    return DeployedStack(
        name=name,
        outputs=outputs,
        resources={s["LogicalResourceId"]: s["PhysicalResourceId"] for s in summaries},
        types={s["LogicalResourceId"]: s["ResourceType"] for s in summaries},
    )
