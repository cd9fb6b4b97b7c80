"""Connects with paho-mqtt as often as the request on standard input asks for; prints the milliseconds of each."""

import importlib
import json
import os
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

from tests.bench.settings import DEADLINE_MS


def time_connect(request: Mapping[str, Any], client_id: str) -> float:
    """Return the milliseconds from the client's start to its CONNACK; raise RuntimeError if it is refused."""
    mqtt = importlib.import_module("paho.mqtt.client")  # nothing locks it, so its types are not known everywhere
    connected_at: list[float] = []
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id, transport="websockets", protocol=mqtt.MQTTv5)
    client.tls_set(request["caFile"])
    connacked, ended = threading.Event(), threading.Event()

    def on_connect(_client: object, _data: object, _flags: object, reason: object, _properties: object) -> None:
        if reason == 0:
            connected_at.append(time.perf_counter())
        connacked.set()

    client.on_connect = on_connect
    client.on_disconnect = lambda *_: ended.set()
    started = time.perf_counter()
    client.connect(request["host"], request["port"])
    client.loop_start()
    connacked.wait(DEADLINE_MS / 1000)
    client.disconnect()
    ended.wait(DEADLINE_MS / 1000)
    client.loop_stop()
    if not connected_at:
        raise RuntimeError("paho-mqtt was not accepted")
    return (connected_at[0] - started) * 1000


def main() -> None:
    """Respond to the request on standard input."""
    request = json.load(sys.stdin)
    print(json.dumps([time_connect(request, f"test-bare-{os.getpid()}-{n}") for n in range(request["times"])]))


if __name__ == "__main__":
    main()
