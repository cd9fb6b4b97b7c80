"""The measuring process: reads one request and writes the response, both JSON; the handler's output is discarded.

Subjects take turns within one process, so that a busy moment of the machine affects all of them.
"""

import contextlib
import json
import resource
import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.bench.concurrent_sdk import connect_together
from tests.bench.network import BenchEndpoint
from tests.bench.process import peak_mb, quiet_output
from tests.bench.settings import configure, many_targets, one_target
from tests.bench.subjects import Timing, run_handler, time_attempt, time_bare_sdk, time_canary

_WARM_UP_ROUNDS = 2
_ROUND_TRIPS = 15

Request = Mapping[str, Any]


def connect(request: Request) -> dict[str, Any]:
    """Return what canary and bare SDK took, turn by turn, and the round trip between their turns."""
    endpoint, version = BenchEndpoint(**request["endpoint"]), request["version"]
    configure(one_target(endpoint, version))
    timings = _alternate({"canary": time_canary, "bare": lambda: time_bare_sdk(endpoint, version)}, request["rounds"])
    return timings | {"round_trip_ms": round_trip_ms(endpoint)}


def certificate(request: Request) -> dict[str, Any]:
    """Return what attempts took, turn by turn, with the certificate check and without."""
    configure(one_target(BenchEndpoint(**request["endpoint"]), request["version"]))
    subjects = {"with": lambda: time_attempt(certificate=True), "without": lambda: time_attempt(certificate=False)}
    return _alternate(subjects, request["rounds"])


def run(request: Request) -> dict[str, Any]:
    """Return what one warm run over many targets took; `cgroup` holds its CPU share, if it is limited."""
    endpoint, version, count = BenchEndpoint(**request["endpoint"]), request["version"], request["targets"]
    _join_cgroup(request.get("cgroup"))
    configure(one_target(endpoint, version))
    run_handler()
    configure(many_targets(endpoint, version, count))
    with _costs() as costs:
        response = run_handler()
    outcomes = response["targets"]
    return costs | {
        "connect_ms": statistics.median(outcome["connect_ms"] for outcome in outcomes),
        "slowest_ms": max(outcome["elapsed_ms"] for outcome in outcomes),
    }


def together(request: Request) -> dict[str, Any]:
    """Return what the bare SDK took with as many clients, all started together."""
    endpoint = BenchEndpoint(**request["endpoint"])
    _join_cgroup(request.get("cgroup"))
    connect_together(endpoint, 1)
    with _costs() as costs:
        connect_ms = connect_together(endpoint, request["targets"])
    return costs | {"connect_ms": connect_ms}


def _alternate(subjects: Mapping[str, Callable[[], Timing]], rounds: int) -> dict[str, Any]:
    timings: dict[str, list[dict[str, float]]] = {name: [] for name in subjects}
    for number in range(_WARM_UP_ROUNDS + rounds):
        # The order alternates: the second subject may pay for work that the first one left behind.
        turns = list(subjects.items())[:: 1 if number % 2 else -1]
        for name, subject in turns:
            one = subject()
            if number >= _WARM_UP_ROUNDS:
                timings[name].append(asdict(one))
    return dict(timings)


def round_trip_ms(endpoint: BenchEndpoint) -> float:
    """Return the median time that TCP takes to connect, which is one round trip."""
    timings: list[float] = []
    for _ in range(_ROUND_TRIPS):
        started = time.perf_counter()
        with socket.create_connection((endpoint.host, endpoint.ports[0])):
            timings.append((time.perf_counter() - started) * 1000)
    return statistics.median(timings)


@contextlib.contextmanager
def _costs() -> Iterator[dict[str, float]]:
    """Yield a dictionary for wall time, CPU time of all threads, and the process's peak of resident memory."""
    costs: dict[str, float] = {}
    cpu, started = _cpu_s(), time.perf_counter()
    yield costs
    costs["wall_ms"] = (time.perf_counter() - started) * 1000
    costs["cpu_ms"] = (_cpu_s() - cpu) * 1000
    costs["peak_mb"] = peak_mb()


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _join_cgroup(cgroup: str | None) -> None:
    if cgroup is not None:
        Path(cgroup, "cgroup.procs").write_text("0", encoding="ascii")


_MEASUREMENTS: Mapping[str, Callable[[Request], dict[str, Any]]] = {
    "connect": connect,
    "certificate": certificate,
    "run": run,
    "together": together,
}


def main() -> None:
    """Respond to the one request on standard input."""
    request = json.load(sys.stdin)
    with quiet_output() as output:
        json.dump(_MEASUREMENTS[request["what"]](request), output)


if __name__ == "__main__":
    main()
