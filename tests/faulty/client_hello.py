"""Which application protocols the handler offers on which port: `python -m tests.faulty.client_hello PORT ...`.

It listens on loopback, responds to no ClientHello, and prints a JSON object with the lists of protocols (ALPN) that
each port received, one list per connection. A privileged port needs a network namespace.
"""

import json
import socket
import socketserver
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from tests.faulty.cases import ENVIRON, watching
from tests.faulty.process import Handler

_DEADLINE_S = 2.0
_RECORD_HEADER, _HANDSHAKE_HEADER = 5, 4
_VERSION_AND_RANDOM = 2 + 32
_ALPN = 16


def protocols_of(client_hello: bytes) -> list[str]:
    """Return what a ClientHello offers in its ALPN extension (RFC 8446, section 4.1.2; RFC 7301, section 3.1)."""
    at = _HANDSHAKE_HEADER + _VERSION_AND_RANDOM
    at += 1 + client_hello[at]  # session id
    at += 2 + int.from_bytes(client_hello[at : at + 2])  # cipher suites
    at += 1 + client_hello[at]  # compression methods
    at += 2
    while at < len(client_hello):
        kind, size = int.from_bytes(client_hello[at : at + 2]), int.from_bytes(client_hello[at + 2 : at + 4])
        if kind == _ALPN:
            return list(_names(client_hello[at + 6 : at + 4 + size]))
        at += 4 + size
    return []


def _names(data: bytes) -> Iterator[str]:
    while data:
        size = data[0]
        yield data[1 : 1 + size].decode("ascii")
        data = data[1 + size :]


@contextmanager
def _listening(port: int, offered: list[list[str]]) -> Iterator[None]:
    class RequestHandler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            """Read one TLS record, and nothing more until the client leaves."""
            connected: socket.socket = self.request
            header = connected.recv(_RECORD_HEADER, socket.MSG_WAITALL)
            record = connected.recv(int.from_bytes(header[3:5]), socket.MSG_WAITALL)
            offered.append(protocols_of(record))
            connected.recv(1)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", port), RequestHandler) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield
        finally:
            server.shutdown()
            serving.join()


def _main(ports: Sequence[int]) -> None:
    offered: dict[int, list[list[str]]] = {port: [] for port in ports}
    entries = [{"name": f"port-{port}", "endpoint": f"127.0.0.1:{port}"} for port in ports]
    with ExitStack() as stack:
        for port in ports:
            stack.enter_context(_listening(port, offered[port]))
        handler = stack.enter_context(Handler(**ENVIRON))
        handler.invoke(watching(entries, _DEADLINE_S), seconds=20)
    print(json.dumps(offered))


if __name__ == "__main__":
    _main([int(port) for port in sys.argv[1:]])
