"""The state of a running attempt."""

import asyncio
import time
from dataclasses import dataclass, field

from connect_canary.model.certificate import CertificateCheck
from connect_canary.model.diagnosis import Diagnosis
from connect_canary.model.phases import Phase
from connect_canary.model.target import Target
from connect_canary.model.tcp_info import TcpInfo
from connect_canary.network.proxy import Proxy
from connect_canary.network.trace import Trace
from connect_canary.probe.auth.connect_auth import ConnectAuth
from connect_canary.probe.clients.client import ConnectFailedError

MIN_REMAINING_S = 0.05  # with less time remaining, nothing new is started
# The SDK's errors when the upgrade request cannot be signed, which it does before it connects.
_SIGNING_ERROR_PREFIXES = ("AWS_AUTH_", "AWS_ERROR_HTTP_CALLBACK_FAILURE")
# The SDK's error when the response to its upgrade request is not 101, whatever its records looked like.
UPGRADE_REFUSED = "AWS_ERROR_HTTP_WEBSOCKET_UPGRADE_FAILURE"
# In TLS 1.3 a missing client certificate is reported only after the client's upgrade request.
TLS_ERROR_PREFIX = "AWS_IO_TLS_"


@dataclass(slots=True, kw_only=True)
class AttemptState:
    """What is known of an attempt so far; moments are in seconds of `time.perf_counter`.

    `started` is when the SDK's client starts to connect, `ended` when it is done, before certificate check and
    diagnosis are waited for.
    """

    target: Target
    client_id: str
    timeout_s: float
    proxy: Proxy | None = None
    created: float = field(default_factory=time.perf_counter)
    started: float | None = None
    connected: float | None = None
    disconnected: float | None = None
    ended: float | None = None
    auth: ConnectAuth | None = None
    trace: Trace = field(default_factory=Trace)
    error: Exception | None = None
    tcp_info: TcpInfo | None = None
    certificate_check: CertificateCheck = field(default_factory=CertificateCheck)
    diagnosis: Diagnosis = field(default_factory=Diagnosis)
    verdict_known: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def phase(self) -> Phase | None:
        """The phase in which the attempt is, or has ended."""
        if self.auth is None and self.timeout_s:
            return Phase.CREDENTIALS
        error_name = self.error.error_name if isinstance(self.error, ConnectFailedError) else ""
        if self.trace.phase is None and error_name.startswith(_SIGNING_ERROR_PREFIXES):
            return Phase.CREDENTIALS
        if self.trace.phase is Phase.UPGRADE and error_name.startswith(TLS_ERROR_PREFIX):
            return Phase.TLS
        return Phase.UPGRADE if error_name == UPGRADE_REFUSED else self.trace.phase

    @property
    def remaining_s(self) -> float:
        """Seconds until the deadline."""
        return self.created + self.timeout_s - time.perf_counter()
