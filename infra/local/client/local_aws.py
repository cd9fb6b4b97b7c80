"""A local AWS for tests and `make run`: start it, deploy to it, look into it.

with LocalAws.start() as aws:
stack = aws.deploy(template, name="canary", parameters={})
print(aws.invoke(stack.resources["CanaryFunction"], {}))
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import boto3
import botocore.session
from botocore.config import Config

from infra.local.client import stacks
from infra.local.client.process import ACCOUNT_ID, REGION, LocalAwsError, RunningServer, running_server

__all__ = ["ACCOUNT_ID", "REGION", "AccessKey", "Invocation", "LocalAws", "LocalAwsError"]

_BUCKET = "local-deployments"
_OPERATOR = "operator"
_ADMINISTRATOR = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """An access key; the secret parts stay out of its repr."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """What one synchronous invocation gave back: its payload, and whether the function raised."""

    payload: Any
    failed: bool


class LocalAws:
    """One running local AWS and an administrator's clients for it."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self._clients: dict[str, Any] = {}
        root = AccessKey(access_key_id=server.root_key_id, secret_access_key=server.root_secret)
        # Root bypasses policies in MiniStack, so it only makes the user that we work as.
        iam = self._session(root).client("iam", **self._client_options())
        self.operator = create_user(iam, _OPERATOR, _ADMINISTRATOR)
        self.client("s3").create_bucket(Bucket=_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})

    @classmethod
    @contextmanager
    def start(cls, *, speed: float = 1.0) -> Iterator[Self]:
        """Run a local AWS for the time of the context.

        At `speed` 12 a minute of schedules and of alarms takes 5 seconds; connects, deadlines
        and log times stay real.
        """
        with running_server(speed=speed) as server:
            yield cls(server)

    @property
    def iot_endpoint(self) -> str:
        """The address (`host:port`) that DescribeEndpoint answers."""
        return self.server.iot_endpoint

    @property
    def authority(self) -> Path:
        """The PEM file that clients must trust to reach the IoT endpoint."""
        return self.server.authority

    def client(self, service: str, key: AccessKey | None = None) -> stacks.Client:
        """Return a boto3 client, the administrator's unless a key is given."""
        if key is not None:
            return self._session(key).client(service, **self._client_options())
        if service not in self._clients:
            session = self._session(self.operator)
            self._clients[service] = session.client(service, **self._client_options())
        return self._clients[service]

    def _client_options(self) -> dict[str, Any]:
        # AWS validates durations below 900 s away; a test needs a session that soon expires.
        config = Config(proxies={}, retries={"max_attempts": 1}, parameter_validation=False)
        return {"endpoint_url": self.server.api_url, "config": config}

    @staticmethod
    def _session(key: AccessKey) -> boto3.Session:
        # The caller's profile and files must neither help nor hinder.
        variables = {
            "profile": (None, None, None, None),
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
        }
        return boto3.Session(
            aws_access_key_id=key.access_key_id,
            aws_secret_access_key=key.secret_access_key,
            aws_session_token=key.session_token,
            region_name=REGION,
            botocore_session=botocore.session.Session(session_vars=variables),
        )

    def deploy(self, template: Path, *, name: str, parameters: Mapping[str, str] | None = None) -> stacks.DeployedStack:
        """Deploy a (built) SAM template as a new stack, or update the stack of this name."""
        s3 = self.client("s3")
        body = stacks.package(template, s3, _BUCKET)
        key = f"templates/{name}.yaml"
        s3.put_object(Bucket=_BUCKET, Key=key, Body=body.encode())
        return stacks.deploy(
            self.client("cloudformation"),
            name=name,
            template_url=f"{self.server.api_url}/{_BUCKET}/{key}",
            parameters=parameters or {},
        )

    def delete(self, name: str) -> None:
        """Delete a stack and wait until it is gone."""
        stacks.delete(self.client("cloudformation"), name)

    def invoke(self, function: str, event: Mapping[str, Any]) -> Invocation:
        """Invoke a function and wait for what it returns."""
        answer = self.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
        payload = json.loads(answer["Payload"].read() or b"null")
        return Invocation(payload=payload, failed="FunctionError" in answer)

    def log_group(self, function: str) -> str:
        """Return the name of the log group that a function writes to."""
        configuration = self.client("lambda").get_function_configuration(FunctionName=function)
        chosen = configuration.get("LoggingConfig", {}).get("LogGroup")
        return str(chosen or f"/aws/lambda/{function}")

    def log_messages(self, group: str) -> list[str]:
        """Return every message of a log group, in the order of their times."""
        pages = self.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
        return [event["message"] for page in pages for event in page["events"]]

    def metric_points(self, namespace: str, metric: str, dimensions: Mapping[str, str]) -> list[dict[str, Any]]:
        """Return a metric's datapoints of the last day, oldest first, one for each second that has any."""
        now = datetime.now(UTC)
        statistics = self.client("cloudwatch").get_metric_statistics(
            Namespace=namespace,
            MetricName=metric,
            Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
            StartTime=now - timedelta(days=1),
            EndTime=now + timedelta(minutes=1),
            Period=1,
            Statistics=["Average", "SampleCount", "Sum"],
        )
        return sorted(statistics["Datapoints"], key=lambda point: point["Timestamp"])

    def alarms(self, prefix: str = "") -> dict[str, dict[str, Any]]:
        """Return every alarm, composite ones too, by name, in CloudWatch's words."""
        described = self.client("cloudwatch").describe_alarms(
            AlarmNamePrefix=prefix, AlarmTypes=["MetricAlarm", "CompositeAlarm"]
        )
        alarms = [*described["MetricAlarms"], *described.get("CompositeAlarms", [])]
        return {alarm["AlarmName"]: alarm for alarm in alarms}

    def alarm_states(self, prefix: str = "") -> dict[str, str]:
        """Return the state of every alarm by name."""
        return {name: str(alarm["StateValue"]) for name, alarm in self.alarms(prefix).items()}


def create_user(iam: stacks.Client, name: str, policy: Mapping[str, Any]) -> AccessKey:
    """Create an IAM user with one inline policy and return its access key."""
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return AccessKey(access_key_id=key["AccessKeyId"], secret_access_key=key["SecretAccessKey"])
