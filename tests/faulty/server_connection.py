"""One client's connection to the faulty endpoint: byte-level control of the server side, and a log of its requests."""

import asyncio
import contextlib
import socket
import ssl
import struct
import warnings
from collections import deque
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tests.faulty import wire
from tests.faulty.packet_loss import lose_packets

_CHUNK = 65536
_HEAD_END = b"\r\n\r\n"
_RESET = struct.pack("ii", 1, 0)
_CORK: int | None = getattr(socket, "TCP_CORK", None)


_COUNTS = ("connections", "handshakes", "upgrades", "connects", "disconnects")


class ClientGoneError(Exception):
    """The client has closed the connection or violated the protocol."""


@dataclass(slots=True, kw_only=True)
class UpgradeRequest:
    """An HTTP request, as the client sent it."""

    target: str
    headers: dict[str, str]


@dataclass(slots=True)
class RequestLog:
    """What one listener received; counts are totals, lists keep the most recent entries."""

    connections: int = 0
    handshakes: int = 0
    upgrades: int = 0
    connects: int = 0
    disconnects: int = 0
    requests: deque[UpgradeRequest] = field(default_factory=lambda: deque(maxlen=2000))
    clients: deque[wire.ConnectPacket] = field(default_factory=lambda: deque(maxlen=2000))

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can carry it; a password is hexadecimal."""
        counts = {name: getattr(self, name) for name in _COUNTS}
        clients = [asdict(client) | {"password": _hex(client.password)} for client in self.clients]
        return counts | {"requests": [asdict(request) for request in self.requests], "clients": clients}


def _hex(data: bytes | None) -> str | None:
    return None if data is None else data.hex()


class ServerConnection:
    """A client's connection; plain bytes until `handshake`, TLS from then on."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request_log: RequestLog, directory: Path
    ) -> None:
        """Serve what comes on `reader`; certificates are in `directory`."""
        self.request_log, self.directory = request_log, directory
        request_log.connections += 1
        self.number = request_log.connections
        self.level = wire.MQTT_5
        self.request = UpgradeRequest(target="", headers={})
        self._reader, self._writer = reader, writer
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None
        self._frames, self._packets = wire.Frames(), wire.Packets()
        self._closed = False
        self._received: deque[tuple[int, bytes]] = deque()

    # -- bytes -----------------------------------------------------------------------------------------------------

    async def receive_raw(self) -> bytes:
        """Return the next data from TCP; raise ClientGoneError at its end."""
        try:
            data = await self._reader.read(_CHUNK)
        except OSError as error:
            raise ClientGoneError from error
        if not data:
            raise ClientGoneError
        return data

    async def send_raw(self, data: bytes) -> None:
        """Send `data` on TCP unencrypted."""
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError as error:
            raise ClientGoneError from error

    async def handshake(self, context: ssl.SSLContext, *, allow: int | None = None, pause_s: float = 0.0) -> bool:
        """Perform the TLS handshake, sending at most `allow` bytes per flight. Return whether it completed."""
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                flight = self._outgoing.read()
                await asyncio.sleep(pause_s if flight else 0)
                await self.send_raw(flight[:allow])
                if flight and allow is not None:
                    return False
                self._incoming.write(await self.receive_raw())
            except ssl.SSLError as error:
                with contextlib.suppress(ClientGoneError):
                    await self.send_raw(self._outgoing.read())
                raise ClientGoneError from error
            else:
                await self.send_raw(self._outgoing.read())
                self.request_log.handshakes += 1
                return True

    async def receive(self) -> bytes:
        """Return the next data inside TLS; raise ClientGoneError at its end."""
        if self._tls is None:
            return await self.receive_raw()
        while True:
            try:
                data = self._tls.read(_CHUNK)
            except ssl.SSLWantReadError:
                await self._flush()
                self._incoming.write(await self.receive_raw())
                continue
            except ssl.SSLError as error:
                with contextlib.suppress(ClientGoneError):
                    await self._flush()
                raise ClientGoneError from error
            if not data:
                raise ClientGoneError
            return data

    async def send(self, data: bytes) -> None:
        """Send `data`, inside TLS after the handshake."""
        if self._tls is None:
            await self.send_raw(data)
            return
        self._tls.write(data)
        await self._flush()

    async def send_slowly(self, data: bytes, every_s: float) -> None:
        """Send `data` byte by byte."""
        for byte in data:
            await self.send(bytes([byte]))
            await asyncio.sleep(every_s)

    async def _flush(self) -> None:
        await self.send_raw(self._outgoing.read())

    async def read_until_closed(self) -> None:
        """Read without responding until the client closes."""
        with contextlib.suppress(ClientGoneError):
            while True:
                await self.receive_raw()

    # -- ends ------------------------------------------------------------------------------------------------------

    async def end_tls(self) -> None:
        """Close TLS with close_notify and keep TCP open."""
        if self._tls is not None:
            with contextlib.suppress(ssl.SSLError, ClientGoneError):
                self._tls.unwrap()
            with contextlib.suppress(ClientGoneError):
                await self._flush()

    async def close_tls(self) -> None:
        """Close TLS with close_notify, then TCP."""
        await self.end_tls()
        self.close()

    def cork(self) -> None:
        """Hold back data until the close, then send all of it in one segment (TCP_CORK, Linux)."""
        connected: socket.socket = self._writer.get_extra_info("socket")
        if _CORK is not None:
            connected.setsockopt(socket.IPPROTO_TCP, _CORK, 1)

    def lose_packets(self) -> None:
        """Let nothing arrive any more that the client sends from now on."""
        lose_packets(self._writer.get_extra_info("socket"))

    def close(self) -> None:
        """Close TCP (FIN)."""
        self._writer.close()

    def reset(self) -> None:
        """Reset TCP (RST)."""
        connected: socket.socket = self._writer.get_extra_info("socket")
        with contextlib.suppress(OSError):
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._writer.transport.abort()

    # -- HTTP and MQTT ---------------------------------------------------------------------------------------------

    async def read_request(self) -> UpgradeRequest:
        """Return the client's HTTP request and log it; raise ClientGoneError."""
        head = b""
        while _HEAD_END not in head:
            head += await self.receive()
        line, *fields = head.partition(_HEAD_END)[0].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in fields)}
        self.request = UpgradeRequest(target=line.split(" ")[1], headers=headers)
        self.request_log.upgrades += 1
        self.request_log.requests.append(self.request)
        return self.request

    async def read_packet(self) -> tuple[int, bytes]:
        """Return type and body of the client's next MQTT packet; raise ClientGoneError."""
        try:
            while not self._received:
                if self._closed:
                    raise ClientGoneError
                self._take(await self.receive())
        except wire.MalformedError as error:
            raise ClientGoneError from error
        return self._received.popleft()

    def _take(self, data: bytes) -> None:
        for opcode, payload in self._frames.feed(data):
            self._closed = self._closed or opcode == wire.CLOSE
            if opcode == wire.BINARY:
                self._received.extend(self._packets.feed(payload))

    async def read_connect(self) -> wire.ConnectPacket:
        """Return the client's CONNECT and log it; raise ClientGoneError."""
        kind, body = await self.read_packet()
        try:
            connect = wire.parse_connect(body)
        except (wire.MalformedError, UnicodeDecodeError) as error:
            raise ClientGoneError from error
        if kind != wire.CONNECT:
            raise ClientGoneError
        self.level = connect.level
        self.request_log.connects += 1
        self.request_log.clients.append(connect)
        return connect


@cache
def tls_context(
    chain: Path, *, ciphers: str = "", curve: str = "", newest: int = 0, client_ca: str = ""
) -> ssl.SSLContext:
    """Return a server's context: the certificate in `chain` and further restrictions."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if ciphers:
        # First, because they also say which certificates are too weak.
        context.set_ciphers(ciphers)
    context.load_cert_chain(chain)
    if newest:
        with warnings.catch_warnings():
            # A scenario offers old versions because they are deprecated.
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            context.maximum_version = ssl.TLSVersion(newest)
    if curve:
        context.set_ecdh_curve(curve)
    if client_ca:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
