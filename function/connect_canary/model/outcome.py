"""The outcome of one attempt, and how it turns into a dict."""

from collections.abc import Mapping, Sequence
from dataclasses import field

from connect_canary.model.addresses import AddressResult
from connect_canary.model.failures import Failure
from connect_canary.model.frozen import frozen
from connect_canary.model.owners import Owner
from connect_canary.model.phases import Phase
from connect_canary.model.tcp_info import TcpInfo


@frozen
class Outcome:
    """What one attempt came to. Times are in milliseconds; what is not known is None.

    It is `confirmed` if it is the second attempt after a failed one and failed too, not `confirmed` if that succeeded.
    """

    target: str
    endpoint: str
    auth_mode: str
    mqtt_version: str
    client_id: str
    expect: str
    healthy: bool
    phase: Phase | None = None
    failure: Failure | None = None
    reason: str | None = None
    owner: Owner | None = None
    hint: str | None = None
    connect_ms: float | None = None
    disconnect_ms: float | None = None
    elapsed_ms: float = 0.0
    phases_ms: Mapping[str, float] = field(default_factory=dict)
    certificate_days_left: float | None = None
    certificate: Mapping[str, str] | None = None
    http_status: int | None = None
    connack_code: int | None = None
    request_id: str | None = None
    error_name: str | None = None
    addresses: Sequence[AddressResult] = ()
    network: TcpInfo | None = None
    clock_skew_s: float | None = None
    secrets_refreshed: bool = False
    confirmed: bool | None = None

    @property
    def success(self) -> bool:
        """Metric ConnectSuccess: did the target do with the client what is expected of it?"""
        return self.healthy or self.failure is Failure.DISCONNECT_FAILED

    def as_dict(self) -> dict[str, object]:
        """Return the outcome as the return value and the log record show it."""
        return {
            "target": self.target,
            "endpoint": self.endpoint,
            "auth_mode": str(self.auth_mode),
            "mqtt_version": str(self.mqtt_version),
            "client_id": self.client_id or None,
            "expect": str(self.expect),
            "healthy": self.healthy,
            "phase": None if self.phase is None else str(self.phase),
            "failure": None if self.failure is None else str(self.failure),
            "reason": self.reason,
            "owner": None if self.owner is None else str(self.owner),
            "hint": self.hint,
            "connect_ms": _rounded(self.connect_ms),
            "disconnect_ms": _rounded(self.disconnect_ms),
            "elapsed_ms": _rounded(self.elapsed_ms),
            "phases_ms": {phase: _rounded(ms) for phase, ms in self.phases_ms.items()},
            "certificate_days_left": _rounded(self.certificate_days_left),
            "certificate": None if self.certificate is None else dict(self.certificate),
            "http_status": self.http_status,
            "connack_code": self.connack_code,
            "request_id": self.request_id,
            "error_name": self.error_name,
            "addresses": [result.as_dict() for result in self.addresses],
            "network": None if self.network is None else self.network.as_dict(),
            "clock_skew_s": _rounded(self.clock_skew_s),
            "secrets_refreshed": self.secrets_refreshed,
            "confirmed": self.confirmed,
        }


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 2)
