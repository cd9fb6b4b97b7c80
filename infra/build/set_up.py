"""Set up environments and artifacts, those that are out of date only, at the same time; a problem is one sentence.

It runs before there is any environment, so it uses the standard library only.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from infra.build.environments import PARTS, READY, Part, Tools
from infra.build.set_up_problems import explain

REPOSITORY = Path(__file__).resolve().parents[2]
_INTERRUPTED, _FAILED = 130, 2


@dataclass(slots=True)
class SetUp:
    """Runs the commands of parts, and ends them all at the first problem."""

    tools: Tools
    repository: Path = REPOSITORY
    running: set[subprocess.Popen[str]] = field(default_factory=set)
    stopped: bool = False

    def make(self, part: Part) -> str:
        """Set up a part, and return the sentence of what went wrong, or the empty string."""
        directory = self.repository / part.directory
        if directory.is_symlink():
            return f"{part.directory} is a link, and what it leads to is not set up from here. Remove the link."
        shutil.rmtree(directory, ignore_errors=True)
        try:
            directory.mkdir(parents=True)
            for command in part.commands(self.tools):
                code, output = self._run(command)
                if self.stopped:
                    return ""
                if code:
                    return self._problem(part, output)
            (directory / READY).touch()
        except OSError as error:
            return f"{part.directory} could not be set up: {error}."
        return ""

    def _run(self, command: list[str]) -> tuple[int, str]:
        # A process group of its own: Ctrl-C then reaches this process only, which says one sentence.
        process = subprocess.Popen(
            command,
            cwd=self.repository,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self.running.add(process)
        if self.stopped:
            self.stop()
        output, _ = process.communicate()
        self.running.discard(process)
        return process.returncode, output

    def _problem(self, part: Part, output: str) -> str:
        log = self.repository / ".aws-sam" / f"{Path(part.directory).name.lstrip('.')}.log"
        log.parent.mkdir(exist_ok=True)
        log.write_text(output)
        return f"{part.directory} could not be set up: {explain(output, self.tools.python)} ({log})"

    def stop(self) -> None:
        """End every command with what it started."""
        self.stopped = True
        for process in tuple(self.running):
            try:
                os.killpg(process.pid, signal.SIGTERM)
            except (ProcessLookupError, PermissionError):
                continue


def _exit(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _make_all(set_up: SetUp, parts: Sequence[Part]) -> int:
    started = time.monotonic()
    problems: list[str] = []

    def make(part: Part) -> None:
        problem = set_up.make(part)
        if problem and not set_up.stopped:
            problems.append(problem)
            set_up.stop()

    with ThreadPoolExecutor(len(parts)) as pool:
        try:
            for part in parts:
                sys.stdout.write(f"Setting up {part.directory}: {part.purpose}\n")
            sys.stdout.flush()
            for future in [pool.submit(make, part) for part in parts]:
                future.result()
        except KeyboardInterrupt:
            set_up.stop()
            sys.stderr.write("\nStopped while setting up; the same command begins again with what is missing.\n")
            return _INTERRUPTED
    if problems:
        sys.stderr.write(f"{problems[0]}\n")
        return _FAILED
    sys.stdout.write(f"Set up in {time.monotonic() - started:.1f} s.\n")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Set up the named parts; return 0, 2 with a sentence, or 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="+", choices=sorted(PARTS), metavar="part", help=", ".join(PARTS))
    parser.add_argument("--uv", default="", help="path of uv, instead of which pip is used")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _exit)
    parts = [part for name in options.parts if not (part := PARTS[name]).is_ready(REPOSITORY)]
    return _make_all(SetUp(Tools(uv=options.uv)), parts) if parts else 0


if __name__ == "__main__":
    sys.exit(main())
