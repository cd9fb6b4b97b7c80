"""Egress proxies for HTTPS_PROXY, healthy and faulty (RFC 9110, section 9.3.6)."""

import asyncio
import contextlib
from collections.abc import Mapping

from tests.faulty import steps
from tests.faulty.scenarios import PAUSE_S
from tests.faulty.server_connection import GoneError, Visit
from tests.faulty.steps import Behaviour, Step, then

_CHUNK = 65536


def _answer(status: str, headers: str = "") -> Step:
    return then(
        steps.hear_request,
        steps.say(f"HTTP/1.1 {status}\r\n{headers}Content-Length: 0\r\n\r\n".encode()),
        steps.silence,
    )


async def _carry(visit: Visit) -> bool:
    """Connect to where the client asks to go, on loopback only, and carry bytes both ways."""
    host, _, port = (await visit.read_request()).target.rpartition(":")
    if host not in {"localhost", "127.0.0.1"}:
        raise GoneError
    reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
    try:
        await visit.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        inward = asyncio.create_task(_inward(visit, reader))
        with contextlib.suppress(GoneError):
            while True:
                writer.write(await visit.receive())
                await writer.drain()
        inward.cancel()
    finally:
        writer.close()
    visit.close()
    return False


async def _inward(visit: Visit, reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(GoneError, OSError):
        while data := await reader.read(_CHUNK):
            await visit.send(data)
    visit.close()


EGRESS: Mapping[str, Behaviour] = {
    "egress-healthy": Behaviour(accept=_carry),
    "egress-slow": Behaviour(accept=then(steps.pause(PAUSE_S), _carry)),
    "egress-407": Behaviour(
        accept=_answer("407 Proxy Authentication Required", 'Proxy-Authenticate: Basic realm="x"\r\n')
    ),
    "egress-403": Behaviour(accept=_answer("403 Forbidden")),
    "egress-502": Behaviour(accept=_answer("502 Bad Gateway")),
    "egress-garbage": Behaviour(
        accept=then(steps.hear_request, steps.say(b"\x00\x01\x02 what?\r\n\r\n"), steps.silence)
    ),
    "egress-close": Behaviour(accept=then(steps.hear_request, steps.close)),
    "egress-reset": Behaviour(accept=then(steps.hear_request, steps.reset)),
    "egress-silent": Behaviour(accept=steps.silence),
}
