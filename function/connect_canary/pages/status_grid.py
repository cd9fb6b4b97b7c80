"""Attempts in cells: a row for each target, a column for each run or for each period of time."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from connect_canary.model.phases import Phase
from connect_canary.pages.attempt_record import AttemptRecord


class CellState(StrEnum):
    """What the attempts of a cell came to."""

    HEALTHY = "healthy"
    SOME_FAILED = "some failed"
    FAILED = "failed"
    NO_RUN = "no run"


# One letter a phase, so that a cell says without its colour where the attempt ended.
LETTERS: Mapping[Phase, str] = {
    Phase.CREDENTIALS: "C",
    Phase.PROXY: "P",
    Phase.DNS: "D",
    Phase.TCP: "T",
    Phase.TLS: "S",
    Phase.UPGRADE: "U",
    Phase.CONNACK: "M",
    Phase.DISCONNECT: "X",
}
OTHER_LETTER = "!"


@dataclass(slots=True, kw_only=True)
class Cell:
    """The attempts of one target in one column; `failed` is the newest that failed."""

    attempts: int = 0
    failures: int = 0
    failed: AttemptRecord | None = None

    def add(self, record: AttemptRecord) -> None:
        """Count one attempt; they come oldest first."""
        self.attempts += 1
        if not record.healthy:
            self.failures += 1
            self.failed = record

    @property
    def state(self) -> CellState:
        """What the attempts came to."""
        if not self.attempts:
            return CellState.NO_RUN
        if not self.failures:
            return CellState.HEALTHY
        return CellState.FAILED if self.failures == self.attempts else CellState.SOME_FAILED

    @property
    def letter(self) -> str:
        """The letter of the phase in which the newest failure ended."""
        phase = None if self.failed is None else self.failed.phase
        return OTHER_LETTER if phase is None else LETTERS[phase]


@dataclass(slots=True, kw_only=True)
class StatusGrid:
    """Cells of every target by name; `labels` are the columns' names, for axis and tooltips."""

    labels: Sequence[str]
    rows: dict[str, list[Cell]] = field(default_factory=dict)

    def cell(self, target: str, column: int) -> Cell:
        """Return a cell, made if the target has no row yet."""
        row = self.rows.setdefault(target, [])
        row.extend(Cell() for _ in range(len(self.labels) - len(row)))
        return row[column]


def grid_of_runs(runs: Sequence[Iterable[AttemptRecord]], *, max_columns: int) -> StatusGrid:
    """Return a grid with a column for each run, or for as many runs each as fit."""
    size = max(1, math.ceil(len(runs) / max_columns))
    firsts = range(0, len(runs), size)
    grid = StatusGrid(labels=[_runs_label(first, min(first + size, len(runs))) for first in firsts])
    for number, run in enumerate(runs):
        for record in run:
            grid.cell(record.target, number // size).add(record)
    return grid


def _runs_label(first: int, end: int) -> str:
    return f"run {end}" if end - first == 1 else f"runs {first + 1} to {end}"


def grid_of_times(
    records: Iterable[AttemptRecord], *, start: float, end: float, period_s: float, max_columns: int
) -> StatusGrid:
    """Return a grid with a column for each period from `start` to `end` (seconds), or for as many each as fit.

    The records come oldest first.
    """
    span = max(end - start, period_s)
    width = period_s * max(1, math.ceil(span / period_s / max_columns))
    first = math.floor(start / width)
    columns = max(1, math.ceil(end / width) - first)
    style = "%H:%M" if span <= 86_400 else "%m-%d %H:%M"  # noqa: PLR2004 - a day
    labels = [f"{datetime.fromtimestamp((first + n) * width, UTC):{style}}" for n in range(columns)]
    grid = StatusGrid(labels=labels)
    for record in records:
        column = -1 if record.at is None else math.floor(record.at / width) - first
        if 0 <= column < columns:
            grid.cell(record.target, column).add(record)
    return grid
