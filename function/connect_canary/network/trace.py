"""The trace of one connection: when each phase started, and what the wire showed."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from connect_canary.model.addresses import AddressResult
from connect_canary.model.phases import Phase
from connect_canary.network.errors import DialError
from connect_canary.network.resolver import AddressInfo


@dataclass(slots=True)
class Trace:
    """When each phase started (seconds, `time.perf_counter`), the current phase, and what was observed.

    `flight_ended` is when the server's last TLS record had come in full, None once the client has answered it.
    `on_phase` is called when a phase starts.
    """

    started_at: dict[Phase, float] = field(default_factory=dict)
    phase: Phase | None = None
    error: DialError | None = None
    address: AddressInfo | None = None
    addresses: list[AddressResult] = field(default_factory=list)
    proxy_connected: bool = False
    server_closed: str | None = None
    client_started: bool = False
    client_closed: bool = False
    flight_ended: float | None = None
    alert: int | None = None
    on_phase: Callable[[Phase], None] | None = None

    def start_phase(self, phase: Phase) -> None:
        """Record the start of `phase`, which ends the previous one."""
        self.started_at[phase] = time.perf_counter()
        self.phase = phase
        if self.on_phase is not None:
            self.on_phase(phase)

    def phases_ms(self, until: float) -> dict[str, float]:
        """Return the duration of each phase in milliseconds; the last one ends at `until` (`time.perf_counter`)."""
        starts = [*self.started_at.values(), until]
        return {str(phase): (starts[i + 1] - starts[i]) * 1000 for i, phase in enumerate(self.started_at)}
