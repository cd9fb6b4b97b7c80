"""The canary against random bytes: always an outcome, no crash, no hang past the deadline.

`python -m tests.faulty.fuzz [--cases N] [--seed S]` runs many cases and ends with exit code 1 if one of them breaks
that promise.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import SystemRandom
from typing import Any

from connect_canary.model.failures import Failure
from connect_canary.model.mqtt import MqttVersion
from tests.faulty.cases import ENVIRON, Case, watching
from tests.faulty.fuzz_behaviours import LAYERS
from tests.faulty.process import FaultyServer, Handler

NIGHTLY_CASES = 10_000
DEADLINE_S = 0.7
LATE_S = 1.5
_LANES = 3
_SECONDS_A_RUN = 20
_NEVER = {Failure.UNCLASSIFIED, Failure.DEADLINE_EXCEEDED}


@dataclass(slots=True)
class FuzzResult:
    """The result of a fuzzing run: outcomes by name, and a sentence for each broken promise."""

    cases: int = 0
    names: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)


def fuzz(cases: int, *, seed: int, layers: Sequence[str] = LAYERS) -> FuzzResult:
    """Run at least `cases` cases, both MQTT versions and every layer in each run of one warm handler."""
    fuzzed = FuzzResult()
    listeners = [
        (f"fuzz-{layer}:{seed}-{version}-{lane}", version)
        for layer in layers
        for version in MqttVersion
        for lane in range(_LANES * len(LAYERS) // len(layers))
    ]
    ids = [id_ for id_, _ in listeners]
    with FaultyServer("healthy", *ids) as server, Handler(**ENVIRON) as handler:
        entries = [
            Case(scenario="healthy", version=version).target(server.port(id_), server.ca_file, name=_name(id_))
            for id_, version in listeners
        ]
        while fuzzed.cases < cases:
            result, printed = handler.invoke(watching(entries, DEADLINE_S), seconds=_SECONDS_A_RUN)
            fuzzed.cases += len(entries)
            fuzzed.broken += _broken(result, printed, [_name(id_) for id_ in ids], fuzzed.cases)
            fuzzed.names.update(_named(target) for target in result.get("response", {}).get("targets", []))
        fuzzed.broken += _unwell(handler, server)
    return fuzzed


def _name(id_: str) -> str:
    return id_.replace(":", "_")


def _named(outcome: Mapping[str, Any]) -> str:
    return outcome["failure"] or "healthy"


def _broken(result: Mapping[str, Any], printed: str, names: list[str], number: int) -> Iterator[str]:
    """Yield a sentence for each promise that a run breaks."""
    if "response" not in result:
        yield f"case {number}: the handler raised {result.get('raised')}"
        return
    if "Traceback" in printed:
        yield f"case {number}: a traceback was printed: {printed[printed.index('Traceback') :][:500]}"
    outcomes = result["response"]["targets"]
    if [outcome["target"] for outcome in outcomes] != names:
        yield f"case {number}: outcomes are missing"
    for outcome in outcomes:
        where = f"case {number}, {outcome['target']}"
        if outcome["failure"] in _NEVER:
            yield f"{where}: {outcome['failure']} in phase {outcome['phase']}, {outcome['error_name']}"
        if outcome["elapsed_ms"] > (DEADLINE_S + LATE_S) * 1000:
            yield f"{where}: {outcome['elapsed_ms']:.0f} ms"
        if not outcome["healthy"] and not (outcome["reason"] and outcome["reason"].isprintable()):
            yield f"{where}: reason {outcome['reason']!r}"


def _unwell(handler: Handler, server: FaultyServer) -> Iterator[str]:
    """Yield a sentence if the process can no longer connect to a healthy endpoint."""
    entry = Case(scenario="healthy", version=MqttVersion.V5).target(server.port("healthy"), server.ca_file)
    result, _ = handler.invoke(watching([entry], _SECONDS_A_RUN / 2), seconds=_SECONDS_A_RUN)
    if not result["response"]["healthy"]:
        yield f"the run after all others is not healthy: {result['answer']['targets'][0]['reason']}"


def main() -> None:
    """Fuzz and print the result."""
    parser = argparse.ArgumentParser(prog="python -m tests.faulty.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=NIGHTLY_CASES, help="at least so many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="the same bytes as another time (default: new ones)")
    parser.add_argument("--layers", nargs="+", choices=LAYERS, default=LAYERS, help="layers (default: all)")
    arguments = parser.parse_args()
    seed = SystemRandom().randrange(1 << 32) if arguments.seed is None else arguments.seed
    print(f"Fuzzing with seed {seed}")
    fuzzed = fuzz(arguments.cases, seed=seed, layers=arguments.layers)
    names = ", ".join(f"{name} {count}" for name, count in fuzzed.names.most_common())
    print(f"{fuzzed.cases} cases: {names}")
    for sentence in fuzzed.broken:
        print(sentence)
    sys.exit(1 if fuzzed.broken else 0)


if __name__ == "__main__":
    main()
