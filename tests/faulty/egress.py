"""Egress proxies for HTTPS_PROXY, healthy and faulty (RFC 9110, section 9.3.6)."""

import asyncio
import contextlib
from collections.abc import Mapping

from tests.faulty import steps
from tests.faulty.scenarios import PAUSE_S
from tests.faulty.server_connection import ClientGoneError, ServerConnection
from tests.faulty.steps import Behaviour, Step, sequence

_CHUNK = 65536
_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_SQUID = "Server: squid/6.6\r\nX-Squid-Error: ERR_ACCESS_DENIED 0\r\nVia: 1.1 gate (squid/6.6)\r\n"
_PROXY_STATUS = "Proxy-Status: gate; error=connection_timeout\r\n"


def _answer(status: str, headers: str = "") -> Step:
    return sequence(
        steps.receive_request,
        steps.send(f"HTTP/1.1 {status}\r\n{headers}Content-Length: 0\r\n\r\n".encode()),
        steps.silence,
    )


def _carry(first: bytes = b"", *, pause_s: float = 0.0, established: bytes = _ESTABLISHED) -> Step:
    """Return a step that sends `first`, connects to the requested address, on loopback only, and relays both ways."""

    async def carry(connection: ServerConnection) -> bool:
        host, _, port = (await connection.read_request()).target.rpartition(":")
        if host not in {"localhost", "127.0.0.1"}:
            raise ClientGoneError
        await asyncio.sleep(pause_s)
        await connection.send(first)
        reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
        await connection.send(established)
        return await _carry_bytes(connection, reader, writer)

    return carry


async def _carry_bytes(
    connection: ServerConnection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> bool:
    try:
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


async def _echo(connection: ServerConnection) -> bool:
    """Refuse in words that would colour a terminal, with the credentials that were sent."""
    sent = (await connection.read_request()).headers.get("proxy-authorization", "")
    header = f"X-Squid-Error: \x1b[31m{sent}\x07\u202e\r\n"
    await connection.send(f"HTTP/1.1 403 \x1b[2Jno\r\n{header}Content-Length: 0\r\n\r\n".encode())
    return await steps.silence(connection)


EGRESS: Mapping[str, Behaviour] = {
    "egress-healthy": Behaviour(accept=_carry()),
    "egress-407": Behaviour(
        accept=_answer("407 Proxy Authentication Required", 'Proxy-Authenticate: Basic realm="x"\r\n')
    ),
    "egress-403": Behaviour(accept=_answer("403 Forbidden", _SQUID)),
    "egress-503": Behaviour(accept=_answer("503 Service Unavailable", _PROXY_STATUS)),
    "egress-echo": Behaviour(accept=_echo),
    "egress-continue": Behaviour(accept=_carry(b"HTTP/1.1 100 Continue\r\n\r\n")),
    "egress-slow": Behaviour(accept=_carry(pause_s=PAUSE_S)),
    "egress-lower-case": Behaviour(accept=_carry(established=_ESTABLISHED.lower())),
    "egress-502": Behaviour(accept=_answer("502 Bad Gateway")),
    "egress-garbage": Behaviour(
        accept=sequence(steps.receive_request, steps.send(b"\x00\x01\x02 what?\r\n\r\n"), steps.silence)
    ),
    "egress-close": Behaviour(accept=sequence(steps.receive_request, steps.close)),
    "egress-reset": Behaviour(accept=sequence(steps.receive_request, steps.reset)),
    "egress-silent": Behaviour(accept=steps.silence),
}
