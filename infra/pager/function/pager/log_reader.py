"""Reads a log group within a time budget."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pager.attempts import ATTEMPT, Line

# More would not fit into a page, nor into the time that a page may take.
MAX_LINES = 20_000
_BUDGET_S = 12.0
ATTEMPTS = f'{{ $.message = "{ATTEMPT}" }}'


@dataclass(frozen=True, slots=True, kw_only=True)
class LogReader:
    """Reads one log group; `client` is boto3's for CloudWatch Logs."""

    client: Any
    group: str

    def read(self, start: float, pattern: str = "") -> list[Line]:
        """Return the lines since `start`, as many as can be read in the time."""
        deadline = time.monotonic() + _BUDGET_S
        request = {"logGroupName": self.group, "startTime": int(start * 1000)}
        if pattern:
            request["filterPattern"] = pattern
        lines: list[Line] = []
        while True:
            page = self.client.filter_log_events(**request)
            lines += [Line(each["timestamp"] / 1000, each["message"]) for each in page["events"]]
            if "nextToken" not in page or len(lines) >= MAX_LINES or time.monotonic() > deadline:
                return lines
            request["nextToken"] = page["nextToken"]


def pattern_of_targets(targets: Iterable[str]) -> str:
    """Return a pattern for the attempts of some targets; those whose names a pattern cannot hold are left out."""
    terms = [f'$.target = "{target}"' for target in targets if target and not set(target) & set('"\\*')]
    return f'{{ $.message = "{ATTEMPT}" && ({" || ".join(terms)}) }}' if terms else ATTEMPTS
