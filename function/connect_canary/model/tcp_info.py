"""TCP's counters of a connection, and what they show of the network."""

from dataclasses import dataclass

from connect_canary.model.network_finding import NetworkFinding
from connect_canary.model.phases import Phase

# How long nothing must have come: TLS 1.3 session tickets follow the upgrade request and are no response to it.
_SILENCE_MS, _SILENCE_ROUND_TRIPS = 500.0, 4
_AFTER_TLS = {Phase.UPGRADE, Phase.CONNACK, Phase.DISCONNECT}


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpInfo:
    """TCP_INFO of Linux, as far as it says whether data arrive.

    `unacknowledged` counts segments that are in flight; a reset discards them, but `unacknowledged_bytes` remains.
    `bytes_acked` includes one for the SYN. `silent_ms` is the time since the last data of the peer.
    """

    rtt_ms: float
    retransmits: int
    unacknowledged: int
    unacknowledged_bytes: int
    bytes_acked: int
    bytes_received: int
    silent_ms: float

    def as_dict(self) -> dict[str, object]:
        """Return the counters as the return value and the log record show them."""
        return {
            "rtt_ms": round(self.rtt_ms, 2),
            "retransmits": self.retransmits,
            "unacknowledged": self.unacknowledged,
            "bytes_acked": self.bytes_acked,
        }


def find_in_network(
    info: TcpInfo | None, *, phase: Phase | None, closed: bool, small_flight_passes: bool
) -> NetworkFinding | None:
    """Return what the counters at the end of an attempt show.

    `closed` tells that the peer closed or reset the connection. `small_flight_passes` tells that the certificate check
    got a response on the same path: its ClientHello has 517 bytes, the SDK's 1,533 (measured).
    """
    if info is None:
        return None
    if info.retransmits and (info.unacknowledged or (closed and info.unacknowledged_bytes > 0)):
        too_large = phase is Phase.TLS and small_flight_passes
        return NetworkFinding.FLIGHT_TOO_LARGE if too_large else NetworkFinding.PACKETS_LOST
    if closed or info.unacknowledged:
        return None
    return NetworkFinding.PEER_SILENT if _is_silent(info, phase) else None


def _is_silent(info: TcpInfo, phase: Phase | None) -> bool:
    """Return whether the peer has acknowledged everything and does not respond."""
    if phase is Phase.TLS:
        return info.bytes_received == 0
    return phase in _AFTER_TLS and info.silent_ms >= max(_SILENCE_MS, _SILENCE_ROUND_TRIPS * info.rtt_ms)
