"""An MQTT client over a raw WebSocket: it sends whatever bytes a test wants, and reads the answer."""

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
    """What came back: the upgrade's HTTP status and the first CONNACK's code, None when there was none."""

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
    """Return a CONNECT packet that starts a clean session."""
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
    """Ask the MQTT endpoint for a WebSocket and return the connection, its response unread."""
    host, _, port = aws.iot_endpoint.partition(":")
    context = ssl.create_default_context(cafile=aws.authority)
    connection = context.wrap_socket(socket.create_connection((host, int(port)), timeout=30), server_hostname=host)
    given = {
        "Host": aws.iot_endpoint,
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": protocol,
        **(headers or {}),
    }
    lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    return connection


def read_status(stream: BinaryIO) -> int:
    """Return the HTTP status of the upgrade's response and pass over its head."""
    status = int(stream.readline().split(b" ")[1])
    while stream.readline().strip():
        pass
    return status


def read_packet(stream: BinaryIO) -> bytes:
    """Return the payload of the next WebSocket message, empty when the connection ends instead."""
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
    """Open a WebSocket, send frames, and return how the endpoint answered."""
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
    """Return the code of a CONNACK, None for a connection that ended."""
    if not received:
        return None
    assert received[0] == _CONNACK << 4, received
    return received[3]
