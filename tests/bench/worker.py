"""The process that measures: reads one question as JSON, answers as JSON; what the handler prints goes nowhere.

Contenders take turns within one process, so that a busy moment of the machine meets all of them.
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

from tests.bench.network import BenchEndpoint
from tests.bench.process import peak_mb, quiet_output
from tests.bench.settings import configure, many_targets, one_target
from tests.bench.subjects import Timing, bare, canary, handle, one_attempt

_WARM_UP_ROUNDS = 2
_ROUND_TRIPS = 15

Question = Mapping[str, Any]


def connect(question: Question) -> dict[str, Any]:
    """Return what canary and bare SDK took, turn by turn, and the round trip between their turns."""
    endpoint, version = BenchEndpoint(**question["endpoint"]), question["version"]
    configure(one_target(endpoint, version))
    took = _alternate({"canary": canary, "bare": lambda: bare(endpoint, version)}, question["rounds"])
    return took | {"round_trip_ms": round_trip_ms(endpoint)}


def certificate(question: Question) -> dict[str, Any]:
    """Return what attempts took, turn by turn, with the certificate check and without."""
    configure(one_target(BenchEndpoint(**question["endpoint"]), question["version"]))
    contenders = {"with": lambda: one_attempt(certificate=True), "without": lambda: one_attempt(certificate=False)}
    return _alternate(contenders, question["rounds"])


def run(question: Question) -> dict[str, Any]:
    """Return what one warm run over many targets took; `cgroup` holds its CPU share, if it is to have one."""
    endpoint, version, count = BenchEndpoint(**question["endpoint"]), question["version"], question["targets"]
    _join(question.get("cgroup"))
    configure(one_target(endpoint, version))
    handle()
    configure(many_targets(endpoint, version, count))
    with _costs() as costs:
        answer = handle()
    outcomes = answer["targets"]
    return costs | {
        "connect_ms": statistics.median(outcome["connect_ms"] for outcome in outcomes),
        "slowest_ms": max(outcome["elapsed_ms"] for outcome in outcomes),
    }


def loop(question: Question) -> dict[str, Any]:
    """Return what the bare SDK took, one target after the other."""
    endpoint, version, count = BenchEndpoint(**question["endpoint"]), question["version"], question["targets"]
    bare(endpoint, version)
    ports = endpoint.ports
    with _costs() as costs:
        took = [bare(endpoint, version, port=ports[index % len(ports)]) for index in range(count)]
    return costs | {"connect_ms": statistics.median(one.connect_ms for one in took)}


def _alternate(contenders: Mapping[str, Callable[[], Timing]], rounds: int) -> dict[str, Any]:
    took: dict[str, list[dict[str, float]]] = {name: [] for name in contenders}
    for number in range(_WARM_UP_ROUNDS + rounds):
        # Each goes first every second time: who comes second may meet what the first one left to do.
        turns = list(contenders.items())[:: 1 if number % 2 else -1]
        for name, contender in turns:
            one = contender()
            if number >= _WARM_UP_ROUNDS:
                took[name].append(asdict(one))
    return dict(took)


def round_trip_ms(endpoint: BenchEndpoint) -> float:
    """Return the median time that TCP takes to connect, which is one round trip."""
    took: list[float] = []
    for _ in range(_ROUND_TRIPS):
        began = time.perf_counter()
        with socket.create_connection((endpoint.host, endpoint.ports[0])):
            took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


@contextlib.contextmanager
def _costs() -> Iterator[dict[str, float]]:
    """Yield what fills with wall time, CPU time of all threads, and the process's peak of resident memory."""
    costs: dict[str, float] = {}
    cpu, began = _cpu_s(), time.perf_counter()
    yield costs
    costs["wall_ms"] = (time.perf_counter() - began) * 1000
    costs["cpu_ms"] = (_cpu_s() - cpu) * 1000
    costs["peak_mb"] = peak_mb()


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _join(cgroup: str | None) -> None:
    if cgroup is not None:
        Path(cgroup, "cgroup.procs").write_text("0", encoding="ascii")


_QUESTIONS: Mapping[str, Callable[[Question], dict[str, Any]]] = {
    "connect": connect,
    "certificate": certificate,
    "run": run,
    "loop": loop,
}


def main() -> None:
    """Answer the one question on standard input."""
    question = json.load(sys.stdin)
    with quiet_output() as output:
        json.dump(_QUESTIONS[question["what"]](question), output)


if __name__ == "__main__":
    main()
