"""Calls of MiniStack's service handlers from its own threads, where nothing may wait."""

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
    """Return a handler's answer; it may be called on the event loop and beside it.

    Raises `RuntimeError` when the handler would have to wait, which those used here do not.
    """
    call = handler.original()(method, path, dict(headers), body, {})
    try:
        call.send(None)
    except StopIteration as finished:
        return (*finished.value,)
    call.close()
    raise RuntimeError(f"{handler.module} waits while it answers {method} {path}.")


def cloudwatch(operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return CloudWatch's answer to one operation; raise `ValueError` when it refuses."""
    headers = {
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": f"{_CLOUDWATCH_TARGET}.{operation}",
    }
    status, _, answer = call_synchronously(
        ministack_patches.CLOUDWATCH_REQUESTS, "POST", "/", headers, json.dumps(request).encode()
    )
    if status != HTTPStatus.OK:
        raise ValueError(f"{operation} was refused: {answer.decode(errors='replace')}")
    return dict(json.loads(answer or b"{}"))
