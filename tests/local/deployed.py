"""The deployed canary that the tests of this directory share, and how they speak to it."""

import json
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from infra.local.client.local_aws import LocalAws
from infra.local.client.stacks import DeployedStack
from infra.local.demo.demo_targets import DemoSecrets, DemoTargets, store_targets

# A minute of schedules and alarms takes three seconds; connects and deadlines are real.
SPEED = 20.0
MAX_WAIT_SECONDS = 75.0
# Three bad minutes in a row ring, instead of three of five; two would be too few for a busy machine's late schedule.
QUICK_ALARMS = {"AlarmEvaluationPeriods": "3", "AlarmDatapointsToAlarm": "3"}

T = TypeVar("T")


def eventually(look: Callable[[], T | None], *, seconds: float = MAX_WAIT_SECONDS) -> T:
    """Return what `look` finds as soon as it finds something; fail when it never does."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError(f"nothing was found in {seconds:.0f} s")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedCanary:
    """One deployed canary with its four targets."""

    aws: LocalAws
    name: str
    stack: DeployedStack
    demo: DemoTargets
    secrets: DemoSecrets

    @property
    def function(self) -> str:
        """The function's name."""
        return self.stack.only("AWS::Lambda::Function")

    def invoke(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Return what one invocation returned; fail when the function raised."""
        invocation = self.aws.invoke(self.function, event)
        assert not invocation.failed, invocation.payload
        return dict(invocation.payload)

    def connect(self, *targets: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Run these targets once, from a document in the canary's own place; outcomes by target."""
        reference = f"ssm:/iot-connect-canary/{self.name}/tests/{uuid.uuid4()}"
        store_targets(self.aws, reference, targets)
        outcomes = self.invoke({"targets": reference})["targets"]
        return {outcome["target"]: outcome for outcome in outcomes}

    def alarm(self, logical_id: str) -> str:
        """Return the name of an alarm of the stack."""
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
        """Take every statement that allows an action from the function's role, for the time of the context."""
        iam, role = self.aws.client("iam"), self.role
        before = {
            name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in self._policies()
        }
        for name, document in before.items():
            kept = [s for s in document["Statement"] if action not in json.dumps(s["Action"])]
            if not kept:
                iam.delete_role_policy(RoleName=role, PolicyName=name)
            elif kept != document["Statement"]:
                self.put_policy(name, kept)
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
        """Write an inline policy of the function's role."""
        document = {"Version": "2012-10-17", "Statement": statements}
        self.aws.client("iam").put_role_policy(RoleName=self.role, PolicyName=name, PolicyDocument=json.dumps(document))

    def samples(self, metric: str, **dimensions: str) -> list[float]:
        """Return a metric's values, oldest first, one for each second that has any."""
        points = self.aws.metric_points("IoTConnectCanary", metric, {"Canary": self.name, **dimensions})
        return [float(point["Average"]) for point in points]


@dataclass(frozen=True, slots=True, kw_only=True)
class SqsSubscriber:
    """A queue that a topic delivers to, and every message that ever came."""

    aws: LocalAws
    url: str
    messages: list[dict[str, Any]] = field(default_factory=list)

    @staticmethod
    def subscribe(aws: LocalAws, topic: str, name: str) -> "SqsSubscriber":
        """Make a queue and let a topic deliver to it."""
        sqs = aws.client("sqs")
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        attributes = {"RawMessageDelivery": "true"}
        aws.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=attributes)
        return SqsSubscriber(aws=aws, url=url)

    def read(self) -> list[dict[str, Any]]:
        """Return every message so far, oldest first."""
        sqs = self.aws.client("sqs")
        while found := sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages", []):
            for message in found:
                self.messages.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return self.messages

    def wait_until_ok(self, alarms: Iterable[str]) -> int:
        """Wait until alarms are OK, and so is the last message of each, if any; return how many messages came."""

        def are_ok() -> bool:
            states = [self.aws.alarm_states(name)[name] for name in alarms]
            last = {message["AlarmName"]: message["NewStateValue"] for message in self.read()}
            return {*states, *last.values()} == {"OK"}

        eventually(are_ok)
        return len(self.messages)

    def wait_for_message(self, alarm: str, state: str, since: int) -> dict[str, Any]:
        """Wait for the message, after the first `since`, that an alarm has come to a state."""

        def look() -> dict[str, Any] | None:
            messages = (m for m in self.read()[since:] if (m["AlarmName"], m["NewStateValue"]) == (alarm, state))
            return next(messages, None)

        return eventually(look)

    def states(self, since: int) -> dict[str, list[str]]:
        """Return every state that each alarm has come to after the first `since` messages, in their order."""
        states: dict[str, list[str]] = {}
        for message in self.read()[since:]:
            states.setdefault(message["AlarmName"], []).append(message["NewStateValue"])
        return states
