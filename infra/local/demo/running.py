"""The running demos of this clone, so that a command in another terminal finds them, and what is broken in each."""

import json
import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.client.process import REPOSITORY, LocalAwsError

RUNNING = REPOSITORY / ".aws-sam" / "running"
_BROKEN = "broken.json"


@contextmanager
def announced(operator: Path, directory: Path = RUNNING) -> Iterator[None]:
    """Let other terminals find the demo by its operator file for the duration of the context."""
    entry = directory / str(os.getpid())
    with suppress(OSError):
        directory.mkdir(parents=True, exist_ok=True)
        entry.write_text(str(operator))
    try:
        yield
    finally:
        entry.unlink(missing_ok=True)


def find(directory: Path = RUNNING) -> Path:
    """Return the operator file of the only running demo, or raise `LocalAwsError`."""
    operators = [Path(entry.read_text()) for entry in sorted(directory.glob("*"))]
    # A demo that was killed leaves its entry behind, and the server removes its files.
    running = [operator for operator in operators if operator.is_file()]
    if not running:
        raise LocalAwsError("No demo is running in this clone: start it with make run, in another terminal.")
    if len(running) > 1:
        listed = ", ".join(f"OPERATOR={operator}" for operator in running)
        raise LocalAwsError(f"{len(running)} demos are running in this clone; name one: {listed}")
    return running[0]


def read_operator(path: Path) -> dict[str, str]:
    """Return the variables of an operator file."""
    variables: dict[str, str] = {}
    for line in path.read_text().splitlines():
        words = shlex.split(line)
        if words[:1] == ["export"]:
            name, _, value = words[1].partition("=")
            variables[name] = value
    return variables


@dataclass(frozen=True, slots=True)
class Broken:
    """What is broken, with what mending needs to know, in a file beside the server's state."""

    state: Path

    def read(self) -> dict[str, dict[str, Any]]:
        """Return what is broken, in the order in which it was."""
        path = self.state / _BROKEN
        return dict(json.loads(path.read_text())) if path.exists() else {}

    def write(self, broken: Mapping[str, Mapping[str, Any]]) -> None:
        """Replace what is broken."""
        draft = self.state / f"{_BROKEN}.{os.getpid()}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(broken, file)
        draft.replace(self.state / _BROKEN)
