"""The live screen of `make run`: targets with their last outcomes, metrics, alarms and pages. Pure functions."""

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from infra.local.demo.pages import Page
from infra.local.demo.view import Alarm, TargetView, View

# The shapes differ too, for whoever sees no colours.
HEALTHY, FAILED, MISSING = "▁", "█", "·"
_STRIP = 20
_PAGE_LINES = 9
_SUBJECTS = 4
_STATE_STYLES = {"OK": "green", "ALARM": "bold red"}


def screen(view: View) -> RenderableType:
    """Return everything, at most 80 columns wide."""
    return Group(
        _head(view),
        _targets(view),
        _facts(view),
        _alarms(view),
        Rule("what people are told", style="dim", align="left"),
        _pages(view.pages),
        Text("make break lists what can be broken, in another terminal; Ctrl-C ends", style="dim"),
    )


def _head(view: View) -> Text:
    speed = "" if view.speed == 1 else f", {view.speed:g} times as fast"
    last = f", ended {view.last_run:%H:%M:%S}" if view.last_run else ""
    head = Text(f"Local AWS{speed}", style="bold", no_wrap=True, overflow="ellipsis")
    return head.append(f"   {view.now:%H:%M:%S}   run {view.runs}{last}", style="not bold")


def _targets(view: View) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("target", max_width=10, no_wrap=True)
    table.add_column(f"last {_STRIP} runs", width=_STRIP, no_wrap=True)
    table.add_column("healthy", justify="right", min_width=7, no_wrap=True)
    table.add_column("connect", justify="right", min_width=7, no_wrap=True)
    table.add_column("now", max_width=28, no_wrap=True, overflow="ellipsis")
    missing = view.missed_at(view.now)
    for name, target in view.targets.items():
        metrics = target.metrics
        healthy = f"{metrics.healthy:.0f}/{metrics.runs:.0f}" if metrics else "-"
        latency = f"{metrics.latency_ms:.0f} ms" if metrics and metrics.latency_ms is not None else "-"
        table.add_row(name, strip(target, missing), healthy, latency, _now(target, missing))
    return table


def strip(target: TargetView, missing: int) -> Text:
    """Return a cell for each of the last runs, and for each that is missing since."""
    text = Text()
    for outcome in [*target.outcomes, *[None] * missing][-_STRIP:]:
        if outcome is None:
            text.append(MISSING, style="yellow")
        else:
            text.append(*((HEALTHY, "green") if outcome else (FAILED, "red")))
    return text


def _now(target: TargetView, missing: int) -> Text:
    newest = target.newest
    if missing:
        return Text("silent", style="yellow")
    if not newest.get("healthy"):
        return Text(f"{newest.get('failure')} ({newest.get('phase')})", style="bold red")
    return Text("refused, as expected" if newest.get("expect") == "refuse" else "connects", style="green")


def _facts(view: View) -> Text:
    days = "-" if view.days_left is None else f"{view.days_left:.0f}"
    text = Text(f"certificate ends in {days} days, endpoint {view.endpoint}", no_wrap=True, overflow="ellipsis")
    for error in view.errors[:2]:
        text.append(f"\nthe canary: {error}", style="bold red")
    return text


def _alarms(view: View) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("alarm", "state", "since"):
        table.add_column(name, no_wrap=True)
    for alarm in view.alarms:
        table.add_row(alarm.name, _state(alarm), f"{alarm.since.astimezone():%H:%M:%S}")
    return table


def _state(alarm: Alarm) -> Text:
    return Text(
        alarm.state.replace("_", " ").lower() if alarm.state == "INSUFFICIENT_DATA" else alarm.state,
        style=_STATE_STYLES.get(alarm.state, "dim"),
    )


def _pages(pages: list[Page]) -> Text:
    """Return the newest page with its first lines, above it the subjects of some before."""
    text = Text(no_wrap=True, overflow="ellipsis")
    if not pages:
        return text.append("Nothing yet.", style="dim")
    for page in pages[-_SUBJECTS:]:
        style = "green" if page.is_recovery else "bold red"
        text.append(f"{page.received:%H:%M:%S} ").append(f"{page.subject}\n", style=style)
    for line in pages[-1].text.splitlines()[:_PAGE_LINES]:
        text.append(f"  {line}\n")
    return text
