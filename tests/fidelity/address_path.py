"""The path to one address of the server: what becomes of each packet."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.fidelity.client_stream import ClientStream
from tests.fidelity.impairments import Direction, Event, Impairment, OnSyn
from tests.fidelity.packets import (
    ACK,
    FRAGMENTATION_NEEDED,
    HOST_UNREACHABLE,
    RST,
    SYN,
    Segment,
    icmp_to_sender,
    reset_to_sender,
)

_REORDERED_BY_S = 0.03
_MAX_QUEUED_S = 1.0
_NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Passed:
    """A packet that leaves the path at a moment, towards the server or the client."""

    at: float
    to_server: bool
    packet: bytes


@dataclass(slots=True)
class _Connection:
    stream: ClientStream = field(default_factory=ClientStream)
    reset: bool = False


class AddressPath:
    """Applies one impairment to the packets from and to one address; a cut hits all of its connections."""

    def __init__(self, impairment: Impairment, seed: int) -> None:
        """Draw what is lost from `seed`."""
        self._impairment = impairment
        self._random = random.Random(seed)  # noqa: S311 - not for cryptography
        self._cut_at = 0.0 if impairment.cut and impairment.cut.event is Event.START else _NEVER
        self._connections: dict[tuple[int, int], _Connection] = {}
        self._free_at = {True: 0.0, False: 0.0}

    def pass_on(self, segment: Segment, now: float, *, to_server: bool) -> Iterator[Passed]:
        """Yield what leaves the path because of a packet that enters it."""
        ports = segment.source_port, segment.destination_port
        connection = self._connections.setdefault(ports if to_server else ports[::-1], _Connection())
        if to_server and segment.flags & SYN and self._impairment.on_syn:
            yield Passed(now + self._delay_s, False, self._answer_to_syn(segment))  # noqa: FBT003 - a tuple's field
            return
        if connection.reset:
            yield from self._reset(segment, now, to_server=to_server)
            return
        was_cut = self._is_cut(now, to_server=to_server)
        for event in connection.stream.events(segment) if to_server else ():
            self._happens(event, connection, now)
        if not was_cut:
            yield from self._passed(segment.packet, now, to_server=to_server)
        if connection.reset:
            yield from self._reset(segment, now, to_server=to_server)

    def _happens(self, event: Event, connection: _Connection, now: float) -> None:
        cut = self._impairment.cut
        if cut and cut.event is event and self._cut_at == _NEVER:
            self._cut_at = now + cut.after_ms / 1000
        if self._impairment.reset is event:
            connection.reset = True

    def _is_cut(self, now: float, *, to_server: bool) -> bool:
        cut = self._impairment.cut
        return cut is not None and now >= self._cut_at and _applies(cut.direction, to_server=to_server)

    @property
    def _delay_s(self) -> float:
        return self._impairment.round_trip_ms / 2000

    def _answer_to_syn(self, segment: Segment) -> bytes:
        if self._impairment.on_syn is OnSyn.UNREACHABLE:
            return icmp_to_sender(segment.packet, HOST_UNREACHABLE)
        return reset_to_sender(segment)

    def _reset(self, segment: Segment, now: float, *, to_server: bool) -> Iterator[Passed]:
        """Reset the sender, and the receiver if the segment tells where it is in its stream."""
        if segment.flags & RST:
            return
        yield Passed(now + self._delay_s, not to_server, reset_to_sender(segment))
        if segment.flags & ACK:
            yield Passed(now + self._delay_s, to_server, _abort(segment))

    def _passed(self, packet: bytes, now: float, *, to_server: bool) -> Iterator[Passed]:
        what = self._impairment
        if what.max_bytes < len(packet) and what.max_bytes and _applies(what.max_bytes_direction, to_server=to_server):
            if what.icmp:
                message = icmp_to_sender(packet, FRAGMENTATION_NEEDED, mtu=what.max_bytes)
                yield Passed(now + self._delay_s, not to_server, message)
            return
        if self._random.random() < what.loss:
            return
        late_s = _REORDERED_BY_S if self._random.random() < what.reordered else 0.0
        queued_s = self._queued_s(len(packet), now, to_server=to_server)
        if queued_s > _MAX_QUEUED_S:
            return
        for _ in range(1 + (self._random.random() < what.duplicated)):
            yield Passed(now + queued_s + self._delay_s + late_s, to_server, packet)

    def _queued_s(self, length: int, now: float, *, to_server: bool) -> float:
        """Return how long a packet waits for those before it and its own transmission."""
        if not self._impairment.kbit_per_s:
            return 0.0
        starts_at = max(self._free_at[to_server], now)
        if starts_at - now <= _MAX_QUEUED_S:
            self._free_at[to_server] = starts_at + length * 8 / (self._impairment.kbit_per_s * 1000)
        return self._free_at[to_server] - now


def _applies(direction: Direction, *, to_server: bool) -> bool:
    return direction in {Direction.BOTH, Direction.TO_SERVER if to_server else Direction.TO_CLIENT}


def _abort(segment: Segment) -> bytes:
    """Return the reset that follows a segment on its way, in its sender's name."""
    follows = Segment(
        packet=b"",
        source=segment.destination,
        destination=segment.source,
        source_port=segment.destination_port,
        destination_port=segment.source_port,
        sequence=segment.acknowledged,
        acknowledged=(segment.sequence + segment.sequence_length) & 0xFFFFFFFF,
        flags=ACK,
        payload=b"",
    )
    return reset_to_sender(follows)
