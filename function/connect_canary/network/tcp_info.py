"""TCP_INFO: the system's counters of a TCP connection (Linux, include/uapi/linux/tcp.h)."""

import socket
import struct
import sys

from connect_canary.model.tcp_info import TcpInfo

_TCP_INFO: int | None = getattr(socket, "TCP_INFO", None) if sys.platform.startswith("linux") else None
# tcpi_retransmits and tcpi_probes, bytes; tcpi_unacked, tcpi_last_data_recv, tcpi_rtt, tcpi_total_retrans;
# tcpi_bytes_acked and _received; tcpi_bytes_sent and _retrans; tcpi_rcv_ooopack (Linux 5.4), with which the structure
# has at least this many bytes.
_RETRANSMITS, _PROBES = 2, 3
_UNACKED, _LAST_DATA_RECV, _RTT, _TOTAL_RETRANS, _BYTES_ACKED, _BYTES_SENT = 24, 52, 68, 100, 120, 200
_RCV_OOOPACK = 224
_MIN_BYTES, _MAX_BYTES = 228, 512
_SYN_BYTES = 1


def read_tcp_info(connected: socket.socket) -> TcpInfo | None:
    """Return the counters of a connection; None where the system does not offer them, or no longer."""
    if _TCP_INFO is None:
        return None
    try:
        data = connected.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _MAX_BYTES)
    except OSError:
        return None
    return _parse(data) if len(data) >= _MIN_BYTES else None


def _parse(data: bytes) -> TcpInfo:
    bytes_acked, bytes_received = struct.unpack_from("=2Q", data, _BYTES_ACKED)
    bytes_sent, bytes_retransmitted = struct.unpack_from("=2Q", data, _BYTES_SENT)
    return TcpInfo(
        rtt_ms=_number(data, _RTT) / 1000,
        retransmits=_number(data, _TOTAL_RETRANS),
        unacknowledged=_number(data, _UNACKED),
        unacknowledged_bytes=bytes_sent - bytes_retransmitted + _SYN_BYTES - bytes_acked,
        bytes_acked=bytes_acked,
        bytes_received=bytes_received,
        silent_ms=float(_number(data, _LAST_DATA_RECV)),
        unanswered_retransmits=data[_RETRANSMITS],
        unanswered_probes=data[_PROBES],
        out_of_order=_number(data, _RCV_OOOPACK),
    )


def _number(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], sys.byteorder)
