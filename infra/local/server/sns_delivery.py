"""Deliveries of topics: asynchronous invocations of functions that permit it, and metrics of what was delivered."""

import json
import logging
from collections.abc import Callable
from typing import Any

from infra.local.server import ministack_patches
from infra.local.server.invoke_permission import may_invoke
from infra.local.server.service_calls import invoke_asynchronously, topic_exists

_SNS, _LAMBDA = "AWS/SNS", "AWS/Lambda"
_SERVICE = "sns.amazonaws.com"

_log = logging.getLogger("sns_delivery")


def install_deliveries() -> None:
    """Invoke functions as SNS does, with their retry settings, and record what topics and destinations deliver."""
    ministack_patches.DELIVER_TO_LAMBDA.replace(_deliver_to_lambda)
    ministack_patches.DELIVER_TO_QUEUE.wrap(_counting)
    ministack_patches.ROUTE_FAILURE.wrap(_counting_failures)


def _deliver_to_lambda(function_arn: str, envelope: str, topic_arn: str, subscription_arn: str, *_: Any) -> None:  # noqa: ANN401 - MiniStack's
    record = {
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription_arn,
        "EventSource": "aws:sns",
        "Sns": json.loads(envelope),
    }
    region, account_id = topic_arn.split(":")[3:5]
    delivered = False
    if may_invoke(function_arn, service=_SERVICE, source_arn=topic_arn, account_id=account_id, region=region):
        try:
            invoke_asynchronously(function_arn, json.dumps({"Records": [record]}))
            delivered = True
        except ValueError:
            _log.warning("topic %s did not invoke %s", topic_arn, function_arn, exc_info=True)
    else:
        _log.warning("topic %s may not invoke %s", topic_arn, function_arn)
    _record_delivery(topic_arn, delivered=delivered)


def _counting(original: Callable[..., None]) -> Callable[..., None]:
    def deliver(queue_arn: str, *message: Any, topic_arn: str = "", **more: Any) -> None:  # noqa: ANN401 - MiniStack's
        original(queue_arn, *message, topic_arn=topic_arn, **more)
        exists = ministack_patches.QUEUE_BY_ARN.original()(queue_arn)
        allows, account_id = ministack_patches.QUEUE_ALLOWS.original(), topic_arn.split(":")[4]
        is_delivered = bool(exists) and allows(queue_arn, _SERVICE, topic_arn, account_id)
        _record_delivery(topic_arn, delivered=is_delivered)

    return deliver


def _record_delivery(topic_arn: str, *, delivered: bool) -> None:
    name = "NumberOfNotificationsDelivered" if delivered else "NumberOfNotificationsFailed"
    dimensions = {"TopicName": topic_arn.rpartition(":")[2]}
    ministack_patches.RECORD_METRIC.original()(_SNS, name, 1, "Count", dimensions)


def _counting_failures(original: Callable[..., None]) -> Callable[..., None]:
    def route(target_arn: str, function: str, event: object, result: object) -> None:
        original(target_arn, function, event, result)
        is_topic = target_arn.split(":")[2] == "sns"
        exists = topic_exists(target_arn) if is_topic else ministack_patches.QUEUE_BY_ARN.original()(target_arn)
        if not exists:
            dimensions = {"FunctionName": function}
            record = ministack_patches.RECORD_METRIC.original()
            record(_LAMBDA, "DestinationDeliveryFailures", 1, "Count", dimensions)

    return route
