"""The faulty endpoint as a process of its own: `python -m tests.faulty.server [--host H] ID ...`.

It prints `PORTS` and a JSON object with the CA file, a port for each id, and the host and egress proxy of the first.
It responds to each line `report` on standard input with `REPORT` and its request logs, and ends with its standard
input. Ids are those of the scenarios, of the egress proxies, and `fuzz-<layer>:<seed>`; `all` stands for every
scenario. An id given twice has two listeners.
"""

import argparse
import asyncio
import contextlib
import json
import socket
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.faulty.egress import EGRESS
from tests.faulty.fuzz_behaviours import fuzz_behaviour, is_fuzz
from tests.faulty.packet_loss import lose_packets
from tests.faulty.pki import Pki
from tests.faulty.scenarios import BY_ID, SCENARIOS, Listener
from tests.faulty.server_connection import ClientGoneError, RequestLog, ServerConnection
from tests.faulty.steps import Behaviour
from tests.faulty.unsupported_chains import write_unsupported_chains

LOOPBACK = "127.0.0.1"
_BACKLOG = 2048
_FILLERS = 8


class FaultyEndpoint:
    """Listeners on loopback, one per scenario; an async context manager that closes all of them."""

    def __init__(self, directory: Path, host: str = LOOPBACK) -> None:
        """Keep certificates in `directory` and listen on `host`."""
        self.pki = Pki(directory)
        write_unsupported_chains(self.pki)
        self.request_logs: list[RequestLog] = []
        self._directory, self._host = directory, host
        self._stack = contextlib.ExitStack()
        self._servers: list[asyncio.Server] = []
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Return itself, without listeners yet."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close every listener and every connection."""
        for server in self._servers:
            server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        # Transports close one iteration of the loop after `close`.
        await asyncio.sleep(0)
        self._stack.close()

    async def listen(self, id_: str) -> int:
        """Listen for one scenario and return the port."""
        self.request_logs.append(RequestLog())
        if id_ in BY_ID and BY_ID[id_].listener is Listener.FULL:
            return self._listen_with_full_queue()
        if id_ in BY_ID and BY_ID[id_].listener is Listener.CLOSED:
            return self._bound().getsockname()[1]  # type: ignore[no-any-return]  # a port
        return await self.serve(behaviour_of(id_), self.request_logs[-1])

    async def serve(
        self, behaviour: Behaviour, request_log: RequestLog | None = None, *, lose_longer_than: int | None = None
    ) -> int:
        """Listen with one behaviour and return the port; see `packet_loss.lose_packets` for `lose_longer_than`."""
        log = request_log or RequestLog()

        def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connection = ServerConnection(reader, writer, log, self._directory)
            task = asyncio.create_task(_run(behaviour, connection))
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)

        listener = self._bound()
        self._servers.append(await asyncio.start_server(accepted, sock=listener, backlog=_BACKLOG))
        if lose_longer_than is not None:
            lose_packets(self._servers[-1].sockets[0], longer_than=lose_longer_than)
        return listener.getsockname()[1]  # type: ignore[no-any-return]  # a port

    def _bound(self) -> socket.socket:
        """Return a bound socket that does not listen yet."""
        # Without the protocol asyncio does not recognize TCP, and leaves Nagle's algorithm on.
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        tcp = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        bound = self._stack.enter_context(contextlib.closing(tcp))
        bound.bind((self._host, 0))
        return bound

    def _listen_with_full_queue(self) -> int:
        """Return a port whose queue of new connections is full: the system drops every further SYN."""
        listener = self._bound()
        listener.listen(0)
        for _ in range(_FILLERS):
            filler = self._stack.enter_context(contextlib.closing(socket.socket()))
            filler.setblocking(False)  # noqa: FBT003 - the socket module's own signature
            with contextlib.suppress(BlockingIOError):
                filler.connect(listener.getsockname())
        return listener.getsockname()[1]  # type: ignore[no-any-return]  # a port


async def _run(behaviour: Behaviour, connection: ServerConnection) -> None:
    try:
        with contextlib.suppress(ClientGoneError):
            await behaviour.run(connection)
    finally:
        connection.close()


def behaviour_of(id_: str) -> Behaviour:
    """Return what a listener does; raise KeyError for an unknown id."""
    if is_fuzz(id_):
        return fuzz_behaviour(id_)
    return EGRESS[id_] if id_ in EGRESS else BY_ID[id_].behaviour


async def _main(ids: Sequence[str], host: str) -> None:
    with tempfile.TemporaryDirectory(prefix="faulty-") as directory:
        async with FaultyEndpoint(Path(directory), host) as endpoint:
            ports = [(id_, await endpoint.listen(id_)) for id_ in ids]
            where = {"host": _host(ids[0]), "proxy": await _proxy(ids[0], endpoint, host)}
            _print("PORTS", {"ca_file": str(endpoint.pki.ca_file), "ports": ports, **where})
            while line := await asyncio.to_thread(sys.stdin.readline):
                if line.strip() == "report":
                    # Not that of the first one's egress proxy, which listens last.
                    _print("REPORT", [request_log.as_dict() for request_log in endpoint.request_logs[: len(ids)]])


def _host(id_: str) -> str:
    return BY_ID[id_].host if id_ in BY_ID else "localhost"


async def _proxy(id_: str, endpoint: FaultyEndpoint, host: str) -> str:
    """Listen as the egress proxy before a scenario and return its URL, empty for none."""
    if id_ not in BY_ID or not BY_ID[id_].proxy:
        return ""
    port = await endpoint.listen(BY_ID[id_].proxy)
    return f"http://{host if BY_ID[id_].proxy_host == LOOPBACK else BY_ID[id_].proxy_host}:{port}"


def _print(what: str, document: object) -> None:
    sys.stdout.write(f"{what} {json.dumps(document)}\n")
    sys.stdout.flush()


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m tests.faulty.server", description=__doc__)
    parser.add_argument("--host", default=LOOPBACK, help="address to listen on (default: %(default)s)")
    parser.add_argument("ids", nargs="+", help="scenarios, or all")
    arguments = parser.parse_args()
    ids = [
        id_ for argument in arguments.ids for id_ in ([s.id for s in SCENARIOS] if argument == "all" else [argument])
    ]
    for id_ in ids:
        try:
            behaviour_of(id_)
        except KeyError:
            parser.error(f"{id_} is no scenario; known: {', '.join([*BY_ID, *EGRESS])}")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main(ids, arguments.host))


if __name__ == "__main__":
    main()
