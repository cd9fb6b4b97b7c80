"""The bare SDK, as its samples use it: cases on standard input, a JSON line for each when the time is up."""

import json
import os
import sys
import threading
import time
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from awscrt import mqtt5
from awscrt.auth import AwsCredentialsProvider
from awscrt.http import HttpProxyAuthenticationType, HttpProxyOptions
from awsiot import mqtt5_client_builder, mqtt_connection_builder

_APART_S = 0.03


@dataclass(slots=True)
class Result:
    """What the SDK reported about one case; None if nothing."""

    id: str
    version: str
    message: str | None = None
    after_ms: float | None = None
    disconnect: str | None = None
    disconnect_ms: float | None = None


class _Case:
    def __init__(self, case: dict[str, Any]) -> None:
        self.result = Result(case["id"], case["version"])
        self._started_at = time.perf_counter()
        self._connected_at: float | None = None
        self._arguments: dict[str, Any] = {
            "endpoint": case["host"],
            "port": case["port"],
            "region": "eu-west-1",
            "credentials_provider": AwsCredentialsProvider.new_static("AKIDEXAMPLE", "not-a-secret"),
            "client_id": f"test-bare-{case['id']}-{case['version']}",
            "ca_filepath": case["ca_file"],
        }
        if case["proxy"]:
            self._arguments["http_proxy_options"] = HttpProxyOptions(
                **case["proxy"], auth_type=HttpProxyAuthenticationType.Basic
            )

    def start(self) -> None:
        """Connect, in the version of the case; keep the client for as long as the process lives."""
        self._started_at = time.perf_counter()
        (self._start_5 if self.result.version == "5" else self._start_311)()

    def _record(self, message: str) -> None:
        if self.result.message is None:
            self.result.message, self.result.after_ms = message, (time.perf_counter() - self._started_at) * 1000

    def _on_connected(self) -> None:
        self._record("connected")
        self._connected_at = time.perf_counter()

    def _on_disconnected(self, message: str) -> None:
        if self.result.disconnect is None and self._connected_at is not None:
            self.result.disconnect = message
            self.result.disconnect_ms = (time.perf_counter() - self._connected_at) * 1000

    def _start_5(self) -> None:
        def on_failure(data: mqtt5.LifecycleConnectFailureData) -> None:
            packet = data.connack_packet
            # A code that the SDK does not know is None.
            code = f" ({packet.reason_code})" if packet is not None else ""
            self._record(f"{getattr(data.exception, 'name', data.exception)}{code}")
            self._client.stop()

        def on_success(_data: mqtt5.LifecycleConnectSuccessData) -> None:
            self._on_connected()
            self._client.stop(mqtt5.DisconnectPacket())

        self._client = mqtt5_client_builder.websockets_with_default_aws_signing(
            **self._arguments,
            on_lifecycle_connection_success=on_success,
            on_lifecycle_connection_failure=on_failure,
            on_lifecycle_disconnection=lambda data: self._on_disconnected(
                str(getattr(data.exception, "name", data.exception))
            ),
            on_lifecycle_stopped=lambda _: self._on_disconnected("stopped"),
        )
        self._client.start()

    def _start_311(self) -> None:
        def on_done(future: Any) -> None:
            error = future.exception()
            if error is not None:
                self._record(str(getattr(error, "name", error)))
                return
            self._on_connected()
            self._connection.disconnect().add_done_callback(lambda _: self._on_disconnected("disconnected"))

        self._connection = mqtt_connection_builder.websockets_with_default_aws_signing(
            **self._arguments,
            clean_session=True,
            on_connection_interrupted=lambda error, **_: self._on_disconnected(str(getattr(error, "name", error))),
        )
        self._connection.connect().add_done_callback(on_done)


def main() -> None:
    """Start every case a moment after the one before; print what the SDK has reported after the given seconds."""
    request = json.load(sys.stdin)
    cases = [_Case(case) for case in request["cases"]]
    for case in cases:
        threading.Timer(0, partial(_Case.start, case)).start()
        time.sleep(_APART_S)
    time.sleep(request["seconds"])
    for case in cases:
        sys.stdout.write(json.dumps(asdict(case.result)) + "\n")
    sys.stdout.flush()
    # Clients that never stop would keep the interpreter from ending.
    os._exit(0)


if __name__ == "__main__":
    main()
