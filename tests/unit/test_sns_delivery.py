"""Deliveries of topics, and log patterns, around MiniStack's services, which are stand-ins here."""

from __future__ import annotations

import json
from contextlib import nullcontext
from typing import Any

import pytest

from infra.local.server import log_patterns, ministack_patches, sns_delivery
from tests.unit.stand_in_ministack import PutInPlace, Requests, stand_in

__all__ = ["stand_in"]

TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"
QUEUE = "arn:aws:sqs:eu-west-1:123456789012:q"
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:f"


class Around:
    """Queues, functions and topics, and the metrics that are recorded."""

    def __init__(self, stand_in: PutInPlace) -> None:
        self.metrics: list[tuple[str, str, str]] = []
        self.delivered: list[Any] = []
        self.routed: list[Any] = []
        self.functions, self.topics = Requests(202), Requests(200)
        self.may_invoke = self.queue_allows = True
        self.queues: set[str] = {QUEUE}
        for patch, value in (
            (ministack_patches.RECORD_METRIC, self._record),
            (ministack_patches.LAMBDA_REQUESTS, self.functions),
            (ministack_patches.SNS_REQUESTS, self.topics),
            (ministack_patches.DELIVER_TO_LAMBDA, None),
            (ministack_patches.DELIVER_TO_QUEUE, lambda *message, **_: self.delivered.append(message)),
            (ministack_patches.ROUTE_FAILURE, lambda *failure: self.routed.append(failure)),
            (ministack_patches.QUEUE_BY_ARN, lambda arn: arn in self.queues),
            (ministack_patches.QUEUE_ALLOWS, self._allows),
            (ministack_patches.EVALUATE_RESOURCE_POLICY, lambda *_, **asked: self._may_invoke(asked)),
        ):
            stand_in(patch, value)
        sns_delivery.install_deliveries()

    def _record(self, namespace: str, name: str, value: float, unit: str, dimensions: dict[str, str]) -> None:
        assert (value, unit) == (1, "Count")
        of = "TopicName" if namespace == "AWS/SNS" else "FunctionName"
        assert dimensions.keys() == {of}
        self.metrics.append((namespace, name, dimensions[of]))

    def _allows(self, queue: str, service: str, topic: str, account: str) -> bool:
        assert (service, topic, account) == ("sns.amazonaws.com", TOPIC, "123456789012")
        return queue == QUEUE and self.queue_allows

    def _may_invoke(self, asked: dict[str, Any]) -> Any:
        assert asked["service"] == "sns.amazonaws.com"
        return type("Result", (), {"decision": "Allow" if self.may_invoke else "Deny"})


@pytest.fixture
def around(stand_in: PutInPlace) -> Around:
    """A queue, a function and a topic that all let SNS in."""
    for patch, value in (
        (ministack_patches.REQUEST_SCOPE, lambda *_: nullcontext()),
        (ministack_patches.LAMBDA_POLICY, lambda arn: [arn]),
        (ministack_patches.EVALUATION_CONTEXT, dict),
    ):
        stand_in(patch, value)
    return Around(stand_in)


def _deliver_to_function() -> None:
    envelope = json.dumps({"Message": "m"})
    ministack_patches.DELIVER_TO_LAMBDA.original()(FUNCTION, envelope, TOPIC, f"{TOPIC}:sub", "id", "m", {})


def test_topic_invokes_a_function_asynchronously(around: Around) -> None:
    """With the record that functions of topics get, and the function's own retries."""
    _deliver_to_function()
    ((method, path, headers, body, _),) = around.functions.asked
    assert (method, str(path).rpartition("/")[2], headers) == (
        "POST",
        "invocations",
        {"x-amz-invocation-type": "Event"},
    )
    assert isinstance(body, bytes)
    (record,) = json.loads(body)["Records"]
    source = {"EventVersion": "1.0", "EventSource": "aws:sns", "EventSubscriptionArn": f"{TOPIC}:sub"}
    assert record == {**source, "Sns": {"Message": "m"}}
    assert around.metrics == [("AWS/SNS", "NumberOfNotificationsDelivered", "alarms")]


@pytest.mark.parametrize("reason", ["permission", "gone"])
def test_function_that_is_not_invoked(around: Around, caplog: pytest.LogCaptureFixture, reason: str) -> None:
    """Without permission, or when it is gone, the notification has failed, and the server's log says why."""
    around.may_invoke = reason != "permission"
    around.functions.status = 404
    _deliver_to_function()
    assert len(around.functions.asked) == (reason == "gone")
    assert around.metrics == [("AWS/SNS", "NumberOfNotificationsFailed", "alarms")]
    (logged,) = caplog.records
    assert TOPIC in logged.getMessage()
    assert ("may not" in logged.getMessage()) is (reason == "permission")


@pytest.mark.parametrize(
    ("queues", "allows", "name"),
    [
        ({QUEUE}, True, "NumberOfNotificationsDelivered"),
        ({QUEUE}, False, "NumberOfNotificationsFailed"),
        (set(), True, "NumberOfNotificationsFailed"),
    ],
)
def test_delivery_to_a_queue(around: Around, queues: set[str], name: str, *, allows: bool) -> None:
    """MiniStack delivers; whether it could is a metric."""
    around.queues, around.queue_allows = queues, allows
    ministack_patches.DELIVER_TO_QUEUE.original()(QUEUE, "envelope", False, "m", topic_arn=TOPIC)  # noqa: FBT003
    assert around.delivered == [(QUEUE, "envelope", False, "m")]
    assert around.metrics == [("AWS/SNS", name, "alarms")]


@pytest.mark.parametrize(("target", "exists"), [(TOPIC, True), (TOPIC, False), (QUEUE, True), (f"{QUEUE}2", False)])
def test_destination_of_a_failed_invocation(around: Around, target: str, *, exists: bool) -> None:
    """MiniStack sends the failure there; a destination that is gone is a metric of the function."""
    around.topics.status = 200 if exists else 404
    ministack_patches.ROUTE_FAILURE.original()(target, "f", {}, {})
    assert around.routed == [(target, "f", {}, {})]
    assert around.metrics == ([] if exists else [("AWS/Lambda", "DestinationDeliveryFailures", "f")])


async def test_patterns_for_json(stand_in: PutInPlace) -> None:
    """A pattern for JSON matches as it says, one that is none is refused, and all else is MiniStack's."""
    requests = Requests(200, b"events")
    stand_in(ministack_patches.LOG_REQUESTS, requests)
    stand_in(ministack_patches.LOG_PATTERN, lambda pattern: f"MiniStack's {pattern}")
    log_patterns.install_log_patterns()
    compiled = ministack_patches.LOG_PATTERN.original()
    assert compiled("ERROR") == "MiniStack's ERROR"
    assert [compiled("{ $.a = 1 }")(message) for message in ('{"a": 1}', '{"a": 2}')] == [True, False]
    for operation, pattern, status in (
        ("FilterLogEvents", "{ $.a = 1 }", 200),
        ("FilterLogEvents", "ERROR", 200),
        ("FilterLogEvents", "{ $.a }", 400),
        ("PutMetricFilter", "{ $.a }", 200),
    ):
        body = json.dumps({"filterPattern": pattern}).encode()
        headers = {"x-amz-target": f"Logs_20140328.{operation}"}
        answer = await ministack_patches.LOG_REQUESTS.original()("POST", "/", headers, body, {})
        assert answer[0] == status
    assert len(requests.asked) == 3
