"""What TCP's counters at the end of an attempt show, and where they come from."""

import contextlib
import socket
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from connect_canary.model.network_finding import NetworkFinding
from connect_canary.model.phases import Phase
from connect_canary.model.tcp_info import TcpInfo, find_in_network
from connect_canary.network.socket_options import probe_when_idle
from connect_canary.network.tcp_info import read_tcp_info
from tests.faulty.packet_loss import POSSIBLE, lose_packets

KEEPALIVE_OPTIONS = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")
WITHIN_S = 20.0
_ANY_SEGMENT = 1 << 20
PASSED = TcpInfo(
    rtt_ms=20.0,
    retransmits=0,
    unacknowledged=0,
    unacknowledged_bytes=0,
    bytes_acked=1534,
    bytes_received=0,
    silent_ms=4000.0,
)
LOST = replace(
    PASSED, retransmits=4, unanswered_retransmits=3, unacknowledged=1, unacknowledged_bytes=1533, bytes_acked=1
)
RECEIVED = replace(PASSED, bytes_received=900)


@pytest.mark.parametrize(
    ("info", "phase", "closed", "small_flight_passes", "finding"),
    [
        (None, Phase.TLS, False, False, None),
        (LOST, Phase.TLS, False, False, NetworkFinding.PACKETS_LOST),
        (LOST, Phase.TLS, False, True, NetworkFinding.FLIGHT_TOO_LARGE),
        (LOST, Phase.CONNACK, False, True, NetworkFinding.PACKETS_LOST),
        # In flight, and not sent again yet: it may still be acknowledged.
        (replace(LOST, retransmits=0, unanswered_retransmits=0), Phase.CONNACK, False, False, None),
        # Something was sent again before, and something is in flight: a path that loses packets.
        (replace(LOST, unanswered_retransmits=0), Phase.CONNACK, False, False, NetworkFinding.PACKETS_LOST),
        # Something was sent again long before, such as the SYN, and the peer closes while data are in flight.
        (replace(LOST, unanswered_retransmits=0), Phase.CONNACK, True, False, None),
        # Sent again before, and acknowledged in the end.
        (replace(RECEIVED, retransmits=2), Phase.CONNACK, False, False, NetworkFinding.PEER_SILENT),
        # A reset discards what is in flight.
        (replace(LOST, unacknowledged=0), Phase.TLS, True, False, NetworkFinding.PACKETS_LOST),
        (replace(PASSED, retransmits=2), Phase.TLS, True, False, None),
        (PASSED, Phase.TLS, True, False, None),
        (PASSED, Phase.TLS, False, False, NetworkFinding.PEER_SILENT),
        (RECEIVED, Phase.TLS, False, True, None),
        (RECEIVED, Phase.UPGRADE, False, True, NetworkFinding.PEER_SILENT),
        (RECEIVED, Phase.CONNACK, False, True, NetworkFinding.PEER_SILENT),
        (RECEIVED, Phase.DISCONNECT, False, True, NetworkFinding.PEER_SILENT),
        # Data came a moment ago; on a path of 600 ms a response takes longer than half a second.
        (replace(RECEIVED, silent_ms=80.0), Phase.CONNACK, False, True, None),
        (replace(RECEIVED, silent_ms=900.0, rtt_ms=600.0), Phase.CONNACK, False, True, None),
        # Our own FIN is in flight, which is no data: the SDK has closed after its own time-out.
        (replace(PASSED, unacknowledged=1), Phase.TLS, False, False, NetworkFinding.PEER_SILENT),
        (replace(PASSED, unacknowledged=1, retransmits=2), Phase.TLS, False, False, NetworkFinding.PEER_SILENT),
        # So is the alert with which the SDK ends its handshake; but not all of a ClientHello.
        (
            replace(PASSED, unacknowledged=2, unacknowledged_bytes=7),
            Phase.TLS,
            False,
            False,
            NetworkFinding.PEER_SILENT,
        ),
        (replace(LOST, retransmits=0, unanswered_retransmits=0), Phase.TLS, False, False, None),
        # Nothing is in flight, and not even a probe is answered.
        (replace(RECEIVED, unanswered_probes=2), Phase.CONNACK, False, True, NetworkFinding.PACKETS_LOST),
        (replace(RECEIVED, unanswered_probes=1), Phase.CONNACK, False, True, NetworkFinding.PEER_SILENT),
        (replace(RECEIVED, unanswered_probes=2), Phase.CONNACK, True, True, None),
        # The peer's flight came with a hole that was never filled.
        (replace(PASSED, out_of_order=1), Phase.TLS, False, False, NetworkFinding.PACKETS_LOST),
        (replace(RECEIVED, out_of_order=1), Phase.UPGRADE, False, True, NetworkFinding.PEER_SILENT),
        (PASSED, Phase.TCP, False, False, None),
        (PASSED, None, False, False, None),
    ],
)
def test_finding(
    info: TcpInfo | None,
    phase: Phase | None,
    finding: NetworkFinding | None,
    *,
    closed: bool,
    small_flight_passes: bool,
) -> None:
    """Each row is one end of an attempt."""
    found = find_in_network(info, phase=phase, closed=closed, small_flight_passes=small_flight_passes)
    assert found is finding


def test_counters_of_a_closed_socket_are_not_known() -> None:
    """The system has forgotten them."""
    closed = socket.socket()
    closed.close()
    assert read_tcp_info(closed) is None


def test_counters_of_no_tcp_are_not_known() -> None:
    """Another protocol has none."""
    with socket.socket(socket.AF_UNIX) as other:
        assert read_tcp_info(other) is None


class _OfTheSystem(socket.socket):
    """A socket of which the system says what a test says."""

    said = b""

    def getsockopt(self, *_: int) -> bytes:  # type: ignore[override]  # only bytes are asked for
        return self.said


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="this system offers no TCP_INFO")
def test_counters_are_read_at_their_offsets() -> None:
    """Of a connection with losses, which takes a network that loses packets; include/uapi/linux/tcp.h."""
    structure = bytearray(228)
    for offset, form, value in (
        (2, "B", 6),
        (3, "B", 7),
        (24, "I", 0x01020304),
        (52, "I", 0x02030405),
        (68, "I", 0x03040506),
        (100, "I", 0x04050607),
        (120, "Q", 3_000_000_000_001),
        (128, "Q", 5_000_000_000_002),
        (200, "Q", 7_000_000_000_004),
        (208, "Q", 1_000_000_000_008),
        (224, "I", 0x05060708),
    ):
        struct.pack_into(f"={form}", structure, offset, value)
    with _OfTheSystem() as connected:
        connected.said = bytes(structure)
        assert read_tcp_info(connected) == TcpInfo(
            rtt_ms=0x03040506 / 1000,
            retransmits=0x04050607,
            unacknowledged=0x01020304,
            unacknowledged_bytes=7_000_000_000_004 - 1_000_000_000_008 + 1 - 3_000_000_000_001,
            bytes_acked=3_000_000_000_001,
            bytes_received=5_000_000_000_002,
            silent_ms=0x02030405,
            unanswered_retransmits=6,
            unanswered_probes=7,
            out_of_order=0x05060708,
        )
        connected.said = bytes(structure[:-1])
        assert read_tcp_info(connected) is None


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="this system offers no TCP_INFO")
def test_counters_count() -> None:
    """They are those of the kernel's structure, at its offsets."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        server, _ = listener.accept()
        with server:
            client.sendall(b"x" * 1000)
            received = 0
            while received < 1000:
                received += len(server.recv(1000))
            server.sendall(b"y" * 50)
            assert client.recv(50, socket.MSG_WAITALL) == b"y" * 50
            info = read_tcp_info(client)
    assert info is not None
    assert (info.bytes_acked, info.bytes_received, info.unacknowledged, info.unacknowledged_bytes) == (1001, 50, 0, 0)
    assert (info.retransmits, info.unanswered_probes, info.out_of_order) == (0, 0, 0)
    assert 0 <= info.rtt_ms < 10_000
    assert info.silent_ms < 10_000


@contextlib.contextmanager
def _connection() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        server, _ = listener.accept()
        with server:
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield client, server


def _wait_for(client: socket.socket, condition: Callable[[TcpInfo], bool]) -> TcpInfo:
    deadline = time.monotonic() + WITHIN_S
    while True:
        info = read_tcp_info(client)
        assert info is not None
        if condition(info):
            return info
        assert time.monotonic() < deadline, info
        time.sleep(0.05)


@pytest.mark.skipif(not POSSIBLE, reason="this system lets this user attach no socket filter")
def test_loss_counts_until_the_path_is_sound_again() -> None:
    """Data that nobody acknowledges are lost packets, however the connection ends; once acknowledged they are none."""
    with _connection() as (client, server):
        lose_packets(server)
        client.sendall(b"x")
        lost = _wait_for(client, lambda info: info.unanswered_retransmits > 0)
        for closed in (False, True):
            finding = find_in_network(lost, phase=Phase.CONNACK, closed=closed, small_flight_passes=True)
            assert finding is NetworkFinding.PACKETS_LOST
        lose_packets(server, longer_than=_ANY_SEGMENT)
        assert server.recv(1) == b"x"
        mended = _wait_for(client, lambda info: info.unacknowledged_bytes == 0)
    assert (mended.retransmits > 0, mended.unanswered_retransmits) == (True, 0)


@pytest.mark.skipif(not POSSIBLE, reason="this system lets this user attach no socket filter")
def test_probes_count_until_the_path_is_sound_again() -> None:
    """An idle connection whose packets get lost has unanswered probes, and is not ended by them."""
    with _connection() as (client, server):
        probe_when_idle(client)
        client.sendall(b"x")
        assert server.recv(1) == b"x"
        lose_packets(server)
        lost = _wait_for(client, lambda info: info.unanswered_probes >= 2)
        assert (lost.unacknowledged_bytes, lost.retransmits) == (0, 0)
        assert find_in_network(lost, phase=Phase.CONNACK, closed=False, small_flight_passes=True) is (
            NetworkFinding.PACKETS_LOST
        )
        server.sendall(b"y")
        assert client.recv(1) == b"y"


@pytest.mark.skipif(not POSSIBLE, reason="this system lets this user attach no socket filter")
def test_probes_that_are_answered_do_not_count() -> None:
    """A service that is silent on a sound path leaves none unanswered, however long it is silent."""
    with _connection() as (client, _server):
        probe_when_idle(client)
        client.sendall(b"x")
        info = _wait_for(client, lambda info: info.silent_ms > 3500)
    assert info.unanswered_probes == 0
    assert info.bytes_acked == 2


@pytest.mark.skipif(not POSSIBLE, reason="this system lets this user attach no socket filter")
def test_hole_in_what_the_peer_sends() -> None:
    """Full segments get lost, a small one behind them comes: nothing is received, and something is out of order."""
    with _connection() as (client, server):
        lose_packets(client, longer_than=1000)
        server.sendall(b"x" * 2000)
        server.sendall(b"y" * 100)
        info = _wait_for(client, lambda info: info.out_of_order > 0)
    assert info.bytes_received == 0


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this system offers no TCP_USER_TIMEOUT")
def test_probing_needs_every_option(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system would end a connection because of its probes, it sends none."""
    with socket.socket() as complete, socket.socket() as incomplete:
        probe_when_idle(complete)
        assert [complete.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in KEEPALIVE_OPTIONS] == [
            1,
            1,
            127,
            900_000,
        ]
        assert complete.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        monkeypatch.delattr(socket, "TCP_USER_TIMEOUT")
        probe_when_idle(incomplete)
        assert incomplete.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0
