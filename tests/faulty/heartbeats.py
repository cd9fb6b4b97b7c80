"""A dead man's switch: an HTTPS server on loopback that records who asked for it, and answers as it is told."""

import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_LONG_S = 60.0


@dataclass(kw_only=True)
class Switch:
    """Where it listens, what it answers, and what was asked of it: method, path and headers of each request."""

    port: int = 0
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    silent: bool = False
    requests: list[tuple[str, str, Mapping[str, str]]] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)


@contextmanager
def dead_mans_switch(chain: Path) -> Iterator[Switch]:
    """Serve with the certificate and key in `chain` until the context ends."""
    switch = Switch()

    class Handler(BaseHTTPRequestHandler):
        timeout = _LONG_S

        def do_GET(self) -> None:
            switch.requests.append((self.command, self.path, dict(self.headers)))
            if switch.silent:
                switch.closed.wait(_LONG_S)
                return
            self.send_response(switch.status, f"echo {self.path}")
            for name, value in switch.headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that leaves is no error here
    # The handshake is made in the connection's own thread.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.daemon_threads = True
    switch.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield switch
    finally:
        switch.closed.set()
        server.shutdown()
        thread.join()
        server.server_close()
