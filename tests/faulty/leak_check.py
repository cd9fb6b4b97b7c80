"""Many runs in a row in one warm process, frozen now and then as Lambda does: the resources held before and after."""

import os
import signal
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from tests.faulty.cases import ENVIRON, cases_of, watching
from tests.faulty.process import FaultyServer, Handler

_WARM_UP_RUNS = 5
_STAGES = 5
_FROZEN_S = 0.3
# s2n keeps a client whose handshake failed for 10 to 30 s.
_SETTLES_WITHIN_S = 40
_SECONDS_PER_RUN, _HEALTHY_DEADLINE_S = 30, 10


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakReport:
    """The result of many runs: failures, resources when warm and at the end, and whether the process still connects."""

    failures: Mapping[str | None, int]
    warm: Mapping[str, int]
    held: Mapping[str, int]
    healthy_afterwards: bool


def check_leaks(scenario: str, *, runs: int, deadline_s: float, targets_per_version: int = 1) -> LeakReport:
    """Run the canary `runs` times against one scenario in both MQTT versions, then once against a healthy endpoint."""
    failures: Counter[str | None] = Counter()
    with FaultyServer(scenario, "healthy") as server, Handler(**ENVIRON) as handler:
        environ = watching(_entries(server, scenario, targets_per_version), deadline_s)
        healthy = watching(_entries(server, "healthy"), _HEALTHY_DEADLINE_S)
        handler.invoke(healthy, seconds=_SECONDS_PER_RUN, runs=_WARM_UP_RUNS)
        warm = handler.held()
        for _ in range(_STAGES):
            result, _ = handler.invoke(environ, seconds=_SECONDS_PER_RUN, runs=runs // _STAGES)
            failures.update(failure for run in result["failures"] for failure in run)
            freeze(handler)
        held = _wait_until_settled(handler, warm)
        result, _ = handler.invoke(healthy, seconds=_SECONDS_PER_RUN)
    return LeakReport(failures=failures, warm=warm, held=held, healthy_afterwards=result["response"]["healthy"])


def freeze(handler: Handler) -> None:
    """Suspend the process for a moment between two runs."""
    os.kill(handler.pid, signal.SIGSTOP)
    time.sleep(_FROZEN_S)
    os.kill(handler.pid, signal.SIGCONT)


def _entries(server: FaultyServer, scenario: str, targets_per_version: int = 1) -> list[dict[str, object]]:
    return [
        case.target(server.port(scenario), server.ca_file, name=f"{case.name}-{i}")
        for case in cases_of([scenario])
        for i in range(targets_per_version)
    ]


def _wait_until_settled(handler: Handler, warm: Mapping[str, int]) -> dict[str, int]:
    """Return the resources held once the SDK has released its last clients."""
    deadline = time.monotonic() + _SETTLES_WITHIN_S
    while (held := handler.held())["descriptors"] > warm["descriptors"] and time.monotonic() < deadline:
        time.sleep(1)
    return held
