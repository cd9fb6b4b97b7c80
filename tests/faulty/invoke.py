"""One call of the Lambda's handler in a fresh process: `{"event": ..., "seconds": ...}` in, the answer as last line."""

import json
import sys
import time

from connect_canary.handler import lambda_handler


class _Context:
    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return int((self._until - time.monotonic()) * 1000)


def main() -> None:
    """Call the handler and print its answer after everything else."""
    question = json.load(sys.stdin)
    answer = lambda_handler(question["event"], _Context(question["seconds"]))
    sys.stdout.write(f"\nANSWER {json.dumps(answer)}\n")


if __name__ == "__main__":
    main()
