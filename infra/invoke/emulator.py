"""The Lambda runtime interface emulator that AWS SAM brings along, with AWS's runtime client for Python.

with Emulator(LocalFunction(artifact=artifact, python=python, environ={}), binary=binary) as emulator:
    print(emulator.invoke({}).response)
"""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

HANDLER = "connect_canary.handler.lambda_handler"
LOOPBACK = "127.0.0.1"
_INVOCATIONS = "/2015-03-31/functions/function/invocations"
_STARTS_WITHIN_S, _ENDS_WITHIN_S, _REPORTS_WITHIN_S, _SPARE_S = 20.0, 5.0, 5.0, 15.0
_POLL_S = 0.01


class EmulatorError(RuntimeError):
    """The emulator cannot run; the message is a sentence for the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """What came of one event: the response, or what Lambda returns for an error; everything that was printed."""

    response: Any
    output: str
    wall_ms: float

    @property
    def error(self) -> str | None:
        """The error that the function ended with, None if it returned."""
        if isinstance(self.response, str):
            return self.response
        if isinstance(self.response, dict) and "errorMessage" in self.response:
            return f"{self.response.get('errorType', 'error')}: {self.response['errorMessage']}"
        return None

    @property
    def report(self) -> str:
        """Lambda's line about the invocation's duration."""
        return next((line for line in self.output.splitlines() if line.startswith("REPORT ")), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFunction:
    """What to run: the artifact, with this interpreter and these variables, and Lambda's limits."""

    artifact: Path
    python: Path
    environ: Mapping[str, str]
    timeout_s: int = 30
    memory_mb: int = 512

    @property
    def variables(self) -> dict[str, str]:
        """All variables of the function's process; nothing is inherited but where programs are."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "TZ": ":UTC",
            "PYTHONDONTWRITEBYTECODE": "1",
            "LAMBDA_TASK_ROOT": str(self.artifact),
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
            "AWS_LAMBDA_FUNCTION_NAME": "iot-connect-canary",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.memory_mb),
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(self.timeout_s),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            **self.environ,
        }


class Emulator:
    """A running emulator of one function, on loopback; a context manager. The first event pays for the cold start."""

    def __init__(self, function: LocalFunction, *, binary: Path, before: Sequence[str] = ()) -> None:
        """Run `function` with the emulator at `binary`; the words of `before` precede its command line."""
        self._function, self._binary, self._before = function, binary, before

    def __enter__(self) -> Self:
        """Start the emulator; the function itself starts with the first event."""
        self._state = Path(tempfile.mkdtemp(prefix="invoke-local-"))
        # The wheel that brings the emulator does not mark it as a program.
        program = Path(shutil.copy(self._binary, self._state / "aws-lambda-rie"))
        program.chmod(0o755)
        self._port = _free_port()
        addresses = (f"{LOOPBACK}:{self._port}", f"{LOOPBACK}:{_free_port()}")
        with (self._state / "output").open("wb") as output:
            self._process = subprocess.Popen(
                [
                    *self._before,
                    str(program),
                    *("--runtime-interface-emulator-address", addresses[0], "--runtime-api-address", addresses[1]),
                    *(str(self._function.python), "-m", "awslambdaric", HANDLER),
                ],
                cwd=self._function.artifact,
                env=self._function.variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait_until_listening()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End the emulator and the function, and remove their files."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_ENDS_WITHIN_S)
        shutil.rmtree(self._state, ignore_errors=True)

    def invoke(self, event: object) -> Invocation:
        """Send one event and return what came of it; raise EmulatorError if the emulator does not respond."""
        before = len(self._output())
        connection = http.client.HTTPConnection(LOOPBACK, self._port, timeout=self._function.timeout_s + _SPARE_S)
        started = time.perf_counter()
        try:
            connection.request("POST", _INVOCATIONS, json.dumps(event))
            body = connection.getresponse().read()
        except OSError as error:
            raise EmulatorError(
                f"The emulator does not respond: {error}. It printed: {self._output()[before:]}"
            ) from error
        finally:
            connection.close()
        wall_ms = (time.perf_counter() - started) * 1000
        return Invocation(response=_parse(body), output=self._output_with_report(before), wall_ms=wall_ms)

    def _output(self) -> str:
        return (self._state / "output").read_text(errors="replace")

    def _output_with_report(self, start: int) -> str:
        deadline = time.monotonic() + _REPORTS_WITHIN_S
        while "REPORT " not in (output := self._output()[start:]) and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        return output

    def _wait_until_listening(self) -> None:
        deadline = time.monotonic() + _STARTS_WITHIN_S
        while self._process.poll() is None and time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection((LOOPBACK, self._port), timeout=1):
                return
            time.sleep(_POLL_S)
        raise EmulatorError(f"The emulator did not start. It printed: {self._output().strip() or 'nothing'}")


def _parse(body: bytes) -> Any:  # noqa: ANN401 - JSON
    """Return the response; a text that is no JSON is what Lambda says of a time-out."""
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")


def _free_port() -> int:
    with socket.socket() as bound:
        bound.bind((LOOPBACK, 0))
        port: int = bound.getsockname()[1]
        return port
