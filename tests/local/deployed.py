"""The deployed canary that the tests of this directory share, and a subscriber of its alarms."""

import json
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from infra.local.client.local_aws import LocalAws
from infra.local.client.stacks import DeployedStack
from infra.local.client.topic_queue import TopicQueue
from infra.local.demo.demo_targets import DemoSecrets, DemoTargets, store_targets

# A minute of schedules and alarms takes three seconds; connects and deadlines stay real.
SPEED = 20.0
MAX_WAIT_SECONDS = 150.0

T = TypeVar("T")


def eventually(find: Callable[[], T | None], *, seconds: float = MAX_WAIT_SECONDS) -> T:
    """Call `find` until its result is true and return that; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        result = find()
        if result:
            return result
        time.sleep(0.2)
    raise AssertionError(f"nothing found within {seconds:.0f} s")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedCanary:
    """One deployed canary with four targets."""

    aws: LocalAws
    name: str
    stack: DeployedStack
    demo: DemoTargets
    secrets: DemoSecrets

    @property
    def function(self) -> str:
        """The function's name."""
        return self.stack.resources["CanaryFunction"]

    def invoke(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Invoke the function and return its response; fail if it raised."""
        invocation = self.aws.invoke(self.function, event)
        assert not invocation.failed, invocation.payload
        return dict(invocation.payload)

    def connect(self, *targets: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Run these targets once, from a document under the canary's own prefix; return outcomes by target."""
        reference = f"ssm:/iot-connect-canary/{self.name}/tests/{uuid.uuid4()}"
        store_targets(self.aws, reference, targets)
        outcomes = self.invoke({"targets": reference})["targets"]
        return {outcome["target"]: outcome for outcome in outcomes}

    def alarm(self, logical_id: str) -> str:
        """Return the name of the alarm with this logical id."""
        return self.stack.resources[logical_id]

    @property
    def alarms(self) -> list[str]:
        """The names of all metric alarms of the stack."""
        return [self.stack.resources[key] for key, kind in self.stack.types.items() if kind == "AWS::CloudWatch::Alarm"]

    def reaches(self, alarm: str, state: str) -> bool:
        """Wait until an alarm is in a state."""
        return eventually(lambda: self.aws.alarm_states(alarm).get(alarm) == state)

    @contextmanager
    def without_permission(self, action: str) -> Iterator[None]:
        """Remove every statement that allows an action from the function's role for the duration of the context."""
        iam, role = self.aws.client("iam"), self.role
        before = {
            name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in self._policies()
        }
        for name, document in before.items():
            statements = [s for s in document["Statement"] if action not in json.dumps(s["Action"])]
            if not statements:
                iam.delete_role_policy(RoleName=role, PolicyName=name)
            elif statements != document["Statement"]:
                self.put_policy(name, statements)
        try:
            yield
        finally:
            for name, document in before.items():
                self.put_policy(name, document["Statement"])

    @property
    def role(self) -> str:
        """The name of the function's role."""
        configuration = self.aws.client("lambda").get_function_configuration(FunctionName=self.function)
        return str(configuration["Role"]).rpartition("/")[2]

    def _policies(self) -> list[str]:
        return list(self.aws.client("iam").list_role_policies(RoleName=self.role)["PolicyNames"])

    def put_policy(self, name: str, statements: list[Any]) -> None:
        """Create or replace an inline policy of the function's role."""
        document = {"Version": "2012-10-17", "Statement": statements}
        self.aws.client("iam").put_role_policy(RoleName=self.role, PolicyName=name, PolicyDocument=json.dumps(document))

    def samples(self, metric: str, **dimensions: str) -> list[float]:
        """Return a metric's values, one for each second that has any, oldest first."""
        points = self.aws.metric_points("IoTConnectCanary", metric, {"Canary": self.name, **dimensions})
        return [float(point["Average"]) for point in points]


def contributor_states(aws: LocalAws, alarm: str) -> dict[str, str]:
    """Return the last state of each contributor of a grouped alarm that ever changed, by its attributes' values."""
    kind = {"HistoryItemType": "AlarmContributorStateUpdate", "ScanBy": "TimestampAscending"}
    pages = aws.client("cloudwatch").get_paginator("describe_alarm_history").paginate(AlarmName=alarm, **kind)
    return {
        "/".join(item["AlarmContributorAttributes"].values()): json.loads(item["HistoryData"])["newState"]["stateValue"]
        for page in pages
        for item in page["AlarmHistoryItems"]
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class SqsSubscriber:
    """An SQS queue subscribed to an SNS topic, and every message received so far."""

    aws: LocalAws
    queue: TopicQueue
    messages: list[dict[str, Any]] = field(default_factory=list)
    failed_runs: bool = False

    @staticmethod
    def subscribe(
        aws: LocalAws, topic: str, name: str, *, raw: bool = True, failed_runs: bool = False
    ) -> "SqsSubscriber":
        """Create a queue and subscribe it to a topic, for the messages alone or, not `raw`, with their subjects."""
        queue = TopicQueue.subscribe(aws.client, topic, name, raw=raw)
        return SqsSubscriber(aws=aws, queue=queue, failed_runs=failed_runs)

    def read(self) -> list[dict[str, Any]]:
        """Receive new messages and return all, oldest first."""
        # Lambda reports failed runs on the alarms' topic; they are no alarms.
        self.messages.extend(body for body in self.queue.take() if self.failed_runs or "requestContext" not in body)
        return self.messages

    def wait_until_ok(self, alarms: Iterable[str]) -> int:
        """Wait until alarms are OK, and so is the last message of each, if any; return the number of messages."""

        def are_ok() -> bool:
            states = [self.aws.alarm_states(name)[name] for name in alarms]
            last = {(m["AlarmName"], m.get("AlarmContributorId")): m["NewStateValue"] for m in self.read()}
            return {*states, *last.values()} == {"OK"}

        eventually(are_ok)
        return len(self.messages)

    def wait_for_message(self, alarm: str, state: str, since: int) -> dict[str, Any]:
        """Wait for the message, after the first `since`, that an alarm is in a state."""

        def first_match() -> dict[str, Any] | None:
            messages = (m for m in self.read()[since:] if (m["AlarmName"], m["NewStateValue"]) == (alarm, state))
            return next(messages, None)

        return eventually(first_match)

    def states(self, since: int) -> dict[str, list[str]]:
        """Return every new state of each alarm after the first `since` messages, oldest first."""
        states: dict[str, list[str]] = {}
        for message in self.read()[since:]:
            states.setdefault(message["AlarmName"], []).append(message["NewStateValue"])
        return states
