"""The AWS account that the check runs on, and the names of everything that the check makes there."""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import boto3
from botocore.exceptions import WaiterError

from infra.local.client import stacks
from infra.local.client.stacks import Client, DeployedStack

# The services in which the check makes something, with the actions that it needs there.
PERMISSIONS: Mapping[str, str] = {
    "cloudformation": "CreateStack, DeleteStack, Describe*, List*",
    "cloudwatch": "PutMetricAlarm, DeleteAlarms, Describe*, tags",
    "iam": "users, roles and their inline policies, PassRole",
    "iot": "DescribeEndpoint, authorizers and policies",
    "lambda": "functions, their permissions and InvokeFunction",
    "logs": "log groups",
    "s3": "one bucket and its objects",
    "scheduler": "schedules",
    "secretsmanager": "one secret",
    "sns": "topics and subscriptions",
    "sqs": "queues",
    "ssm": "one parameter",
}
_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
_POLL_S = 1.0
_STACK_POLL = {"Delay": 2, "MaxAttempts": 450}
_PARTITION = re.compile(r"^arn:([a-z-]+):")

T = TypeVar("T")


class CheckError(Exception):
    """The check has not seen what it must see; the message is a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The names of what is made, all from one, so that a later clean-up finds them."""

    name: str
    account: str
    region: str

    @property
    def canary(self) -> str:
        """The canary and its stack."""
        return self.name

    @property
    def authorizer(self) -> str:
        """The stack of the sample authorizer."""
        return f"{self.name}-authorizer"

    @property
    def bucket(self) -> str:
        """The bucket that the templates and the code are uploaded to."""
        return f"{self.name}-{self.account}-{self.region}"

    @property
    def user(self) -> str:
        """The IAM user whose key is the static one."""
        return f"{self.name}-static-{self.region}"

    @property
    def secret(self) -> str:
        """The secret that the targets refer to."""
        return f"iot-connect-canary/{self.name}/verify"

    @property
    def parameter(self) -> str:
        """The SSM parameter with the targets document."""
        return f"/iot-connect-canary/{self.name}/targets"

    @property
    def queue(self) -> str:
        """The SQS queue that receives the pages."""
        return f"{self.name}-pages"


class Account:
    """Clients of one account and region, and what is done with several of them."""

    def __init__(self, session: boto3.Session, name: str) -> None:
        self._session = session
        self._clients: dict[str, Client] = {}
        identity = self.client("sts").get_caller_identity()
        self.caller = str(identity["Arn"])
        self.names = Names(name=name, account=str(identity["Account"]), region=str(session.region_name))

    @property
    def partition(self) -> str:
        """The partition, as `aws`."""
        match = _PARTITION.match(self.caller)
        return match[1] if match else "aws"

    def client(self, service: str) -> Client:
        """Return a client; boto3 reads AWS_ENDPOINT_URL by itself."""
        if service not in self._clients:
            self._clients[service] = self._session.client(service)
        return self._clients[service]

    def deploy(self, template: Path, *, name: str, parameters: Mapping[str, str]) -> DeployedStack:
        """Create a stack from a built template and wait for it."""
        cloudformation, s3, bucket = self.client("cloudformation"), self.client("s3"), self.names.bucket
        key = f"templates/{name}.yaml"
        s3.put_object(Bucket=bucket, Key=key, Body=stacks.package(template, s3, bucket).encode())
        cloudformation.create_stack(
            StackName=name,
            TemplateURL=f"{s3.meta.endpoint_url}/{bucket}/{key}",
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=_CAPABILITIES,
        )
        try:
            cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig=_STACK_POLL)
        except WaiterError as error:
            raise CheckError(f"stack {name} was not created: {' / '.join(self._reasons(name))}") from error
        return stacks.describe(cloudformation, name)

    def _reasons(self, stack: str) -> Iterator[str]:
        for event in self.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]:
            if "FAILED" in event["ResourceStatus"]:
                yield f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason')}"

    def invoke(self, function: str, event: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Run the canary once and return its targets' outcomes."""
        response = self.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
        payload = json.loads(response["Payload"].read())
        if "FunctionError" in response:
            raise CheckError(f"the function failed: {payload.get('errorMessage', payload)}")
        return list(payload["targets"])


def wait_for(look: Callable[[], T | None], *, seconds: float, what: str) -> T:
    """Call `look` until its result is true and return that, or raise `CheckError` that it did not come."""
    deadline = time.monotonic() + seconds
    while True:
        result = look()
        if result:
            return result
        if time.monotonic() > deadline:
            raise CheckError(f"{what} did not come within {seconds:.0f} s")
        time.sleep(_POLL_S)
