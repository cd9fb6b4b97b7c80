"""Overrides DescribeEndpoint's response with an address that resolves on every machine."""

import json

from infra.local.server import ministack_patches
from infra.local.server.authorizers import Handler
from infra.local.server.service_calls import Response

_PATH = "/endpoint"
_DATA_ENDPOINT = "iot:Data-ATS"


def override_describe_endpoint(address: str) -> None:
    """Make DescribeEndpoint return `address` (`host:port`) for iot:Data-ATS; MiniStack handles everything else."""

    def wrapper(original: Handler) -> Handler:
        async def handle(
            method: str,
            path: str,
            headers: dict[str, str],
            body: bytes,
            query: dict[str, list[str]],
        ) -> Response:
            response = await original(method, path, headers, body, query)
            endpoint_types = query.get("endpointType", [_DATA_ENDPOINT])
            if (method, path, response[0]) != ("GET", _PATH, 200) or _DATA_ENDPOINT not in endpoint_types:
                return response
            return response[0], response[1], json.dumps({"endpointAddress": address}).encode()

        return handle

    ministack_patches.IOT_REQUESTS.wrap(wrapper)
