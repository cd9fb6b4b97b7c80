"""Drawings that people have looked at: `python -m tests.unit.approved_pages` writes them again after a wanted change.

Look at each in a browser before it is committed.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import connect_canary
from connect_canary.model.failures import Failure
from connect_canary.model.owners import Owner
from connect_canary.model.phases import Phase
from connect_canary.pages.attempt_record import AttemptRecord, read_record
from connect_canary.pages.html_report import Report, html_report
from connect_canary.pages.status_grid import StatusGrid, grid_of_runs
from connect_canary.pages.status_strip import StripStyle, status_strips
from connect_canary.pages.target_summary import summaries_of
from connect_canary.pages.theme import DARK
from tests.unit.factories import outcome_of

FOLDER = Path(__file__).parent / "approved"
_RUNS, _COLUMNS = 24, 12
_DENIED = {
    "failure": Failure.NOT_AUTHORIZED,
    "phase": Phase.CONNACK,
    "reason": "CONNACK 135 Not authorized",
    "owner": Owner.IAM,
    "hint": "Check the policy.",
}
_UNRESOLVED = {"failure": Failure.DNS_FAILED, "phase": Phase.DNS, "reason": "no such name", "expect": "refuse"}
_NO_TIME = {"failure": Failure.DEADLINE_EXCEEDED, "phase": None}


def _record(run: int, target: str, failed: Mapping[str, Any] | None) -> AttemptRecord:
    facts = {"healthy": False, "connect_ms": None, **failed} if failed else {"connect_ms": 40.0 + 3 * run}
    phases = {"dns": 1.0, "tcp": 8.0 + run, "tls": 17.5, "upgrade": 9.0, "connack": 58.0}
    days = 213.0 if target == "steady" else -1.5
    outcome = outcome_of(target=target, phases_ms=phases, certificate_days_left=days, **facts)
    return read_record(outcome.as_dict())


def _runs() -> list[list[AttemptRecord]]:
    """Return runs with a target of each fate: healthy, failing now, failed once, without a phase, absent at times."""
    return [
        [
            _record(run, "steady", None),
            _record(run, "ill", _DENIED if run > _RUNS // 2 else None),
            _record(run, "blip", _UNRESOLVED if run == _RUNS // 3 else None),
            _record(run, "late", _NO_TIME if run > 1 else None),
            *([_record(run, "new", None)] if run > _RUNS - 5 else []),
        ]
        for run in range(_RUNS)
    ]


def _grid() -> tuple[StatusGrid, list[AttemptRecord]]:
    runs = _runs()
    return grid_of_runs(runs, max_columns=_COLUMNS), [record for run in runs for record in run]


def strips() -> str:
    """Return strips in every state, with more targets than fit, on a dark background."""
    grid, records = _grid()
    return status_strips(grid, summaries_of(records), StripStyle(width=640, theme=DARK, max_rows=4))


def page() -> str:
    """Return a whole page."""
    grid, records = _grid()
    report = Report(heading="fleet", source="24 runs", records=records, grid=grid)
    return html_report(report).replace(connect_canary.__version__, "VERSION")


APPROVED: Mapping[str, Callable[[], str]] = {"strips.svg": strips, "page.html": page}


def in_lines(drawing: str) -> str:
    """Return a drawing with a line for each element, so that a difference can be read."""
    return drawing.replace("><", ">\n<") + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, draw in APPROVED.items():
        (FOLDER / name).write_text(in_lines(draw()), encoding="utf-8")
