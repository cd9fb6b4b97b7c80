"""The faulty endpoint and the handler, each in a process of its own, so that none waits for another's GIL."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

ROOT = Path(__file__).parents[2]
_ENDS_WITHIN_S = 10


def python(module: str, *arguments: str, **environ: str) -> list[str]:
    """Return the command line of one of our modules, with nothing but `environ` and where Python finds its packages."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME", "TMPDIR") if name in os.environ}
    pairs = [f"{name}={value}" for name, value in (kept | environ).items()]
    return ["env", "-i", *pairs, sys.executable, "-W", "error", "-m", module, *arguments]


class FaultyServer:
    """The faulty endpoint's process, and where its listeners are; a context manager."""

    def __init__(self, *ids: str) -> None:
        """Start listeners for `ids`; an id given twice has two."""
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "tests.faulty.server", *ids],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        hello = self._answer()
        self.ca_file: str = hello["ca_file"]
        self.ports: list[tuple[str, int]] = [(id_, port) for id_, port in hello["ports"]]

    def port(self, id_: str) -> int:
        """Return the first port of `id_`."""
        return dict(reversed(self.ports))[id_]

    def report(self) -> list[dict[str, Any]]:
        """Return what each listener has seen so far, in the order of `ports`."""
        stdin = cast("IO[str]", self._process.stdin)
        stdin.write("report\n")
        stdin.flush()
        return cast("list[dict[str, Any]]", self._answer())

    def seen(self, id_: str) -> dict[str, Any]:
        """Return what the first listener of `id_` has seen so far."""
        return self.report()[[name for name, _ in self.ports].index(id_)]

    def _answer(self) -> Any:
        line = cast("IO[str]", self._process.stdout).readline()
        if not line:
            self.stop()
            raise RuntimeError("the faulty endpoint did not start")
        return json.loads(line)

    def stop(self) -> None:
        """End the process with its standard input."""
        cast("IO[str]", self._process.stdin).close()
        try:
            self._process.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        cast("IO[str]", self._process.stdout).close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()


def invoke(environ: Mapping[str, str], *, seconds: float, event: Mapping[str, Any] | None = None) -> tuple[Any, str]:
    """Return the handler's answer and everything that its process printed, on either stream."""
    question = json.dumps({"event": event or {}, "seconds": seconds})
    run = subprocess.run(
        python("tests.faulty.invoke", **environ),
        cwd=ROOT,
        input=question,
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        check=False,
    )
    printed, marker, answer = run.stdout.partition("\nANSWER ")
    if not marker:
        raise RuntimeError(f"the handler raised:\n{run.stdout}\n{run.stderr}")
    return json.loads(answer), printed + run.stderr


def targets(entries: Sequence[Mapping[str, object]]) -> str:
    """Return a targets document."""
    return json.dumps({"targets": list(entries)})
