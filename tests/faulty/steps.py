"""What a listener does at each phase of a visit: healthy steps, slow ones, and the ways to fail.

A step is a coroutine function of the visit; it tells whether the visit goes on to the next phase.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from tests.faulty import wire
from tests.faulty.server_connection import ServerConnection, tls_context

Step = Callable[[ServerConnection], Awaitable[bool]]
REQUEST_ID = "5b1d7f0a-3c62-4e0e-9c3a-8f0d2a5f6b11"
ERROR_TYPE = "ForbiddenException"
_VERY_LONG_S = 60.0


async def noop(_connection: ServerConnection) -> bool:
    """Do nothing, and go on."""
    return True


# -- ends that fit any phase ---------------------------------------------------------------------------------------


async def silence(connection: ServerConnection) -> bool:
    """Answer nothing, keep the connection."""
    await connection.read_until_closed()
    return False


async def close(connection: ServerConnection) -> bool:
    """End TCP (FIN)."""
    connection.close()
    return False


async def close_tls(connection: ServerConnection) -> bool:
    """End TLS in order, then TCP."""
    await connection.close_tls()
    return False


async def reset(connection: ServerConnection) -> bool:
    """End TCP rudely (RST)."""
    connection.reset()
    return False


async def cork(connection: ServerConnection) -> bool:
    """Let what is sent from now on leave together with the end, so that no client can be quicker than it."""
    connection.cork()
    return True


def sequence(*steps: Step) -> Step:
    """Return one step that takes several, as long as they go on."""

    async def each(connection: ServerConnection) -> bool:
        for step in steps:
            if not await step(connection):
                return False
        return True

    return each


def pause(seconds: float) -> Step:
    """Return a step that only takes time."""

    async def wait(_connection: ServerConnection) -> bool:
        await asyncio.sleep(seconds)
        return True

    return wait


def send(data: bytes) -> Step:
    """Return a step that sends `data`, inside TLS once there is any."""

    async def step(connection: ServerConnection) -> bool:
        await connection.send(data)
        return True

    return step


async def receive(connection: ServerConnection) -> bool:
    """Wait for anything from the client."""
    await connection.receive()
    return True


# -- TLS -----------------------------------------------------------------------------------------------------------


def tls_handshake(  # noqa: PLR0913 - each is one way in which servers differ
    kind: str = "good",
    *,
    ciphers: str = "",
    curve: str = "",
    newest: ssl.TLSVersion | None = None,
    wants_client_certificate: bool = False,
    allow: int | None = None,
    pause_s: float = 0.0,
) -> Step:
    """Return a handshake with one kind of certificate, stopped after `allow` bytes of the server's first flight."""

    async def handshake(connection: ServerConnection) -> bool:
        context = tls_context(
            connection.directory / f"{kind}.pem",
            ciphers=ciphers,
            curve=curve,
            newest=int(newest or 0),
            client_ca=str(connection.directory / "client-ca.pem") if wants_client_certificate else "",
        )
        await connection.handshake(context, allow=allow, pause_s=pause_s)
        return True

    return handshake


def alert(description: int, *, pause_s: float = 0.0) -> Step:
    """Return a step that answers the ClientHello with a fatal alert (RFC 8446, section 6) and closes."""
    return sequence(receive, pause(pause_s), send(bytes([21, 3, 3, 0, 2, 2, description])), close)


# -- the upgrade ---------------------------------------------------------------------------------------------------


async def receive_request(connection: ServerConnection) -> bool:
    """Read the upgrade request and say nothing."""
    await connection.read_request()
    return True


def switch_protocols(
    *, pause_s: float = 0.0, every_s: float = 0.0, leave_out: str = "", replace: Mapping[str, str] | None = None
) -> Step:
    """Return a 101, late or byte by byte, without one header or with others."""

    async def respond(connection: ServerConnection) -> bool:
        request = await connection.read_request()
        headers = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Accept": wire.accept_key(request.headers.get("sec-websocket-key", "")),
            "Sec-WebSocket-Protocol": "mqtt",
        } | dict(replace or {})
        headers.pop(leave_out, None)
        head = _head("101 Switching Protocols", headers)
        await asyncio.sleep(pause_s)
        await (connection.send_slowly(head, every_s) if every_s else connection.send(head))
        return True

    return respond


def refuse(
    status: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    echo: bool = False,
    pause_s: float = 0.0,
) -> Step:
    """Return an HTTP refusal as AWS IoT sends it; `echo` puts the client's own request into the body."""

    async def respond(connection: ServerConnection) -> bool:
        request = await connection.read_request()
        content = body
        if echo:
            content += f"{request.target} {request.headers}".encode()
        defaults = {
            "content-type": "application/json",
            "content-length": str(len(content)),
            "x-amzn-RequestId": REQUEST_ID,
            "x-amzn-ErrorType": ERROR_TYPE,
        }
        await asyncio.sleep(pause_s)
        await connection.send(_head(status, defaults | dict(headers or {})) + content)
        # A server that closes at once could lose the answer: the client's own bytes may still be under way.
        await connection.read_until_closed()
        return False

    return respond


def _head(status: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def endless_header(every_s: float, *, line_bytes: int = 16) -> Step:
    """Return a header that never ends: a line every so often."""

    async def respond(connection: ServerConnection) -> bool:
        await connection.read_request()
        await connection.send(b"HTTP/1.1 101 Switching Protocols\r\n")
        line = b"x-padding: " + b"a" * line_bytes + b"\r\n"
        while True:
            await connection.send(line)
            await asyncio.sleep(every_s)

    return respond


# -- MQTT ----------------------------------------------------------------------------------------------------------


def send_connack(code_311: int = 0, code_5: int = 0, *, reason_string: str = "", pause_s: float = 0.0) -> Step:
    """Return the CONNACK of the client's version with that version's code; go on if it accepts."""

    async def respond(connection: ServerConnection) -> bool:
        await connection.read_connect()
        code = code_5 if connection.level == wire.MQTT_5 else code_311
        properties = bytes([wire.REASON_STRING]) + wire.text(reason_string) if reason_string else b""
        await asyncio.sleep(pause_s)
        await connection.send(wire.frame(wire.connack(connection.level, code, properties=properties)))
        if code:
            await connection.close_tls()
        return not code

    return respond


def respond_to_connect(make: Callable[[int], bytes], *, last: bool = False) -> Step:
    """Return a step that answers CONNECT with whatever `make` returns for the client's MQTT level."""

    async def respond(connection: ServerConnection) -> bool:
        await connection.read_connect()
        await connection.send(make(connection.level))
        return not last

    return respond


def send_connack_slowly(every_s: float) -> Step:
    """Return an accepting CONNACK, byte by byte on the wire."""

    async def respond(connection: ServerConnection) -> bool:
        await connection.read_connect()
        await connection.send_slowly(wire.frame(wire.connack(connection.level)), every_s)
        return True

    return respond


async def receive_connect(connection: ServerConnection) -> bool:
    """Read the CONNECT and say nothing."""
    await connection.read_connect()
    return True


def close_frame(code: int, reason: str = "") -> Step:
    """Return a WebSocket close (RFC 6455, section 5.5.1)."""
    return send(wire.frame(code.to_bytes(2, "big") + reason.encode(), opcode=wire.CLOSE))


async def disconnect_cleanly(connection: ServerConnection) -> bool:
    """Wait for DISCONNECT or the WebSocket's close, and close as AWS IoT does."""
    kind = wire.CONNECT
    while kind != wire.DISCONNECT:
        kind, _ = await connection.read_packet()
    connection.request_log.disconnects += 1
    await connection.close_tls()
    return False


async def ignore_disconnect(connection: ServerConnection) -> bool:
    """Take the DISCONNECT, answer neither it nor the WebSocket's close, keep TCP for as long as it can be kept."""
    await connection.read_until_closed()
    await asyncio.sleep(_VERY_LONG_S)
    return False


_HEALTHY_HANDSHAKE, _HEALTHY_UPGRADE, _HEALTHY_CONNACK = tls_handshake(), switch_protocols(), send_connack()


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """A step for each phase; what is not said is healthy."""

    accept: Step = noop
    handshake: Step = _HEALTHY_HANDSHAKE
    upgrade: Step = _HEALTHY_UPGRADE
    connack: Step = _HEALTHY_CONNACK
    disconnect: Step = disconnect_cleanly

    async def run(self, connection: ServerConnection) -> None:
        """Go from phase to phase until a step ends the visit; raise ClientGoneError when the client does."""
        for step in (self.accept, self.handshake, self.upgrade, self.connack, self.disconnect):
            if not await step(connection):
                return
