"""What a path does to packets: data that the runner writes and the path's process reads."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Event(StrEnum):
    """A moment of a connection, at which a path may change; the packet that shows it still passes."""

    START = "start"  # before the first SYN
    CONNECTED = "connected"  # the client's ACK of the TCP handshake
    HELLO = "hello"  # the last byte of the ClientHello
    REQUEST = "request"  # the last byte of the upgrade request
    CONNECT = "connect"  # the last byte of the CONNECT


class Direction(StrEnum):
    """The directions in which a path is impaired."""

    BOTH = "both"
    TO_SERVER = "to server"
    TO_CLIENT = "to client"


class OnSyn(StrEnum):
    """How a middlebox answers a SYN in the server's place."""

    RESET = "reset"
    UNREACHABLE = "unreachable"  # ICMP, host unreachable


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """From `after_ms` after the event nothing passes in `direction` any more."""

    event: Event
    direction: Direction = Direction.BOTH
    after_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Impairment:
    """What happens to the packets from and to one address of the server; shares are of packets, in each direction.

    `max_bytes` is the path's MTU: longer packets in `max_bytes_direction` are lost, in silence unless `icmp`. `reset`
    is when a middlebox resets both sides, from then on for every packet.
    """

    round_trip_ms: float = 0.0
    loss: float = 0.0
    duplicated: float = 0.0
    reordered: float = 0.0
    kbit_per_s: float = 0.0
    max_bytes: int = 0
    max_bytes_direction: Direction = Direction.BOTH
    icmp: bool = False
    cut: Cut | None = None
    reset: Event | None = None
    on_syn: OnSyn | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can carry it."""
        return asdict(self)


def parse_impairment(values: Mapping[str, Any]) -> Impairment:
    """Return the impairment from what `as_dict` returned."""
    cut = values["cut"] and Cut(
        event=Event(values["cut"]["event"]),
        direction=Direction(values["cut"]["direction"]),
        after_ms=values["cut"]["after_ms"],
    )
    changed = {
        "cut": cut,
        "reset": values["reset"] and Event(values["reset"]),
        "on_syn": values["on_syn"] and OnSyn(values["on_syn"]),
        "max_bytes_direction": Direction(values["max_bytes_direction"]),
    }
    return Impairment(**{**values, **changed})
