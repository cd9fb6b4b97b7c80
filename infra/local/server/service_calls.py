"""Synchronous calls of MiniStack's service handlers, from its event loop or its threads."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

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
