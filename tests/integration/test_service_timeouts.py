"""An AWS service that does not respond: the time-out of each try and the number of tries."""

import contextlib
import os
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faulty.process import ROOT
from tests.unit.factories import REGION

TRIES, CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 2, 2.0, 4.0
# Between its tries botocore waits a random time of up to a second; the rest is for a busy machine.
_SLACK_S = 15.0
_FILLERS = 8
# A call of each service, by the suffix of its endpoint variable.
QUESTIONS = {
    "SSM": 'ReferenceResolver(region).fetch("ssm:/a")',
    "SECRETS_MANAGER": 'ReferenceResolver(region).fetch("secretsmanager:a")',
    "IOT": 'ReferenceResolver(region).account_endpoint("")',
}
# Importing and making clients takes its time too, at first.
_ASK = """
import sys, time
from connect_canary.config.references import ReferenceResolver
region, times = sys.argv[1], int(sys.argv[2])
for _ in range(times):
    started = time.monotonic()
    try:
        {question}
    except ValueError as error:
        answer = time.monotonic() - started, str(error).partition(":")[0]
print(*answer)
"""


class _Silent(socketserver.ThreadingTCPServer):
    """A service that accepts every connection and never responds."""

    daemon_threads = True

    def __init__(self) -> None:
        self.waited_s: list[float] = []
        silent = self

        class RequestHandler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                """Read until the client closes."""
                came = time.monotonic()
                with contextlib.suppress(OSError):
                    while self.request.recv(65536):
                        pass
                silent.waited_s.append(time.monotonic() - came)

        super().__init__(("127.0.0.1", 0), RequestHandler)


@pytest.fixture
def silent() -> Iterator[_Silent]:
    """A silent service that serves."""
    with _Silent() as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield server
        finally:
            server.shutdown()
            serving.join()


@pytest.fixture
def unreachable() -> Iterator[int]:
    """A port whose queue of new connections is full: the system drops every further SYN."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(_FILLERS):
            filler = stack.enter_context(socket.socket())
            filler.settimeout(0)
            with contextlib.suppress(BlockingIOError):
                filler.connect(listener.getsockname())
        yield listener.getsockname()[1]


def _ask(service: str, port: int, times: int) -> tuple[float, str]:
    """Return how long a process waits in the last of `times` calls of a service, and its error."""
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "function"),
        f"AWS_ENDPOINT_URL_{service}": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "no-secret-anywhere",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    command = [sys.executable, "-c", _ASK.format(question=QUESTIONS[service]), REGION, str(times)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=90, check=True)
    seconds, error = done.stdout.split()
    return float(seconds), error


def test_silent_service_is_waited_for_twice_four_seconds(silent: _Silent, unreachable: int) -> None:
    """And one that takes no connection twice two seconds; botocore's own limits are a minute and five tries."""
    with ThreadPoolExecutor(2 * len(QUESTIONS)) as pool:
        reading = {name: pool.submit(_ask, name, silent.server_address[1], 1) for name in QUESTIONS}
        connecting = {name: pool.submit(_ask, name, unreachable, 2) for name in QUESTIONS}
    for service in QUESTIONS:
        elapsed_s, error = reading[service].result()
        assert error == "ReadTimeoutError", service
        assert elapsed_s < TRIES * READ_TIMEOUT_S + _SLACK_S, service
        elapsed_s, error = connecting[service].result()
        assert error == "ConnectTimeoutError", service
        assert TRIES * CONNECT_TIMEOUT_S <= elapsed_s < TRIES * CONNECT_TIMEOUT_S + _SLACK_S, service
    assert len(silent.waited_s) == TRIES * len(QUESTIONS)
    # The service's own thread may have begun to count a little late.
    assert min(silent.waited_s) > READ_TIMEOUT_S - 0.75
