"""A local AWS for tests and `make run`: start it, deploy stacks, invoke functions, read logs, metrics and alarms.

with LocalAws.start() as aws:
    stack = aws.deploy(template, name="canary", parameters={})
    print(aws.invoke(stack.resource("CanaryFunction"), {}))
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
from infra.local.client.process import REGION, RunningServer, running_server

_BUCKET = "local-deployments"
_OPERATOR = "operator"
_ADMINISTRATOR = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """An AWS access key; its repr omits the secrets."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """The result of a synchronous invocation: its payload, and whether the function raised."""

    payload: Any
    failed: bool


class LocalAws:
    """A running local AWS and boto3 clients with administrator permissions."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self._clients: dict[str, Any] = {}
        root = AccessKey(access_key_id=server.root_key_id, secret_access_key=server.root_secret)
        # MiniStack applies no policies to root, so root only creates the user that all other calls are made as.
        self.operator = create_user(client_of("iam", root, server.api_url), _OPERATOR, _ADMINISTRATOR)
        self.client("s3").create_bucket(Bucket=_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})

    @classmethod
    @contextmanager
    def start(cls, *, speed: float = 1.0) -> Iterator[Self]:
        """Run a local AWS for the duration of the context.

        At `speed` 12 a minute of schedules and alarms takes 5 seconds; connects, deadlines and log times stay real.
        """
        with running_server(speed=speed) as server:
            yield cls(server)

    @property
    def iot_endpoint(self) -> str:
        """The address (`host:port`) that DescribeEndpoint returns."""
        return self.server.iot_endpoint

    @property
    def authority(self) -> Path:
        """Path of the CA certificate (PEM) that clients of the IoT endpoint must trust."""
        return self.server.authority

    def client(self, service: str, key: AccessKey | None = None) -> stacks.Client:
        """Return a boto3 client with `key`, by default the administrator's."""
        if key is not None:
            return client_of(service, key, self.server.api_url)
        if service not in self._clients:
            self._clients[service] = client_of(service, self.operator, self.server.api_url)
        return self._clients[service]

    def deploy(self, template: Path, *, name: str, parameters: Mapping[str, str] | None = None) -> stacks.DeployedStack:
        """Create or update a stack from a (built) SAM template, or raise `LocalAwsError`."""
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
        """Invoke a function synchronously."""
        response = self.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
        payload = json.loads(response["Payload"].read() or b"null")
        return Invocation(payload=payload, failed="FunctionError" in response)

    def log_group(self, function: str) -> str:
        """Return the name of the log group that a function writes to."""
        configuration = self.client("lambda").get_function_configuration(FunctionName=function)
        log_group = configuration.get("LoggingConfig", {}).get("LogGroup")
        return str(log_group or f"/aws/lambda/{function}")

    def log_messages(self, group: str) -> list[str]:
        """Return every message of a log group, oldest first."""
        pages = self.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
        return [event["message"] for page in pages for event in page["events"]]

    def metric_points(self, namespace: str, metric: str, dimensions: Mapping[str, str]) -> list[dict[str, Any]]:
        """Return a metric's datapoints of the last day with a period of one second, oldest first."""
        now = datetime.now(UTC)
        statistics = self.client("cloudwatch").get_metric_statistics(
            Namespace=namespace,
            MetricName=metric,
            Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
            StartTime=now - timedelta(days=1),
            EndTime=now + timedelta(minutes=1),
            Period=1,
            Statistics=["Average", "Minimum", "SampleCount", "Sum"],
        )
        return sorted(statistics["Datapoints"], key=lambda point: point["Timestamp"])

    def alarms(self, prefix: str = "") -> dict[str, dict[str, Any]]:
        """Return every metric and composite alarm by name, as DescribeAlarms returns it."""
        response = self.client("cloudwatch").describe_alarms(
            AlarmNamePrefix=prefix, AlarmTypes=["MetricAlarm", "CompositeAlarm"]
        )
        alarms = [*response["MetricAlarms"], *response.get("CompositeAlarms", [])]
        return {alarm["AlarmName"]: alarm for alarm in alarms}

    def alarm_states(self, prefix: str = "") -> dict[str, str]:
        """Return the state of every alarm by name."""
        return {name: str(alarm["StateValue"]) for name, alarm in self.alarms(prefix).items()}


def client_of(service: str, key: AccessKey, api_url: str) -> stacks.Client:
    """Return a boto3 client of the local AWS at an address; the caller's AWS profile and files have no effect."""
    variables = {
        "profile": (None, None, None, None),
        "config_file": (None, None, os.devnull, None),
        "credentials_file": (None, None, os.devnull, None),
    }
    session = boto3.Session(
        aws_access_key_id=key.access_key_id,
        aws_secret_access_key=key.secret_access_key,
        aws_session_token=key.session_token,
        region_name=REGION,
        botocore_session=botocore.session.Session(session_vars=variables),
    )
    # botocore rejects DurationSeconds below 900; a test needs a session that expires sooner.
    config = Config(proxies={}, retries={"max_attempts": 1}, parameter_validation=False)
    return session.client(service, endpoint_url=api_url, config=config)


def create_user(iam: stacks.Client, name: str, policy: Mapping[str, Any]) -> AccessKey:
    """Create an IAM user with one inline policy and return its access key."""
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return AccessKey(access_key_id=key["AccessKeyId"], secret_access_key=key["SecretAccessKey"])
