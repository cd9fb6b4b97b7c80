"""An MQTT client over a raw WebSocket that sends any bytes and reads the response."""

import base64
import os
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

from infra.local.client.local_aws import LocalAws

BINARY, TEXT, CLOSE = 2, 1, 8
MQTT_311, MQTT_5 = 4, 5
PINGREQ = b"\xc0\x00"

_CONNACK = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The HTTP status of the upgrade, and the code of the first CONNACK, None without one."""

    status: int
    code: int | None = None


def text(value: bytes) -> bytes:
    """Return a length-prefixed field."""
    return len(value).to_bytes(2, "big") + value


def length(count: int) -> bytes:
    """Return a variable byte integer."""
    digits = b""
    while True:
        count, digit = divmod(count, 128)
        digits += bytes([digit | (0x80 if count else 0)])
        if not count:
            return digits


def packet(first_byte: int, body: bytes) -> bytes:
    """Return an MQTT packet."""
    return bytes([first_byte]) + length(len(body)) + body


def connect_packet(
    version: int = MQTT_5,
    client_id: str = "test-1",
    *,
    username: str | None = None,
    password: bytes | None = None,
) -> bytes:
    """Return a CONNECT packet with a clean start."""
    flags = 0x02
    payload = text(client_id.encode())
    if username is not None:
        flags, payload = flags | 0x80, payload + text(username.encode())
    if password is not None:
        flags, payload = flags | 0x40, payload + text(password)
    properties = b"\x00" if version == MQTT_5 else b""
    return packet(0x10, text(b"MQTT") + bytes([version, flags, 0, 60]) + properties + payload)


def frame(payload: bytes, opcode: int = BINARY) -> bytes:
    """Return a masked WebSocket frame."""
    size = len(payload)
    short = 0x80 | (size if size < 126 else 126 if size < 1 << 16 else 127)
    extended = b"" if size < 126 else size.to_bytes(2 if size < 1 << 16 else 8, "big")
    return bytes([0x80 | opcode, short]) + extended + bytes(4) + payload


def open_websocket(
    aws: LocalAws, target: str = "/mqtt", *, protocol: str = "mqtt", headers: Mapping[str, str] | None = None
) -> ssl.SSLSocket:
    """Send an upgrade request to the MQTT endpoint and return the connection, the response unread."""
    host, _, port = aws.iot_endpoint.partition(":")
    context = ssl.create_default_context(cafile=aws.authority)
    connection = context.wrap_socket(socket.create_connection((host, int(port)), timeout=30), server_hostname=host)
    all_headers = {
        "Host": aws.iot_endpoint,
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": protocol,
        **(headers or {}),
    }
    lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in all_headers.items())]
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    return connection


def read_status(stream: BinaryIO) -> int:
    """Read the head of the upgrade's response and return its status."""
    status = int(stream.readline().split(b" ")[1])
    while stream.readline().strip():
        pass
    return status


def read_packet(stream: BinaryIO) -> bytes:
    """Return the payload of the next WebSocket message, empty at the end of the connection."""
    head = stream.read(2)
    if len(head) < 2 or head[0] & 0x0F == CLOSE:
        return b""
    size = head[1] & 0x7F
    if size >= 126:
        size = int.from_bytes(stream.read(2 if size == 126 else 8), "big")
    return stream.read(size)


def exchange(
    aws: LocalAws,
    *frames: bytes,
    query: str = "",
    protocol: str = "mqtt",
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Open a WebSocket, send frames, and return the endpoint's reply."""
    target = f"/mqtt?{query}" if query else "/mqtt"
    connection = open_websocket(aws, target, protocol=protocol, headers=headers)
    with connection, connection.makefile("rb") as stream:
        status = read_status(stream)
        if status != 101:
            return Reply(status=status)
        try:
            for each in frames:
                connection.sendall(each)
            code = connack_code(read_packet(stream))
            if code:
                assert read_packet(stream) == b"", "a refused client is still connected"
            return Reply(status=status, code=code)
        except (ConnectionError, ssl.SSLEOFError):
            # The endpoint may end the connection while frames are still being sent.
            return Reply(status=status)


def connack_code(received: bytes) -> int | None:
    """Return the code of a CONNACK, None if nothing was received."""
    if not received:
        return None
    assert received[0] == _CONNACK << 4, received
    return received[3]
