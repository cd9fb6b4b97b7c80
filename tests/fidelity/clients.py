"""Canary and bare SDK, each connect in a process of its own that is forked from this one, which has imported them.

A line of standard input is a request, `{"id": ..., "subject": ..., "host": ..., "port": ..., ...}`, and a line of
standard output its result, in the order in which connects end.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from awscrt import mqtt5
from awscrt.auth import AwsCredentialsProvider
from awsiot import mqtt5_client_builder, mqtt_connection_builder

import connect_canary.run  # noqa: F401 - what the forked processes use
from tests.bench.process import quiet_output

CANARY, BARE_SDK = "canary", "bare SDK"
_ACCESS_KEY_ID, _SECRET_ACCESS_KEY, _REGION = "AKIDEXAMPLE", "not-a-secret", "eu-west-1"
_LAMBDA_MS = 60_000

Request = Mapping[str, Any]


class _Context:
    def get_remaining_time_in_millis(self) -> int:
        return _LAMBDA_MS


def _canary(request: Request) -> dict[str, Any]:
    """Return the handler's outcome."""
    os.environ |= {
        "CANARY_NAME": "fidelity",
        "CANARY_ENDPOINT": f"{request['host']}:{request['port']}",
        "CANARY_AUTH_MODE": "sigv4-static",
        "CANARY_ACCESS_KEY_ID": _ACCESS_KEY_ID,
        "CANARY_SECRET_ACCESS_KEY": _SECRET_ACCESS_KEY,
        "CANARY_SIGNING_REGION": _REGION,
        "CANARY_CA_FILE": request["ca_file"],
        "CANARY_MQTT_VERSION": request["version"],
        "CANARY_TIMEOUT_SECONDS": str(request["timeout_s"]),
    }
    # The logger reads variables when the handler is imported.
    from connect_canary.handler import lambda_handler

    response: dict[str, Any] = lambda_handler({}, _Context())
    outcome = response["targets"][0]
    connected = outcome["healthy"] or outcome["failure"] == "DisconnectFailed"
    return {"connected": connected, "message": outcome["failure"], "outcome": outcome}


def _bare_sdk(request: Request) -> dict[str, Any]:
    """Return what the SDK's first connect came to, with its builders' defaults."""
    done = threading.Event()
    verdict: list[str | None] = []

    def on_end(error: Any = None) -> None:
        verdict.append(error and str(getattr(error, "name", error)))
        done.set()

    arguments = {
        "endpoint": request["host"],
        "port": request["port"],
        "region": _REGION,
        "credentials_provider": AwsCredentialsProvider.new_static(_ACCESS_KEY_ID, _SECRET_ACCESS_KEY),
        "client_id": f"test-bare-{request['id']}",
        "ca_filepath": request["ca_file"],
    }
    client = _CLIENTS[request["version"]](arguments, on_end)
    if not done.wait(request["timeout_s"]):
        return {"connected": False, "message": "no verdict"}
    del client
    return {"connected": verdict[0] is None, "message": verdict[0]}


def _start_5(arguments: Mapping[str, Any], on_end: Callable[..., None]) -> object:
    client = mqtt5_client_builder.websockets_with_default_aws_signing(
        **arguments,
        on_lifecycle_connection_success=lambda _: on_end(),
        on_lifecycle_connection_failure=lambda data: on_end(data.exception),
    )
    assert isinstance(client, mqtt5.Client)
    client.start()
    return client


def _start_311(arguments: Mapping[str, Any], on_end: Callable[..., None]) -> object:
    connection = mqtt_connection_builder.websockets_with_default_aws_signing(**arguments, clean_session=True)
    connection.connect().add_done_callback(lambda future: on_end(future.exception()))
    return connection


_CLIENTS: Mapping[str, Callable[[Mapping[str, Any], Callable[..., None]], object]] = {
    "5": _start_5,
    "3.1.1": _start_311,
}
_SUBJECTS: Mapping[str, Callable[[Request], dict[str, Any]]] = {CANARY: _canary, BARE_SDK: _bare_sdk}


def _connect(request: Request) -> None:
    """Connect, write the result and end: clients that never stop would keep the interpreter from ending."""
    output = quiet_output()
    started = time.perf_counter()
    try:
        result = _SUBJECTS[request["subject"]](request)
    except Exception as error:  # noqa: BLE001 - the parent waits for a line
        result = {"connected": False, "message": None, "raised": repr(error)}
    result |= {"id": request["id"], "took_s": time.perf_counter() - started}
    # A pipe keeps a line together only up to 4,096 bytes; the outcome has less.
    output.write(json.dumps(result) + "\n")
    output.flush()
    os._exit(0)


def main() -> None:
    """Fork a process for each request until standard input ends."""
    for line in sys.stdin:
        if os.fork() == 0:
            _connect(json.loads(line))
        _reap()
    while _reap(wait=True):
        pass


def _reap(*, wait: bool = False) -> bool:
    """Collect processes that have ended; return whether one did."""
    try:
        return os.waitpid(-1, 0 if wait else os.WNOHANG)[0] != 0
    except ChildProcessError:
        return False


if __name__ == "__main__":
    main()
