"""TCP's counters of a connection, and what they show of the network."""

from connect_canary.model.frozen import frozen
from connect_canary.model.network_finding import NetworkFinding
from connect_canary.model.phases import Phase

# How long nothing must have come: TLS 1.3 session tickets follow the upgrade request and are no response to it.
_SILENCE_MS, _SILENCE_ROUND_TRIPS = 500.0, 4
_SYN_BYTES = 1
# An idle connection is probed each second (network/socket_options.py): one probe may be under way, or lost by chance.
_MIN_UNANSWERED_PROBES = 2
_AFTER_TLS = {Phase.UPGRADE, Phase.CONNACK, Phase.DISCONNECT}


@frozen
class TcpInfo:
    """TCP_INFO of Linux, as far as it says whether data arrive.

    `unacknowledged` counts segments that are in flight, our FIN too; a reset discards them, but `unacknowledged_bytes`,
    which are data only, remain. `bytes_acked` includes one for the SYN. `silent_ms` is the time since the last data of
    the peer. `retransmits` are those of the whole connection, its SYN's too; `unanswered_retransmits` only those after
    time-outs since the peer last acknowledged anything. `unanswered_probes` are keep-alive probes since the peer's last
    sign of life; `out_of_order` counts segments that came while an earlier one was missing.
    """

    rtt_ms: float
    retransmits: int
    unacknowledged: int
    unacknowledged_bytes: int
    bytes_acked: int
    bytes_received: int
    silent_ms: float
    unanswered_retransmits: int = 0
    unanswered_probes: int = 0
    out_of_order: int = 0

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
    # A peer that closes gets in the way of what is in flight; only time-outs show that nobody acknowledged it.
    resent = info.unanswered_retransmits if closed else info.retransmits
    if resent and info.unacknowledged_bytes > 0:
        too_large = phase is Phase.TLS and small_flight_passes
        return NetworkFinding.FLIGHT_TOO_LARGE if too_large else NetworkFinding.PACKETS_LOST
    if closed:
        return None
    if _is_path_dead(info, phase):
        return NetworkFinding.PACKETS_LOST
    return NetworkFinding.PEER_SILENT if _is_silent(info, phase) else None


def _is_path_dead(info: TcpInfo, phase: Phase | None) -> bool:
    """Return whether nothing comes through although nothing of ours is in flight."""
    hole_in_first_flight = phase is Phase.TLS and info.bytes_received == 0 and info.out_of_order > 0
    return info.unanswered_probes >= _MIN_UNANSWERED_PROBES or hole_in_first_flight


def _is_silent(info: TcpInfo, phase: Phase | None) -> bool:
    """Return whether the peer has acknowledged what it got and does not respond."""
    if phase is Phase.TLS:
        # What is in flight without having been sent again is the alert of a client that gives up.
        return info.bytes_received == 0 and info.bytes_acked > _SYN_BYTES
    waiting = phase in _AFTER_TLS and info.unacknowledged_bytes <= 0
    return waiting and info.silent_ms >= max(_SILENCE_MS, _SILENCE_ROUND_TRIPS * info.rtt_ms)
