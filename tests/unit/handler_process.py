"""The Lambda's handler in a fresh interpreter: everything it prints, returns and raises."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_DEADLINE_S = 60
_INVOKE = """
import json, logging, sys, time, traceback
from connect_canary.handler import lambda_handler

# Development mode warns of a slow event loop, which a busy machine has.
logging.getLogger("asyncio").setLevel(logging.ERROR)

class Context:
    aws_request_id = None

    def __init__(self, seconds):
        self.deadline = time.monotonic() + seconds

    def get_remaining_time_in_millis(self):
        return int((self.deadline - time.monotonic()) * 1000)

request = json.load(sys.stdin)
for number, event in enumerate(request["events"], start=1):
    context = Context(request["seconds"])
    context.aws_request_id = f"invocation-{number}"
    try:
        print("RESPONSE", json.dumps(lambda_handler(event, context)))
    except Exception as error:
        print("RAISED", json.dumps([type(error).__name__, *getattr(error, "problems", [])]))
        traceback.print_exc()
print("MODULES", json.dumps(sorted(sys.modules)))
"""


@dataclass(frozen=True, kw_only=True)
class HandlerRun:
    """The output of one interpreter."""

    output: str
    errors: str

    def _values_after(self, word: str) -> list[Any]:
        lines = [line.partition(" ") for line in self.output.splitlines()]
        return [json.loads(rest) for first, _, rest in lines if first == word]

    @property
    def responses(self) -> list[Any]:
        """What the handler returned, one item per event."""
        return self._values_after("RESPONSE")

    @property
    def raised(self) -> list[list[str]]:
        """The name and the problems of each exception."""
        return self._values_after("RAISED")

    @property
    def modules(self) -> set[str]:
        """The modules loaded at the end."""
        return set(self._values_after("MODULES")[0])

    @property
    def json_lines(self) -> list[dict[str, Any]]:
        """The JSON lines that Lambda would put into the log."""
        return [json.loads(line) for line in self.output.splitlines() if line.startswith("{")]

    @property
    def records(self) -> list[dict[str, Any]]:
        """The log records."""
        return [line for line in self.json_lines if "_aws" not in line]

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The lines in embedded metric format."""
        return [line for line in self.json_lines if "_aws" in line]


def invoke(environ: Mapping[str, str], *events: object, seconds: float = 15.0) -> HandlerRun:
    """Call the handler with each event, `seconds` being what Lambda has left, in a process with only `environ`."""
    return _run(_INVOKE, environ, json.dumps({"events": events or [{}], "seconds": seconds}))


def imported(statement: str) -> set[str]:
    """Return the modules that are loaded after `statement`."""
    return _run(f"{statement}\nimport json, sys\nprint('MODULES', json.dumps(sorted(sys.modules)))", {}, "").modules


def _run(script: str, environ: Mapping[str, str], request: str) -> HandlerRun:
    around = {
        "PYTHONPATH": f"{ROOT / 'function'}{os.pathsep}{ROOT}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "HOME": "/nowhere",
        "PATH": os.environ.get("PATH", ""),
    }
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", script],
        env={**around, **environ},
        input=request,
        capture_output=True,
        text=True,
        timeout=_DEADLINE_S,
        check=True,
    )
    return HandlerRun(output=done.stdout, errors=done.stderr)


@contextmanager
def closed_port() -> Iterator[str]:
    """Yield a loopback endpoint whose port is taken and does not listen."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"
