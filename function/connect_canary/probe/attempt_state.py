"""The state of a running attempt."""

import asyncio
import time
from dataclasses import dataclass, field

from connect_canary.model.certificate import CertificateCheck
from connect_canary.model.phases import Phase
from connect_canary.model.target import Target
from connect_canary.network.proxy import Proxy
from connect_canary.network.trace import Trace
from connect_canary.probe.auth.connect_auth import ConnectAuth
from connect_canary.probe.clients.client import ConnectFailedError
from connect_canary.probe.diagnosis import Diagnosis

# What the SDK says when the upgrade request cannot be signed, which comes before it dials.
_SIGNING_ERROR_PREFIXES = ("AWS_AUTH_", "AWS_ERROR_HTTP_CALLBACK_FAILURE")
# A client certificate that TLS 1.3 asks for is missed only after the client's upgrade request.
TLS_ERROR_PREFIX = "AWS_IO_TLS_"


@dataclass(slots=True, kw_only=True)
class AttemptState:
    """What becomes known while an attempt runs; moments are of `time.perf_counter`."""

    target: Target
    client_id: str
    seconds: float
    proxy: Proxy | None = None
    began: float = field(default_factory=time.perf_counter)
    started: float | None = None
    connected: float | None = None
    disconnected: float | None = None
    ended: float | None = None
    how: ConnectAuth | None = None
    trace: Trace = field(default_factory=Trace)
    error: Exception | None = None
    look: CertificateCheck = field(default_factory=CertificateCheck)
    answer: Diagnosis = field(default_factory=Diagnosis)
    judged: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def phase(self) -> Phase | None:
        """Where the attempt stands."""
        if self.how is None and self.seconds:
            return Phase.CREDENTIALS
        said = self.error.error_name if isinstance(self.error, ConnectFailedError) else ""
        if self.trace.phase is None and said.startswith(_SIGNING_ERROR_PREFIXES):
            return Phase.CREDENTIALS
        if self.trace.phase is Phase.UPGRADE and said.startswith(TLS_ERROR_PREFIX):
            return Phase.TLS
        return self.trace.phase

    @property
    def left(self) -> float:
        """Seconds until the deadline."""
        return self.began + self.seconds - time.perf_counter()
