"""The page that says that a tick failed, and when it is due. Pure functions."""

from collections.abc import Iterator

from pager import links
from pager.draft import WARNING
from pager.page import Page, new_page
from pager.settings import Settings
from pager.text import clean, paragraph, shorten

_HOUR_S, _TICK_S = 3600.0, 300.0
_MAX_CAUSES, _MAX_CANARY = 5, 24
_ALARM = "NotificationsFailingAlarm"


def is_told_at(now: float) -> bool:
    """Return whether a tick that fails now is told: that of every hour's first five minutes is, the others are not."""
    return now % _HOUR_S < _TICK_S


def causes(error: BaseException) -> list[str]:
    """Return each different error of a group, or the error itself, as clean text."""
    return list(dict.fromkeys(clean(f"{type(each).__name__}: {each}") for each in _single(error)))


def _single(error: BaseException) -> Iterator[BaseException]:
    if not isinstance(error, BaseExceptionGroup):
        yield error
        return
    for each in error.exceptions:
        yield from _single(each)


def page_of_tick(error: BaseException, settings: Settings) -> Page:
    """Return the page that says what the tick could not do."""
    canary, known = shorten(settings.canary, _MAX_CANARY), causes(error)
    first = (
        f"The pager of canary {canary} cannot look after its alarms. What goes to ALARM now is still told; recoveries,"
        " reminders, and what a mute held back are not. This page comes again every hour until it is mended."
    )
    do = "canary's owner: put back what the pager may do, best by deploying the stack again."
    rows = [paragraph(each, first=" - ", indent="   ") for each in known[:_MAX_CAUSES]]
    look_at = {"runbook": links.runbook(settings.runbook, _ALARM), "log group": settings.own_log_group}
    return new_page(
        f"WARNING {canary}: the pager tells no recoveries and reminders",
        [
            paragraph(first),
            "WHAT TO DO\n" + paragraph(do, first=" - ", indent="   "),
            "\n".join(["EVIDENCE", *rows]),
            "\n".join(["LOOK AT", *(f"   {label:<12}{address}" for label, address in look_at.items())]),
        ],
        {"event": "fault", "severity": WARNING, "canary": settings.canary, "alarm": _ALARM},
    )
