"""What a listener does in each phase of a connection: healthy, slow and failing steps.

A step is a coroutine function of the connection; it returns whether the connection goes on to the next phase.
"""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate

from tests.faulty import wire
from tests.faulty.server_connection import ServerConnection, tls_context

Step = Callable[[ServerConnection], Awaitable[bool]]
REQUEST_ID = "5b1d7f0a-3c62-4e0e-9c3a-8f0d2a5f6b11"
ERROR_TYPE = "ForbiddenException"
_VERY_LONG_S = 60.0


async def noop(_connection: ServerConnection) -> bool:
    """Do nothing."""
    return True


# -- ends that fit any phase ---------------------------------------------------------------------------------------


async def silence(connection: ServerConnection) -> bool:
    """Never respond, keep the connection open."""
    await connection.read_until_closed()
    return False


async def close(connection: ServerConnection) -> bool:
    """Close TCP (FIN)."""
    connection.close()
    return False


async def close_tls(connection: ServerConnection) -> bool:
    """Close TLS with close_notify, then TCP."""
    await connection.close_tls()
    return False


async def reset(connection: ServerConnection) -> bool:
    """Reset TCP (RST)."""
    connection.reset()
    return False


async def cork(connection: ServerConnection) -> bool:
    """Send the following data together with the close, so that no client can respond in between."""
    connection.cork()
    return True


def sequence(*steps: Step) -> Step:
    """Return a step that runs several until one ends the connection."""

    async def each(connection: ServerConnection) -> bool:
        for step in steps:
            if not await step(connection):
                return False
        return True

    return each


def pause(seconds: float) -> Step:
    """Return a step that waits."""

    async def wait(_connection: ServerConnection) -> bool:
        await asyncio.sleep(seconds)
        return True

    return wait


def send(data: bytes) -> Step:
    """Return a step that sends `data`, inside TLS after the handshake."""

    async def step(connection: ServerConnection) -> bool:
        await connection.send(data)
        return True

    return step


async def receive(connection: ServerConnection) -> bool:
    """Wait for data from the client."""
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
    """Return a step that responds to the ClientHello with a fatal alert (RFC 8446, section 6) and closes."""
    return sequence(receive, pause(pause_s), send(bytes([21, 3, 3, 0, 2, 2, description])), close)


# -- the upgrade ---------------------------------------------------------------------------------------------------


async def receive_request(connection: ServerConnection) -> bool:
    """Read the upgrade request without responding."""
    await connection.read_request()
    return True


def switch_protocols(
    *,
    pause_s: float = 0.0,
    every_s: float = 0.0,
    leave_out: str = "",
    replace: Mapping[str, str] | None = None,
    cuts_path: bool = False,
) -> Step:
    """Return a 101, late or byte by byte, without one header or with others; `cuts_path` before it is sent."""

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
        if cuts_path:
            connection.lose_packets()
        await asyncio.sleep(pause_s)
        await (connection.send_slowly(head, every_s) if every_s else connection.send(head))
        return True

    return respond


def refuse(  # noqa: PLR0913 - each is one way in which servers differ
    status: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    echo: bool = False,
    pause_s: float = 0.0,
    clock_ahead_s: float = 0.0,
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
            "date": formatdate(time.time() + clock_ahead_s, usegmt=True),
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
    """Return a response head that never ends: one line every `every_s`."""

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
    """Return a step that responds to CONNECT with `make(level)`, the level being the client's."""

    async def respond(connection: ServerConnection) -> bool:
        await connection.read_connect()
        await connection.send(make(connection.level))
        return not last

    return respond


def send_connack_slowly(every_s: float) -> Step:
    """Return an accepting CONNACK, sent byte by byte."""

    async def respond(connection: ServerConnection) -> bool:
        await connection.read_connect()
        await connection.send_slowly(wire.frame(wire.connack(connection.level)), every_s)
        return True

    return respond


async def receive_connect(connection: ServerConnection) -> bool:
    """Read the CONNECT without responding."""
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
    """Ignore the DISCONNECT and the WebSocket's close, and keep TCP open."""
    await connection.read_until_closed()
    await asyncio.sleep(_VERY_LONG_S)
    return False


_HEALTHY_HANDSHAKE, _HEALTHY_UPGRADE, _HEALTHY_CONNACK = tls_handshake(), switch_protocols(), send_connack()


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """A step for each phase, healthy by default."""

    accept: Step = noop
    handshake: Step = _HEALTHY_HANDSHAKE
    upgrade: Step = _HEALTHY_UPGRADE
    connack: Step = _HEALTHY_CONNACK
    disconnect: Step = disconnect_cleanly

    async def run(self, connection: ServerConnection) -> None:
        """Run each phase until a step ends the connection; raise ClientGoneError when the client does."""
        for step in (self.accept, self.handshake, self.upgrade, self.connack, self.disconnect):
            if not await step(connection):
                return
