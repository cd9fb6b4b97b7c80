"""The Lambda's handler in its own process: one request per line on standard input, one response per line in its output.

A request is `{"environ": ..., "event": ..., "seconds": ..., "runs": ...}`; the variables replace those of the previous
request. The response is the last run's, with the resources that the process holds after it.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

RESPONSE = "RESPONSE "


class _Context:
    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return int((self._deadline - time.monotonic()) * 1000)


def _respond(request: dict[str, Any]) -> dict[str, Any]:
    # Only a process that has its variables may import the handler, whose logger reads some of them.
    from connect_canary.handler import lambda_handler

    response: Any = None
    failures: list[list[str | None]] = []
    for _ in range(request.get("runs", 1)):
        try:
            response = lambda_handler(request.get("event", {}), _Context(request["seconds"]))
        except ValueError as error:
            return {"raised": str(error)}
        failures.append([target.get("failure") for target in response["targets"]])
    return {"response": response, "failures": failures}


def _resources() -> dict[str, int]:
    """Return the resources that the process holds; what needs /proc is 0 elsewhere."""
    proc = Path("/proc/self")
    if not proc.exists():
        return {"threads": threading.active_count(), "descriptors": 0, "resident_bytes": 0}
    pages = int((proc / "statm").read_text().split()[1])
    return {
        "threads": len(list((proc / "task").iterdir())),
        "descriptors": len(list((proc / "fd").iterdir())),
        "resident_bytes": pages * os.sysconf("SC_PAGE_SIZE"),
    }


def main() -> None:
    """Serve requests until standard input ends."""
    set_names: set[str] = set()
    for line in sys.stdin:
        request = json.loads(line)
        for name in set_names:
            del os.environ[name]
        set_names = set(request.get("environ", {}))
        os.environ.update(request.get("environ", {}))
        result = _respond(request) if "seconds" in request else {}
        sys.stdout.write(f"\n{RESPONSE}{json.dumps(result | {'held': _resources()})}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
