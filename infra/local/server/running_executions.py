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
    """The scheduled executions that have not ended, by function. Thread-safe."""

    def __init__(self) -> None:
        """Know of none."""
        self._lock = threading.Lock()
        self._started: defaultdict[str, list[float]] = defaultdict(list)

    def start(self, function: str) -> bool:
        """Count one more execution and return True, or return False if enough are running."""
        now = time.monotonic()
        with self._lock:
            running = [started for started in self._started[function] if now - started < _FORGOTTEN_SECONDS]
            self._started[function] = running
            if len(running) >= MAX_RUNNING:
                return False
            running.append(now)
            return True

    def end(self, function: str) -> None:
        """Count one execution less, the oldest; one that was not scheduled may end too."""
        with self._lock:
            if self._started[function]:
                self._started[function].pop(0)
