"""Write what the alarms make of each situation: `python -m tests.template.alarm_table --write docs/operations.md`.

Simulates the alarms of the template as CloudWatch evaluates them, and writes the result between two markers of a
Markdown file.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.template.alarm_situations import FLAPPING, HISTORIES, SITUATIONS, Judged, Situation, judged
from tests.template.fleet_blips import TARGETS, false_pages_per_day

BEGIN = "<!-- alarms: written by `.venv/bin/python -m tests.template.alarm_table --write docs/operations.md` -->"
END = "<!-- alarms: end -->"
EVERY = (1, 5, 15, 60)
# The share of single attempts that fail, and the simulated days.
BLIPS = ((0.001, 2000), (0.005, 400))


class TableError(ValueError):
    """The file lacks the markers."""


def table() -> str:
    """Return the tables as Markdown."""
    heads = " | ".join(f"every {minutes} min" for minutes in EVERY)
    return "\n".join(
        [
            f"| Situation | Pages by | {heads} |",
            f"|---|---|{'--:|' * len(EVERY)}",
            *(_row(situation) for situation in SITUATIONS),
            "",
            *_verdict(),
            "",
            f"| False pages a day, {TARGETS} targets | {heads} |",
            f"|---|{'--:|' * len(EVERY)}",
            *(_blip_row(share, days) for share, days in BLIPS),
        ]
    )


def _row(situation: Situation) -> str:
    cells = " | ".join(_cell(judged(situation.name, every)) for every in EVERY)
    return f"| {situation.name} | {f'`{situation.page}`' if situation.page else ''} | {cells} |"


def _cell(result: Judged) -> str:
    if result.to_page is None:
        return "no page"
    pages = "" if result.pages == 1 else f", {result.pages} pages"
    return f"{result.to_page:.1f} min{pages}"


def _verdict() -> Iterator[str]:
    results = [judged(situation.name, every) for situation in SITUATIONS for every in EVERY]
    missed, false = sum(result.missed for result in results), sum(result.false for result in results)
    yield f"Of {len(results) * HISTORIES} histories {missed} missed their page, and {false} had a false one."
    actions = {every: result.actions for every in EVERY if (result := judged(FLAPPING, every)).actions > 1}
    for every, number in actions.items():
        yield f"Of the target that flaps at {every} minutes CloudWatch tells the pager {number} times in"
        yield f"{judged(FLAPPING, every).hours:.0f} hours; the pager tells it once."


def _blip_row(share: float, days: int) -> str:
    cells = " | ".join(f"{false_pages_per_day(every, share, days):.3f}" for every in EVERY)
    return f"| {share:.1%} of single attempts fail | {cells} |"


def rewritten(text: str) -> str:
    """Return the Markdown text with the tables between its markers; raise TableError if it has none."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise TableError(f"the file has no lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables, or write them into a file, and return the exit code, 2 for a problem."""
    parser = argparse.ArgumentParser(prog="python -m tests.template.alarm_table", description=__doc__)
    parser.add_argument("--write", type=Path, metavar="FILE", help="the Markdown file to write the tables into")
    path = parser.parse_args(arguments).write
    if path is None:
        print(table())
        return 0
    try:
        path.write_text(rewritten(path.read_text()))
    except (OSError, TableError) as error:
        print(f"tests.template.alarm_table: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
