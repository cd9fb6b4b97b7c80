"""What a drill found, as lines for the terminal and as the transcript in docs/operations.md. Pure functions."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from infra.local.demo import report
from infra.local.demo.breaks import Break
from infra.local.demo.pages import Page

REPORT_MARKS = ("<!-- drill: written by `make drill WRITE=1` -->", "<!-- drill: end -->")
_WIDTH = 118
_URL = re.compile(r"https://\S+?(?P<fragment>#[\w-]+)?(?=\s|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Seconds on this machine's clock until an alarm changed its state, and until people were told."""

    alarm_s: float
    page_s: float

    def minutes(self, speed: float) -> float:
        """Return the minutes on the schedule's clock; what the pager takes after the alarm is not sped up."""
        return (self.alarm_s * speed + (self.page_s - self.alarm_s)) / 60


@dataclass(slots=True, kw_only=True)
class DrillResult:
    """One break: its page, its recovery, and how long both took."""

    name: str
    broken: Break
    page: Page
    told: Times
    recovery: Page | None = None
    recovered: Times | None = None
    mended_at: float = 0.0
    pages_then: int = 0


def live_lines(result: DrillResult, speed: float) -> list[str]:
    """Return the newest of a result: its page, or its recovery when that was told."""
    if result.recovery and result.recovered:
        took = f"{result.name} mended: told after {_took(result.recovered, speed)}"
        return [took, f"  {result.recovery.subject}", ""]
    took = f"{result.broken.alarm}: told after {_took(result.told, speed)}"
    return [took, f"  Subject: {result.page.subject}", *_body(result.page), ""]


def _took(times: Times, speed: float) -> str:
    return f"{times.page_s:.0f} s, {times.minutes(speed):.1f} min of the schedule's clock"


def transcript(results: Sequence[DrillResult], speed: float, settle_minutes: float) -> str:
    """Return the transcript in Markdown."""
    head = [
        f"Measured on the local AWS, which let {speed:g} minutes pass in one, with `SettleMinutes={settle_minutes:g}`.",
        "Times are minutes of the schedule's clock, from the break, or from the mending, until people were told.",
        "",
        "| `WHAT` | What happens | Alarm | Told after | Recovery told after |",
        "|---|---|---|--:|--:|",
        *(_row(result, speed) for result in results),
    ]
    return "\n".join([*head, *(line for result in results for line in _section(result))])


def _row(result: DrillResult, speed: float) -> str:
    recovered = f"{result.recovered.minutes(speed):.1f} min" if result.recovered else "-"
    told = f"{result.told.minutes(speed):.1f} min"
    return f"| `{result.name}` | {result.broken.what} | `{result.broken.alarm}` | {told} | {recovered} |"


def _section(result: DrillResult) -> Iterator[str]:
    yield from ["", f"`make break WHAT={result.name}`:", "", "```"]
    yield from report.wrap(f"Subject: {result.page.subject}")
    yield from ["", *_body(result.page)]
    if result.recovery:
        yield from ["", "Subject: " + result.recovery.subject]
    yield "```"


def _body(page: Page) -> list[str]:
    """Return a page's text until its links, which are shortened; a raw alarm's JSON in its first lines only."""
    text = _URL.sub(lambda match: f"https://...{match['fragment'] or ''}", page.text.partition("LOOK AT")[0])
    return [line[:_WIDTH].rstrip() for line in text.strip().splitlines()]
