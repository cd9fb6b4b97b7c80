"""The table of conditions: what path and endpoint do, whose fault that is, and which owner the canary must name.

A fault counts only where the client's own host can know whose it is:

- A reset and a closed port look the same whether the endpoint's host sends them or a middlebox in its name. Of these
  the healthy rates are compared, the owner is not counted.
- A FIN inside TLS ends a stream that a middlebox cannot continue unnoticed; it counts as the endpoint's.
- In MQTT 3.1.1 AWS IoT may say by closing after CONNECT that a policy denies it, so there IAM is right as well.
- A path that loses packets at random has no fault as long as the connect succeeds; where it fails, it is the network's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from connect_canary.model.owners import Owner
from tests.fidelity import endpoint
from tests.fidelity.impairments import Cut, Direction, Event, Impairment, OnSyn


class Fault(StrEnum):
    """Whose fault a condition is."""

    NONE = "none"
    NETWORK = "network"
    ENDPOINT = "endpoint"
    UNDECIDABLE = "undecidable"  # the same packets come from a middlebox and from the endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One row: `addresses` are the A records' paths, `addresses_6` the AAAA records'; A records come in random order.

    `owners` are the right ones of a failure. `pairs` is how many pairs it gets: more where chance decides.
    """

    name: str
    fault: Fault = Fault.NONE
    addresses: Sequence[Impairment] = (Impairment(),)
    addresses_6: Sequence[Impairment] = ()
    behaviour: str = "healthy"
    owners: frozenset[Owner] = frozenset()
    pairs: int = 4

    @property
    def own_process(self) -> bool:
        """Whether each client needs an endpoint of its own, because this one stops as a whole."""
        return self.behaviour in endpoint.STOPS


_CHANCE = 16
_LITTLE = 0.05  # so little loss that the endpoint's fault remains the reason
_NETWORK = frozenset({Owner.NETWORK})
_ENDPOINT = frozenset({Owner.ENDPOINT})
_EVENTS: Mapping[Event, str] = {
    Event.START: "before SYN",
    Event.CONNECTED: "after TCP handshake",
    Event.HELLO: "after ClientHello",
    Event.REQUEST: "after upgrade request",
    Event.CONNECT: "after CONNECT",
}
_PHASES = ("in TLS", "at the upgrade", "after CONNECT")
_BLACK_HOLE = Impairment(cut=Cut(event=Event.START))
_REFUSES, _UNREACHABLE = Impairment(on_syn=OnSyn.RESET), Impairment(on_syn=OnSyn.UNREACHABLE)
_IDLE_AFTER_MS = 500.0


def _passes() -> list[Condition]:
    passing = {
        "clean": Impairment(),
        "slow, 20 ms round trip": Impairment(round_trip_ms=20),
        "slow, 80 ms round trip": Impairment(round_trip_ms=80),
        "slow, 600 ms round trip": Impairment(round_trip_ms=600),
        "slow, 64 kbit/s": Impairment(kbit_per_s=64, round_trip_ms=80),
        "20 % reordered": Impairment(reordered=0.2, round_trip_ms=20),
        "20 % duplicated": Impairment(duplicated=0.2, round_trip_ms=20),
        # To the server only: its host would keep what the ICMP says of the way to the client, for every later pair.
        "MTU 1,400 to server, with ICMP": Impairment(
            max_bytes=1400, max_bytes_direction=Direction.TO_SERVER, icmp=True
        ),
    }
    return [Condition(name=name, addresses=(what,), pairs=6) for name, what in passing.items()]


def _loses(share: float) -> Impairment:
    return Impairment(loss=share, round_trip_ms=20)


def _lossy() -> list[Condition]:
    return [
        _network_fault("loss 2 %", _loses(0.02), pairs=10),
        _network_fault("loss 10 %", _loses(0.1), pairs=_CHANCE),
        _network_fault("loss 30 %", _loses(0.3), pairs=3 * _CHANCE),
        _network_fault("loss 60 %", _loses(0.6), pairs=_CHANCE),
        _network_fault("slow, 3 s round trip", Impairment(round_trip_ms=3000)),
    ]


def _network_fault(name: str, *addresses: Impairment, behaviour: str = "healthy", pairs: int = 4) -> Condition:
    return Condition(
        name=name, addresses=addresses, fault=Fault.NETWORK, owners=_NETWORK, behaviour=behaviour, pairs=pairs
    )


def _cut(event: Event, direction: Direction) -> Condition:
    where = "" if direction is Direction.BOTH else f", {direction}"
    impairment = Impairment(cut=Cut(event=event, direction=direction), round_trip_ms=20)
    return _network_fault(f"cut {_EVENTS[event]}{where}", impairment)


def _cuts() -> list[Condition]:
    idle = {"thinks at the upgrade": Event.REQUEST, "thinks after CONNECT": Event.CONNECT}
    return [
        *(_cut(event, direction) for event in Event for direction in Direction if _fails(event, direction)),
        *(
            _network_fault(
                f"cut 0.5 s {_EVENTS[event]}{'' if way is Direction.BOTH else f', {way}'}",
                Impairment(cut=Cut(event=event, direction=way, after_ms=_IDLE_AFTER_MS), round_trip_ms=20),
                behaviour=behaviour,
            )
            for behaviour, event in idle.items()
            for way in (Direction.BOTH, Direction.TO_CLIENT)
        ),
        _network_fault("MTU 1,400, black hole", Impairment(max_bytes=1400, round_trip_ms=20)),
        *(
            _network_fault(
                f"MTU 1,400, black hole {way}",
                Impairment(max_bytes=1400, max_bytes_direction=way, round_trip_ms=20),
            )
            for way in (Direction.TO_SERVER, Direction.TO_CLIENT)
        ),
        _network_fault("host unreachable (ICMP)", _UNREACHABLE),
    ]


def _fails(event: Event, direction: Direction) -> bool:
    """Return whether a cut makes the connect fail: the CONNACK still arrives if only the way to the server is cut."""
    return not (event is Event.CONNECT and direction is Direction.TO_SERVER)


def _addresses() -> list[Condition]:
    healthy = Impairment()
    return [
        _network_fault("3 A: 1 black hole", healthy, healthy, _BLACK_HOLE, pairs=_CHANCE),
        _network_fault("3 A: 2 black holes", healthy, _BLACK_HOLE, _BLACK_HOLE, pairs=_CHANCE),
        _network_fault("3 A: 2 black holes, 1 unreachable", _UNREACHABLE, _BLACK_HOLE, _BLACK_HOLE),
        Condition(
            name="3 A: 2 refuse",
            addresses=(healthy, _REFUSES, _REFUSES),
            fault=Fault.UNDECIDABLE,
            pairs=_CHANCE,
        ),
        Condition(
            name="3 A: 1 refuses, 1 black hole",
            addresses=(healthy, _REFUSES, _BLACK_HOLE),
            fault=Fault.UNDECIDABLE,
            pairs=_CHANCE,
        ),
        Condition(name="A healthy, AAAA black hole", addresses_6=(_BLACK_HOLE,)),
        Condition(name="A healthy, AAAA refuses", addresses_6=(_REFUSES,)),
        Condition(name="A black hole, AAAA healthy", addresses=(_BLACK_HOLE,), addresses_6=(healthy,)),
        Condition(name="A refuses, AAAA healthy", addresses=(_REFUSES,), addresses_6=(healthy,)),
        Condition(
            name="A and AAAA black holes",
            addresses=(_BLACK_HOLE,),
            addresses_6=(_BLACK_HOLE,),
            fault=Fault.NETWORK,
            owners=_NETWORK,
        ),
    ]


def _undecidable() -> list[Condition]:
    return [
        Condition(name="port closed by the endpoint", behaviour=endpoint.CLOSED, fault=Fault.UNDECIDABLE),
        Condition(name="SYN reset by a middlebox", addresses=(_REFUSES,), fault=Fault.UNDECIDABLE),
        *(
            Condition(
                name=f"reset by a middlebox {_EVENTS[event]}",
                addresses=(Impairment(reset=event, round_trip_ms=20),),
                fault=Fault.UNDECIDABLE,
            )
            for event in (Event.HELLO, Event.REQUEST, Event.CONNECT)
        ),
        *(
            Condition(name=f"reset by the endpoint {phase}", behaviour=f"resets {phase}", fault=Fault.UNDECIDABLE)
            for phase in _PHASES
        ),
    ]


def _endpoint_fault(behaviour: str, owners: frozenset[Owner] = _ENDPOINT, *, loss: float = 0.0) -> Condition:
    return Condition(
        name=f"endpoint: {behaviour}" + (f", loss {loss:.0%}" if loss else ""),
        behaviour=behaviour,
        addresses=(_loses(loss) if loss else Impairment(),),
        fault=Fault.ENDPOINT,
        owners=owners,
    )


def _endpoint_faults() -> list[Condition]:
    closed_by = {"after CONNECT": _ENDPOINT | {Owner.IAM}}
    plain = ("TLS alert", "expired certificate", "untrusted certificate", "certificate of another name", "HTTP 503")
    return [
        *(_endpoint_fault(f"closes {phase}", closed_by.get(phase, _ENDPOINT)) for phase in _PHASES),
        *(_endpoint_fault(f"{how} {phase}") for how in ("silent", "process stopped") for phase in _PHASES),
        *(_endpoint_fault(behaviour) for behaviour in plain),
        *(_endpoint_fault(behaviour, loss=_LITTLE) for behaviour in ("HTTP 503", "closes at the upgrade")),
        *(_endpoint_fault(f"silent {phase}", loss=_LITTLE) for phase in _PHASES),
        _endpoint_fault("HTTP 403", frozenset({Owner.IAM})),
        _endpoint_fault("CONNACK not authorized", frozenset({Owner.IAM})),
        _endpoint_fault("CONNACK server unavailable", frozenset({Owner.AWS})),
    ]


CONDITIONS: Sequence[Condition] = (
    *_passes(),
    *_lossy(),
    *_cuts(),
    *_addresses(),
    *_undecidable(),
    *_endpoint_faults(),
)
