"""Synchronous calls of MiniStack's service handlers, from its event loop or its threads."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from infra.local.server import ministack_patches

Response = tuple[int, dict[str, str], bytes]

_CLOUDWATCH_TARGET = "GraniteServiceVersion20100801"


def call_synchronously(
    handler: ministack_patches.Patch, method: str, path: str, headers: Mapping[str, str], body: bytes
) -> Response:
    """Run a handler coroutine to its end without an event loop and return its response.

    Raises RuntimeError if the handler suspends, which those used here do not.
    """
    call = handler.original()(method, path, dict(headers), body, {})
    try:
        call.send(None)
    except StopIteration as finished:
        return (*finished.value,)
    call.close()
    raise RuntimeError(f"{handler.module} suspends in {method} {path}.")


def cloudwatch(operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return CloudWatch's response to one operation; raise ValueError for an error response."""
    headers = {
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": f"{_CLOUDWATCH_TARGET}.{operation}",
    }
    status, _, response = call_synchronously(
        ministack_patches.CLOUDWATCH_REQUESTS, "POST", "/", headers, json.dumps(request).encode()
    )
    if status != HTTPStatus.OK:
        raise ValueError(f"{operation} failed: {response.decode(errors='replace')}")
    return dict(json.loads(response or b"{}"))


def publish(topic_arn: str, subject: str, message: str) -> None:
    """Publish a message to a topic; raise ValueError for an error response."""
    status, response = _sns({"Action": "Publish", "TopicArn": topic_arn, "Subject": subject, "Message": message})
    if status != HTTPStatus.OK:
        raise ValueError(f"Publish failed: {response.decode(errors='replace')}")


def topic_exists(topic_arn: str) -> bool:
    """Return whether there is a topic of this ARN."""
    return _sns({"Action": "GetTopicAttributes", "TopicArn": topic_arn})[0] == HTTPStatus.OK


def _sns(form: Mapping[str, str]) -> tuple[int, bytes]:
    headers, body = {"content-type": "application/x-www-form-urlencoded"}, urlencode(form).encode()
    status, _, response = call_synchronously(ministack_patches.SNS_REQUESTS, "POST", "/", headers, body)
    return status, response


def invoke_asynchronously(function_arn: str, payload: str) -> None:
    """Queue an event for a function, with its retry settings; raise ValueError for an error response."""
    path = f"/2015-03-31/functions/{quote(function_arn, safe='')}/invocations"
    headers = {"x-amz-invocation-type": "Event"}
    status, _, response = call_synchronously(ministack_patches.LAMBDA_REQUESTS, "POST", path, headers, payload.encode())
    if status != HTTPStatus.ACCEPTED:
        raise ValueError(f"Invoke failed: {response.decode(errors='replace')}")
