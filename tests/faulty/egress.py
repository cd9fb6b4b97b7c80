"""Egress proxies for HTTPS_PROXY, healthy and faulty (RFC 9110, section 9.3.6)."""

import asyncio
import contextlib
from collections.abc import Mapping

from tests.faulty import steps
from tests.faulty.scenarios import PAUSE_S
from tests.faulty.server_connection import ClientGoneError, ServerConnection
from tests.faulty.steps import Behaviour, Step, sequence

_CHUNK = 65536


def _answer(status: str, headers: str = "") -> Step:
    return sequence(
        steps.receive_request,
        steps.send(f"HTTP/1.1 {status}\r\n{headers}Content-Length: 0\r\n\r\n".encode()),
        steps.silence,
    )


async def _carry(connection: ServerConnection) -> bool:
    """Connect to the requested address, on loopback only, and relay bytes both ways."""
    host, _, port = (await connection.read_request()).target.rpartition(":")
    if host not in {"localhost", "127.0.0.1"}:
        raise ClientGoneError
    reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
    try:
        await connection.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        inward = asyncio.create_task(_inward(connection, reader))
        with contextlib.suppress(ClientGoneError):
            while True:
                writer.write(await connection.receive())
                await writer.drain()
        inward.cancel()
    finally:
        writer.close()
    connection.close()
    return False


async def _inward(connection: ServerConnection, reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(ClientGoneError, OSError):
        while data := await reader.read(_CHUNK):
            await connection.send(data)
    connection.close()


EGRESS: Mapping[str, Behaviour] = {
    "egress-healthy": Behaviour(accept=_carry),
    "egress-slow": Behaviour(accept=sequence(steps.pause(PAUSE_S), _carry)),
    "egress-407": Behaviour(
        accept=_answer("407 Proxy Authentication Required", 'Proxy-Authenticate: Basic realm="x"\r\n')
    ),
    "egress-403": Behaviour(accept=_answer("403 Forbidden")),
    "egress-502": Behaviour(accept=_answer("502 Bad Gateway")),
    "egress-garbage": Behaviour(
        accept=sequence(steps.receive_request, steps.send(b"\x00\x01\x02 what?\r\n\r\n"), steps.silence)
    ),
    "egress-close": Behaviour(accept=sequence(steps.receive_request, steps.close)),
    "egress-reset": Behaviour(accept=sequence(steps.receive_request, steps.reset)),
    "egress-silent": Behaviour(accept=steps.silence),
}
