"""How many executions of a function are running: a schedule at high speed must not start them faster than they end.

A new execution environment takes seconds of a processor. Where the schedule's period is seconds too, each execution
that is late would start one more environment, which makes the next one later still, until nothing runs any more.
"""

import threading
import time
from collections import defaultdict

MAX_RUNNING = 3
# An invocation that was throttled or lost does not end.
_FORGOTTEN_SECONDS = 60.0


class RunningExecutions:
    """The scheduled executions that have not ended, by function and input. Thread-safe."""

    def __init__(self) -> None:
        """Know of none."""
        self._lock = threading.Lock()
        self._started: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)

    def start(self, function: str, payload: str) -> bool:
        """Count one more execution and return True, or return False if enough are running.

        One with an input of which none is running may always start: several schedules, as those of shards, share a
        function, and the quickest would leave nothing to the others.
        """
        now = time.monotonic()
        with self._lock:
            running = [known for known in self._started[function] if now - known[0] < _FORGOTTEN_SECONDS]
            self._started[function] = running
            if len(running) >= MAX_RUNNING and any(payload == of_one for _, of_one in running):
                return False
            running.append((now, payload))
            return True

    def end(self, function: str) -> None:
        """Count one execution less, the oldest; one that was not scheduled may end too."""
        with self._lock:
            if self._started[function]:
                self._started[function].pop(0)
