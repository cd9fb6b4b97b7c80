"""What TCP shows of the network during a failed attempt."""

from enum import StrEnum


class NetworkFinding(StrEnum):
    """Where data get stuck; None instead of a finding where the system does not say or nothing is stuck."""

    PACKETS_LOST = "packets lost"  # our data or probes are never acknowledged, or the peer's data have a hole
    PEER_SILENT = "peer silent"  # the peer's host acknowledges our data, its service sends nothing
    FLIGHT_TOO_LARGE = "flight too large"  # small packets pass, our full-sized ones do not (path MTU)
