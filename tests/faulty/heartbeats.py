"""A dead man's switch: an HTTPS server on loopback that records who asked for it, and answers as it is told."""

import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_LONG_S, _DRIP_S = 60.0, 0.2


@dataclass(kw_only=True)
class Switch:
    """Where it listens, how it answers, and what was asked of it: method, path and headers of each request.

    It answers after `pause_s`, never if it is `silent`, and with an endless head if it `drips`.
    """

    port: int = 0
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    pause_s: float = 0.0
    silent: bool = False
    drips: bool = False
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
            switch.closed.wait(switch.pause_s)
            self.send_response(switch.status, f"echo {self.path}")
            for name, value in switch.headers.items():
                self.send_header(name, value)
            while switch.drips and not switch.closed.wait(_DRIP_S):
                self.send_header("X-Padding", "a")
                self.flush_headers()
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
