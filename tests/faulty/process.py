"""The faulty endpoint, its name server and the handler, each in its own process, so that they do not share a GIL."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Self, cast

from tests.faulty.invoke import RESPONSE
from tests.faulty.name_server import READY

ROOT = Path(__file__).parents[2]
_ENDS_WITHIN_S = 10
_SHOWN_CHARACTERS = 2000
_INHERITED = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH")
_PACKAGES = os.pathsep.join((str(ROOT), str(ROOT / "function")))


class _Process:
    """One of our modules, controlled over its standard streams; a context manager."""

    def __init__(self, module: str, *arguments: str, environ: Mapping[str, str], before: Sequence[str] = ()) -> None:
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        self._process = subprocess.Popen(
            [*before, sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=inherited | {"PYTHONPATH": _PACKAGES, "PYTHONWARNINGS": "error"} | dict(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def _send(self, line: str) -> None:
        stdin = cast("IO[str]", self._process.stdin)
        stdin.write(f"{line}\n")
        stdin.flush()

    def _receive(self, prefix: str) -> tuple[str, str]:
        """Return the first line with this prefix, without the prefix, and everything before it."""
        printed = ""
        for line in cast("IO[str]", self._process.stdout):
            if line.startswith(prefix):
                return line.removeprefix(prefix), printed
            printed += line
        self.stop()
        raise RuntimeError(f"the process ended with {self._process.returncode}:\n{printed[-_SHOWN_CHARACTERS:]}")

    def stop(self) -> None:
        """End the process with its standard input."""
        self._process.send_signal(signal.SIGCONT)
        cast("IO[str]", self._process.stdin).close()
        try:
            self._process.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        cast("IO[str]", self._process.stdout).close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class FaultyServer(_Process):
    """The faulty endpoint, and where its listeners are."""

    def __init__(self, *ids: str, before: Sequence[str] = ()) -> None:
        """Start listeners for `ids`, as the last words of the command line `before`; an id given twice has two."""
        super().__init__("tests.faulty.server", *ids, environ={}, before=before)
        hello, _ = self._receive("PORTS ")
        self.ca_file: str = json.loads(hello)["ca_file"]
        self.ports: list[tuple[str, int]] = [(id_, port) for id_, port in json.loads(hello)["ports"]]

    def port(self, id_: str) -> int:
        """Return the first port of `id_`."""
        return next(port for name, port in self.ports if name == id_)

    def report(self) -> list[dict[str, Any]]:
        """Return what each listener has received so far, in the order of `ports`."""
        self._send("report")
        return cast("list[dict[str, Any]]", json.loads(self._receive("REPORT ")[0]))

    def seen(self, id_: str) -> dict[str, Any]:
        """Return what the first listener of `id_` has received so far."""
        return self.report()[[name for name, _ in self.ports].index(id_)]


class NameServer(_Process):
    """A name server that fails in the way that a name says."""

    def __init__(self, address: str, *, before: Sequence[str] = ()) -> None:
        """Serve port 53 of `address`, as the last words of the command line `before`."""
        super().__init__("tests.faulty.name_server", address, environ={}, before=before)
        self._receive(READY)


class Handler(_Process):
    """The Lambda's handler in one warm process."""

    def __init__(self, *, before: Sequence[str] = (), **environ: str) -> None:
        """Start it with no variables but `environ`, as the last words of the command line `before`."""
        super().__init__("tests.faulty.invoke", environ=environ, before=before)

    def invoke(
        self, environ: Mapping[str, str], *, seconds: float, event: Mapping[str, Any] | None = None, runs: int = 1
    ) -> tuple[dict[str, Any], str]:
        """Return the result of `runs` runs in a row, and everything that the process printed."""
        request = {"environ": dict(environ), "event": dict(event or {}), "seconds": seconds, "runs": runs}
        return self._request(request)

    def held(self) -> dict[str, int]:
        """Return how many threads, descriptors and bytes of memory the process holds."""
        return cast("dict[str, int]", self._request({})[0]["held"])

    def _request(self, request: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        self._send(json.dumps(request))
        response, printed = self._receive(RESPONSE)
        return json.loads(response), printed
