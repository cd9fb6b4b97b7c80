"""IP packets with TCP: read what matters, and make the packets that a middlebox sends (RFC 791, 792, 8200, 9293)."""

import socket
import struct
from dataclasses import dataclass

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10
_IPV4_HEADER, _IPV6_HEADER, _TCP_HEADER, _TTL = 20, 40, 20, 64
_IPV4, _IPV6 = 4, 6
_QUOTED_BYTES = 28  # of an IPv4 packet in an ICMP message: header and 8 bytes
_UNREACHABLE, HOST_UNREACHABLE, FRAGMENTATION_NEEDED = 3, 1, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A TCP segment in an IP packet; addresses are in network byte order."""

    packet: bytes
    source: bytes
    destination: bytes
    source_port: int
    destination_port: int
    sequence: int
    acknowledged: int
    flags: int
    payload: bytes

    @property
    def sequence_length(self) -> int:
        """How many sequence numbers the segment takes."""
        return len(self.payload) + bool(self.flags & SYN) + bool(self.flags & FIN)


def parse_segment(packet: bytes) -> Segment | None:
    """Return the TCP segment in a packet, None if there is none."""
    version = packet[0] >> 4
    if version == _IPV4 and packet[9] == socket.IPPROTO_TCP:
        at = (packet[0] & 0xF) * 4
        end = int.from_bytes(packet[2:4])
        source, destination = packet[12:16], packet[16:20]
    elif version == _IPV6 and packet[6] == socket.IPPROTO_TCP:
        at, end = _IPV6_HEADER, _IPV6_HEADER + int.from_bytes(packet[4:6])
        source, destination = packet[8:24], packet[24:40]
    else:
        return None
    ports_and_numbers = struct.unpack_from("!HHIIBB", packet, at)
    source_port, destination_port, sequence, acknowledged, offset, flags = ports_and_numbers
    return Segment(
        packet=packet,
        source=source,
        destination=destination,
        source_port=source_port,
        destination_port=destination_port,
        sequence=sequence,
        acknowledged=acknowledged,
        flags=flags,
        payload=packet[at + (offset >> 4) * 4 : end],
    )


def reset_to_sender(segment: Segment) -> bytes:
    """Return the reset that answers a segment in its receiver's name."""
    number = segment.acknowledged if segment.flags & ACK else 0
    acknowledged = (segment.sequence + segment.sequence_length) & 0xFFFFFFFF
    header = struct.pack(
        "!HHIIBBHHH",
        segment.destination_port,
        segment.source_port,
        number,
        acknowledged,
        (_TCP_HEADER // 4) << 4,
        RST | ACK,
        0,
        0,
        0,
    )
    return _in_ip(segment.destination, segment.source, header)


def icmp_to_sender(packet: bytes, code: int, *, mtu: int = 0) -> bytes:
    """Return the ICMP message "destination unreachable" that a router sends to an IPv4 packet's sender."""
    message = struct.pack("!BBHHH", _UNREACHABLE, code, 0, 0, mtu) + packet[:_QUOTED_BYTES]
    message = message[:2] + _checksum(message).to_bytes(2) + message[4:]
    return _ipv4_header(packet[16:20], packet[12:16], socket.IPPROTO_ICMP, len(message)) + message


def _in_ip(source: bytes, destination: bytes, tcp: bytes) -> bytes:
    pseudo = source + destination + struct.pack("!II", len(tcp), socket.IPPROTO_TCP)
    tcp = tcp[:16] + _checksum(pseudo + tcp).to_bytes(2) + tcp[18:]
    if len(source) == _IPV4:
        return _ipv4_header(source, destination, socket.IPPROTO_TCP, len(tcp)) + tcp
    return struct.pack("!IHBB", _IPV6 << 28, len(tcp), socket.IPPROTO_TCP, _TTL) + source + destination + tcp


def _ipv4_header(source: bytes, destination: bytes, protocol: int, length: int) -> bytes:
    header = struct.pack("!BBHHHBBH", 0x45, 0, _IPV4_HEADER + length, 0, 0, _TTL, protocol, 0) + source + destination
    return header[:10] + _checksum(header).to_bytes(2) + header[12:]


def _checksum(data: bytes) -> int:
    """Return the checksum of RFC 1071."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
