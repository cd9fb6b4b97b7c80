"""Fidelity: what a path does to packets, and which event of a connection each packet completes."""

import ipaddress
import itertools
import socket
import struct
from collections.abc import Iterator

import pytest

from tests.fidelity.address_path import AddressPath
from tests.fidelity.client_stream import ClientStream
from tests.fidelity.impairments import Cut, Direction, Event, Impairment, OnSyn
from tests.fidelity.packets import ACK, RST, SYN, Segment, parse_segment

CLIENT, SERVER = ipaddress.ip_address("10.111.0.1").packed, ipaddress.ip_address("10.112.0.8").packed
CLIENT_PORT, SERVER_PORT = 40000, 443
HELLO = b"\x16\x03\x01\x06\x00" + bytes(1536)
FINISHED, REQUEST = b"\x17\x03\x03\x00\x35" + bytes(53), b"\x17\x03\x03\x03\x00" + bytes(768)
CONNECT = b"\x17\x03\x03\x00\x60" + bytes(96)


def _segment(payload: bytes = b"", *, sequence: int = 1001, flags: int = ACK, from_server: bool = False) -> Segment:
    source, destination = (SERVER, CLIENT) if from_server else (CLIENT, SERVER)
    ports = (SERVER_PORT, CLIENT_PORT) if from_server else (CLIENT_PORT, SERVER_PORT)
    tcp = struct.pack("!HHIIBBHHH", *ports, sequence, 5000, 5 << 4, flags, 0, 0, 0) + payload
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, socket.IPPROTO_TCP, 0) + source + destination
    parsed = parse_segment(header + tcp)
    assert parsed is not None
    return parsed


def _client(*payloads: bytes) -> Iterator[Segment]:
    """Yield the segments of a client that connects and sends `payloads`."""
    yield _segment(sequence=1000, flags=SYN)
    yield _segment()
    sequence = 1001
    for payload in payloads:
        yield _segment(payload, sequence=sequence)
        sequence += len(payload)


def test_events_of_a_connection() -> None:
    """Each event comes once, with the segment that completes it; what is sent again completes nothing."""
    segments = list(_client(HELLO[:1448], HELLO[1448:], FINISHED + REQUEST[:500], REQUEST[500:], CONNECT))
    stream = ClientStream()
    seen = [list(stream.events(segment)) for segment in segments]
    assert seen == [[Event.START], [Event.CONNECTED], [], [Event.HELLO], [], [Event.REQUEST], [Event.CONNECT]]
    assert [event for segment in segments for event in stream.events(segment)] == []


def test_record_header_in_two_segments() -> None:
    """TCP cuts where it wants."""
    stream = ClientStream()
    segments = _client(HELLO[:3], HELLO[3:6], HELLO[6:])
    assert [event for segment in segments for event in stream.events(segment)][-1] is Event.HELLO


def _passes(path: AddressPath, segment: Segment, now: float = 1.0, *, to_server: bool = True) -> list[tuple[bool, int]]:
    """Return where packets leave and with which flags."""
    leaving = [
        (passed.to_server, parse_segment(passed.packet)) for passed in path.pass_on(segment, now, to_server=to_server)
    ]
    return [(where, parsed.flags) for where, parsed in leaving if parsed is not None]


@pytest.mark.parametrize(
    ("direction", "to_server", "to_client"),
    [(Direction.BOTH, False, False), (Direction.TO_SERVER, False, True), (Direction.TO_CLIENT, True, False)],
)
def test_cut_after_the_hello(direction: Direction, *, to_server: bool, to_client: bool) -> None:
    """The hello passes; from then on nothing does in the direction that is cut, on every connection."""
    path = AddressPath(Impairment(cut=Cut(event=Event.HELLO, direction=direction)), 1)
    for segment in _client(HELLO):
        assert _passes(path, segment) == [(True, segment.flags)]
    other = _segment(sequence=1, flags=SYN)
    assert bool(_passes(path, other, 1.1)) is to_server
    assert bool(_passes(path, _segment(from_server=True), 1.1, to_server=False)) is to_client


def test_cut_that_waits() -> None:
    """It comes so long after its event."""
    path = AddressPath(Impairment(cut=Cut(event=Event.CONNECTED, after_ms=500)), 1)
    for segment in _client():
        assert _passes(path, segment, 1.0)
    assert _passes(path, _segment(HELLO), 1.4)
    assert not _passes(path, _segment(HELLO), 1.6)


def test_cut_from_the_start() -> None:
    """Not even the SYN passes."""
    path = AddressPath(Impairment(cut=Cut(event=Event.START)), 1)
    assert not _passes(path, _segment(sequence=1000, flags=SYN), 0.0)


def test_reset_by_a_middlebox_hits_both_sides() -> None:
    """Both get a reset at the place where they are, and every later packet is answered with another."""
    path = AddressPath(Impairment(reset=Event.HELLO), 1)
    *before, hello = _client(HELLO)
    for segment in before:
        assert _passes(path, segment) == [(True, segment.flags)]
    passed = [(each.to_server, parse_segment(each.packet)) for each in path.pass_on(hello, 1.0, to_server=True)]
    resets = {where: parsed for where, parsed in passed if parsed is not None and parsed.flags & RST}
    assert (resets[False].sequence, resets[False].destination) == (hello.acknowledged, CLIENT)
    assert (resets[True].sequence, resets[True].destination) == (1001 + len(HELLO), SERVER)
    assert (False, RST | ACK) in _passes(path, _segment(b"more", sequence=1001 + len(HELLO)))


def test_answers_in_the_servers_place() -> None:
    """A SYN is refused, or answered with ICMP's host unreachable, which quotes it."""
    syn = _segment(sequence=1000, flags=SYN)
    (refused,) = AddressPath(Impairment(on_syn=OnSyn.RESET), 1).pass_on(syn, 1.0, to_server=True)
    parsed = parse_segment(refused.packet)
    assert parsed is not None
    assert (refused.to_server, parsed.flags, parsed.acknowledged) == (False, RST | ACK, 1001)
    (icmp,) = AddressPath(Impairment(on_syn=OnSyn.UNREACHABLE), 1).pass_on(syn, 1.0, to_server=True)
    assert (icmp.to_server, icmp.packet[9], icmp.packet[20:22]) == (False, socket.IPPROTO_ICMP, b"\x03\x01")
    assert icmp.packet[28:] == syn.packet[:28]


def test_packets_that_are_too_long() -> None:
    """They are lost in one direction; with ICMP their sender is told the path's MTU."""
    long, short = _segment(bytes(1400)), _segment(bytes(1000))
    silent = AddressPath(Impairment(max_bytes=1400, max_bytes_direction=Direction.TO_SERVER), 1)
    assert [bool(_passes(silent, each)) for each in (long, short)] == [False, True]
    assert _passes(silent, _segment(bytes(1400), from_server=True), to_server=False)
    telling = AddressPath(Impairment(max_bytes=1400, icmp=True), 1)
    (icmp,) = telling.pass_on(long, 1.0, to_server=True)
    assert (icmp.to_server, icmp.packet[20:22], icmp.packet[26:28]) == (False, b"\x03\x04", (1400).to_bytes(2))


@pytest.mark.parametrize(
    ("impairment", "low", "high"),
    [
        (Impairment(loss=0.3), 1300, 1500),
        (Impairment(duplicated=0.2), 2320, 2480),
        (Impairment(), 2000, 2000),
    ],
)
def test_shares_of_packets(impairment: Impairment, low: int, high: int) -> None:
    """Of 2,000 packets about as many pass as the impairment says."""
    path = AddressPath(impairment, 3)
    segments = itertools.repeat(_segment(b"x"), 2000)
    assert low <= sum(len(_passes(path, segment)) for segment in segments) <= high


def test_delay_rate_and_order() -> None:
    """A packet leaves after half of a round trip, after those before it, and late if it is reordered."""

    def leaves(impairment: Impairment, count: int = 1) -> float:
        path = AddressPath(impairment, 1)
        return [passed.at for _ in range(count) for passed in path.pass_on(_segment(bytes(960)), 1.0, to_server=True)][
            -1
        ]

    assert leaves(Impairment(round_trip_ms=20)) == pytest.approx(1.01)
    assert leaves(Impairment(kbit_per_s=80), 3) == pytest.approx(1.3)
    assert leaves(Impairment(reordered=1.0)) > 1.02


def test_checksums_are_right() -> None:
    """The sum over a packet with its checksum is zero (RFC 1071), in IPv4 and in IPv6, or the kernel would drop it."""
    for version in (4, 6):
        syn = _segment(sequence=1000, flags=SYN)
        if version == 6:
            tcp, addresses = syn.packet[20:], bytes(15) + b"\1" + bytes(15) + b"\2"
            parsed = parse_segment(struct.pack("!IHBB", 6 << 28, len(tcp), socket.IPPROTO_TCP, 64) + addresses + tcp)
            assert parsed is not None
            syn = parsed
        (refused,) = AddressPath(Impairment(on_syn=OnSyn.RESET), 1).pass_on(syn, 1.0, to_server=True)
        header = 20 if version == 4 else 40
        tcp = refused.packet[header:]
        pseudo = syn.destination + syn.source + struct.pack("!II", len(tcp), socket.IPPROTO_TCP)
        assert _ones_complement_sum(pseudo + tcp) == 0xFFFF
        if version == 4:
            assert _ones_complement_sum(refused.packet[:header]) == 0xFFFF


def _ones_complement_sum(data: bytes) -> int:
    total = sum(int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total
