"""How `make run` tells what happens: a live screen on a terminal, lines elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.live import Live

from infra.local.demo import report
from infra.local.demo.pages import Page
from infra.local.demo.run_log import Run
from infra.local.demo.screen import screen
from infra.local.demo.view import Alarm, View

_MIN_COLUMNS, _MIN_ROWS = 60, 24


class Display(Protocol):
    """What is told of the scheduled runs."""

    def refresh(self, view: View) -> None:
        """Tell how it stands."""

    def on_run(self, view: View, number: int, run: Run) -> None:
        """Tell of a scheduled run, after its metrics and alarms are there."""

    def on_alarm(self, alarm: Alarm, before: str) -> None:
        """Tell of an alarm's new state."""

    def on_page(self, page: Page) -> None:
        """Tell of a page."""


class Lines:
    """Each event in lines, for logs and pipes."""

    def refresh(self, view: View) -> None:
        """Say nothing."""

    def on_run(self, view: View, number: int, run: Run) -> None:
        """Print the run, then the metrics and alarms."""
        _print(*report.run_lines(number, run), *report.tables(view))

    def on_alarm(self, alarm: Alarm, before: str) -> None:
        """Print the change with its reason."""
        _print(
            *report.wrap(f"{alarm.since.astimezone():%H:%M:%S} {alarm.name} {before} -> {alarm.state}: {alarm.reason}")
        )

    def on_page(self, page: Page) -> None:
        """Print the page."""
        _print(*report.page_lines(page))


class Screen:
    """One screen that is drawn again and again."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def refresh(self, view: View) -> None:
        """Draw it."""
        self._live.update(screen(view), refresh=True)

    def on_run(self, view: View, number: int, run: Run) -> None:
        """Leave it to the next refresh, as with alarms and pages."""

    def on_alarm(self, alarm: Alarm, before: str) -> None:
        """Leave it to the next refresh."""

    def on_page(self, page: Page) -> None:
        """Leave it to the next refresh."""


@contextmanager
def open_display() -> Iterator[Display]:
    """Return what suits standard output for the duration of the context."""
    console = Console()
    if (
        not console.is_terminal
        or console.is_dumb_terminal
        or console.width < _MIN_COLUMNS
        or console.height < _MIN_ROWS
    ):
        yield Lines()
        return
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        yield Screen(live)


def _print(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()
