"""The settings of the canaries that are measured; imports nothing of what is measured."""

import json
import os
from collections.abc import Mapping

from tests.bench.network import BenchEndpoint

REGION = "eu-west-1"
ACCESS_KEY_ID, SECRET_ACCESS_KEY = "AKIDBENCH", "no-secret-anywhere"
DEADLINE_MS = 60_000
LAMBDA_MS = 900_000  # Lambda's own limit


class Context:
    """Lambda's context, as much of it as the handler looks at."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the time of a fresh invocation."""
        return LAMBDA_MS


def one_target(endpoint: BenchEndpoint, version: str) -> dict[str, str]:
    """Return the environment of a canary with one target."""
    return {
        "CANARY_NAME": "bench",
        "CANARY_ENDPOINT": f"{endpoint.host}:{endpoint.ports[0]}",
        "CANARY_AUTH_MODE": "sigv4-static",
        "CANARY_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "CANARY_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "CANARY_SIGNING_REGION": REGION,
        "CANARY_CA_FILE": endpoint.ca_file,
        "CANARY_MQTT_VERSION": version,
        "CANARY_TIMEOUT_SECONDS": str(DEADLINE_MS // 1000),
    }


def many_targets(endpoint: BenchEndpoint, version: str, count: int) -> dict[str, str]:
    """Return the environment of a canary with `count` targets, each at the next of the endpoint's ports."""
    ports = endpoint.ports
    targets = [
        {"name": f"t{index}", "endpoint": f"{endpoint.host}:{ports[index % len(ports)]}"} for index in range(count)
    ]
    return one_target(endpoint, version) | {"CANARY_TARGETS": json.dumps({"targets": targets})}


def configure(settings: Mapping[str, str]) -> None:
    """Make `settings` the environment's only ones of a canary."""
    for name in [name for name in os.environ if name.startswith("CANARY_")]:
        del os.environ[name]
    os.environ.update(settings)
