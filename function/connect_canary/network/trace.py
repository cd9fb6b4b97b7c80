"""The trace of one connection: when each phase started, and what the wire showed."""

import time
from dataclasses import dataclass, field

from connect_canary.model.phases import Phase
from connect_canary.network.errors import DialError
from connect_canary.network.resolver import AddressInfo


@dataclass(slots=True)
class Trace:
    """When each phase began (seconds, `time.perf_counter`), where things stand, and what the wire showed."""

    began: dict[Phase, float] = field(default_factory=dict)
    phase: Phase | None = None
    error: DialError | None = None
    address: AddressInfo | None = None
    endpoint_closed: str | None = None
    client_started: bool = False
    client_ended: bool = False
    alert: int | None = None

    def enter(self, phase: Phase) -> None:
        """Stamp the beginning of `phase`, which ends the one before it."""
        self.began[phase] = time.perf_counter()
        self.phase = phase

    def phases_ms(self, until: float) -> dict[str, float]:
        """Return the duration of each phase in milliseconds; the last one ends at `until`."""
        starts = [*self.began.values(), until]
        return {str(phase): (starts[i + 1] - starts[i]) * 1000 for i, phase in enumerate(self.began)}
