"""Bench `clients`: start to CONNACK of the canary beside other clients, at mosquitto and at the benches' endpoint."""

import importlib.util
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.bench.network import BenchEndpoint, healthy_endpoint, loopback, measure, measure_command, module_command
from tests.bench.report import Section, spread, table
from tests.bench.settings import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY
from tests.faulty.pki import Pki
from tests.foreign.node_packages import NODE_FOLDER, node_with
from tests.foreign.programs import LOOPBACK, program, running

_NODE_SCRIPT = Path(__file__).with_name("node_clients.js")
_WARM_UP, _TIMES = 2, 5
_MOSQUITTO, _OWN = "mosquitto", "the benches' endpoint"
_HEAD = ("start to CONNACK, ms", _MOSQUITTO, _OWN)

Timings = dict[str, list[float]]
# Connects several times to an endpoint, in a process of its own; raises pytest's Skipped, which says what is missing.
Client = Callable[[BenchEndpoint], Timings]


def bench(*, rounds: int) -> Section:
    """Measure every client that is installed at both endpoints."""
    results: dict[str, Timings] = {}
    notes: dict[str, None] = {}
    for place, endpoint in ((_MOSQUITTO, _mosquitto), (_OWN, _own_endpoint)):
        try:
            with endpoint() as listening:
                results[place] = _measured(listening, rounds, notes)
        except pytest.skip.Exception as missing:
            notes[f"Not measured: {missing}."] = None
    words = (
        f"Milliseconds, MQTT 5 over WebSockets and TLS on loopback, one client after the other, {rounds} rounds of "
        f"{_TIMES} connects each in turns, each round in a warm process of its own. Mosquitto's loop can wait 100 ms "
        "before it looks at its WebSockets, and a client that happens to fall in with it is lucky: there the minima "
        "say more."
    )
    return Section(
        name="clients",
        title="Start to CONNACK, beside other clients",
        body="\n\n".join([words, table(_HEAD, _rows(results)), *notes]),
        results=results,
    )


def _rows(results: Mapping[str, Timings]) -> list[Sequence[str]]:
    names = list(dict.fromkeys(name for timings in results.values() for name in timings))
    measured = [results.get(place, {}) for place in (_MOSQUITTO, _OWN)]
    return [(name, *(spread(timings[name]) if name in timings else "" for timings in measured)) for name in names]


def _measured(endpoint: BenchEndpoint, rounds: int, notes: dict[str, None]) -> Timings:
    timings: Timings = {}
    for _ in range(rounds):
        for client in _CLIENTS:
            try:
                for name, values in client(endpoint).items():
                    timings.setdefault(name, []).extend(values)
            except pytest.skip.Exception as missing:
                notes[f"Not measured: {missing}."] = None
    return timings


@contextmanager
def _mosquitto() -> Iterator[BenchEndpoint]:
    """Yield a mosquitto that takes every client; raise pytest's Skipped where there is none."""
    mosquitto = program("mosquitto")
    with tempfile.TemporaryDirectory() as directory:
        pki = Pki(Path(directory))
        path = Path(directory) / "mosquitto.conf"

        def configure(ports: Sequence[int]) -> list[str]:
            # What mosquitto 2.0.11 needs is said in tests/foreign/test_mosquitto.py.
            lines = ["user root"] if os.geteuid() == 0 else []
            lines += ["per_listener_settings true", f"listener {ports[1]} {LOOPBACK}"]
            lines += [f"listener {ports[0]} {LOOPBACK}", "socket_domain ipv4", "protocol websockets"]
            lines += ["allow_anonymous true", f"certfile {pki.file('good')}", f"keyfile {pki.file('good')}", ""]
            path.write_text("\n".join(lines), encoding="utf-8")
            return [mosquitto, "-c", str(path)]

        with running(configure, Path(directory) / "log", ports=2) as (port, _unused):
            yield BenchEndpoint(host="localhost", ports=[port], ca_file=str(pki.ca_file))


@contextmanager
def _own_endpoint() -> Iterator[BenchEndpoint]:
    with loopback() as place, healthy_endpoint(place) as endpoint:
        yield endpoint


def _canary_and_sdk(endpoint: BenchEndpoint) -> Timings:
    request = {"what": "connect", "endpoint": asdict(endpoint), "version": "5", "rounds": _TIMES}
    with loopback() as place:
        measured = measure(place, "tests.bench.worker", request)
    names = {"canary": "canary", "AWS IoT Device SDK for Python": "bare"}
    return {name: [one["connect_ms"] for one in measured[key]] for name, key in names.items()}


def _node_client(name: str, package: str) -> Client:
    def client(endpoint: BenchEndpoint) -> Timings:
        command = [node_with(package), str(_NODE_SCRIPT)]
        return {name: _timed(command, endpoint, {"client": package, "packages": str(NODE_FOLDER)})}

    return client


def _paho(endpoint: BenchEndpoint) -> Timings:
    if importlib.util.find_spec("paho") is None:
        pytest.skip("paho-mqtt is not installed; `.venv/bin/python -m pip install paho-mqtt` installs it")
    return {"paho-mqtt": _timed(module_command("tests.bench.paho_client"), endpoint, {})}


def _timed(command: Sequence[str], endpoint: BenchEndpoint, more: Mapping[str, object]) -> list[float]:
    request = {
        "host": endpoint.host,
        "port": endpoint.ports[0],
        "caFile": endpoint.ca_file,
        "region": REGION,
        "accessKeyId": ACCESS_KEY_ID,
        "secretAccessKey": SECRET_ACCESS_KEY,
        "times": _WARM_UP + _TIMES,
        **more,
    }
    timings: list[float] = measure_command(command, request)
    return timings[_WARM_UP:]


_CLIENTS: Sequence[Client] = (
    _canary_and_sdk,
    _node_client("AWS IoT Device SDK for Node.js", "aws-iot-device-sdk-v2"),
    _node_client("MQTT.js", "mqtt"),
    _paho,
)
