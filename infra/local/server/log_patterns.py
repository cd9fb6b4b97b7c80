"""FilterLogEvents with patterns for JSON events, of which MiniStack lets every one match everything."""

import json
from collections.abc import Awaitable, Callable

from infra.local.server import ministack_patches
from infra.local.server.log_filter import Matcher, PatternError, is_json_pattern, json_matcher
from infra.local.server.service_calls import Response

Handler = Callable[[str, str, dict[str, str], bytes, dict[str, list[str]]], Awaitable[Response]]


def install_log_patterns() -> None:
    """Match JSON patterns, and refuse one that is not understood."""
    ministack_patches.LOG_PATTERN.wrap(_compiling)
    ministack_patches.LOG_REQUESTS.wrap(_refusing)


def _compiling(original: Callable[[str], Matcher]) -> Callable[[str], Matcher]:
    def compiled(pattern: str) -> Matcher:
        return json_matcher(pattern) if is_json_pattern(pattern or "") else original(pattern)

    return compiled


def _refusing(original: Handler) -> Handler:
    async def handle(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Response:
        if headers.get("x-amz-target", "").endswith(".FilterLogEvents"):
            pattern = str(json.loads(body).get("filterPattern") or "")
            try:
                if is_json_pattern(pattern):
                    json_matcher(pattern)
            except PatternError as error:
                refused = {"__type": "InvalidParameterException", "message": str(error)}
                return 400, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(refused).encode()
        return await original(method, path, headers, body, query)

    return handle
