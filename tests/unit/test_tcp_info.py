"""What TCP's counters at the end of an attempt show, and where they come from."""

import socket
from dataclasses import replace

import pytest

from connect_canary.model.network_finding import NetworkFinding
from connect_canary.model.phases import Phase
from connect_canary.model.tcp_info import TcpInfo, find_in_network
from connect_canary.network.tcp_info import read_tcp_info

PASSED = TcpInfo(
    rtt_ms=20.0,
    retransmits=0,
    unacknowledged=0,
    unacknowledged_bytes=0,
    bytes_acked=1534,
    bytes_received=0,
    silent_ms=4000.0,
)
LOST = replace(PASSED, retransmits=4, unacknowledged=1, unacknowledged_bytes=1533, bytes_acked=1)
RECEIVED = replace(PASSED, bytes_received=900)


@pytest.mark.parametrize(
    ("info", "phase", "closed", "small_flight_passes", "finding"),
    [
        (None, Phase.TLS, False, False, None),
        (LOST, Phase.TLS, False, False, NetworkFinding.PACKETS_LOST),
        (LOST, Phase.TLS, False, True, NetworkFinding.FLIGHT_TOO_LARGE),
        (LOST, Phase.CONNACK, False, True, NetworkFinding.PACKETS_LOST),
        # In flight, and not sent again yet: it may still be acknowledged.
        (replace(LOST, retransmits=0), Phase.CONNACK, False, False, None),
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
    assert info.retransmits == 0
    assert 0 <= info.rtt_ms < 10_000
    assert info.silent_ms < 10_000
