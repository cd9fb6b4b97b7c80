"""Drives a command through a pseudo-terminal, as somebody at a keyboard does."""

import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.local.client.local_aws import LocalAws
from infra.local.demo.operator_env import variables
from tests.template.cloudformation import ROOT

# Given what was shown since the last answer, it returns what is typed, if anything.
Answer = Callable[[str], str | None]
_CHUNK_BYTES = 65536
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A command that ended: its exit code, all that the terminal showed, and how many answers it took."""

    code: int
    shown: str
    answers: int


def environment(aws: LocalAws) -> dict[str, str]:
    """Return the environment of an operator's terminal, without what the one of this machine sets."""
    own = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "SAM_", "PYTHON"))}
    return {**own, **variables(aws), "SAM_CLI_TELEMETRY": "0", "TERM": "dumb"}


def run(
    command: Sequence[str | Path],
    answer: Answer,
    *,
    environ: Mapping[str, str],
    max_answers: int,
    seconds: float = 120,
) -> Finished:
    """Run a command, typing what `answer` says.

    The command is ended when it wants more than `max_answers` or takes longer than `seconds`.
    """
    master, slave = pty.openpty()
    shown, asked, answers = "", "", 0
    process = subprocess.Popen(command, cwd=ROOT, env=environ, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    try:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and answers <= max_answers:
            text = _read(master)
            if text is None:
                break
            shown, asked = shown + text, asked + text
            typed = answer(asked)
            if typed is not None:
                os.write(master, typed.encode())
                asked, answers = "", answers + 1
        return Finished(code=process.wait(10), shown=_COLOURS.sub("", shown), answers=answers)
    finally:
        process.kill()
        process.wait()
        os.close(master)


def _read(master: int) -> str | None:
    """Return what is shown next, empty if nothing is within a moment, None at the command's end."""
    if not select.select([master], [], [], 0.5)[0]:
        return ""
    try:
        return os.read(master, _CHUNK_BYTES).decode(errors="replace") or None
    except OSError:
        return None
