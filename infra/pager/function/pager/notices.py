"""What is to be told now, given the incidents and what was told already. Pure functions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pager.incidents import Incident

# A tick leaves an incident that has just begun to the invocation by its own message.
GRACE_S = 90.0
# The history's times and those of the pager's log come from two clocks.
_CLOCKS_S = 5.0
ALARM_ITSELF = ""
# So many pages of an alarm go out at once in so many seconds; then the tick collects.
_AT_ONCE, _WAVE_S = 3, 900.0


class Event(StrEnum):
    """What a page tells."""

    OPENED = "opened"
    MORE = "more"
    REMINDER = "reminder"
    RECOVERED = "recovered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A page that was sent: what it told of which targets of an alarm (the alarm itself is an empty name)."""

    at: float
    alarm: str
    event: Event
    targets: tuple[str, ...] = (ALARM_ITSELF,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How often a reminder is due (0: never), and whether a tick asks, not an alarm's message."""

    remind_s: float
    tick: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A page to send; `targets` are those that are new, or that recovered, or are `gone`: not tested any more."""

    event: Event
    alarm: str
    targets: tuple[str, ...]
    incidents: Mapping[str, Incident] = field(default_factory=dict)
    gone: bool = False


def told_of(alarm: str, target: str, told: Iterable[Told]) -> list[Told]:
    """Return what was told of a target, oldest first."""
    return sorted((t for t in told if t.alarm == alarm and target in t.targets), key=lambda each: each.at)


def _is_told(alarm: str, incident: Incident, told: Iterable[Told]) -> bool:
    """Return whether an incident was told, and not since as recovered."""
    since = [t for t in told_of(alarm, incident.target, told) if t.at >= incident.began - _CLOCKS_S]
    return bool(since) and since[-1].event is not Event.RECOVERED


def untold(alarm: str, known: Mapping[str, Incident], told: Iterable[Told], now: float) -> dict[str, Incident]:
    """Return the incidents that last and that nobody was told of."""
    seen = list(told)
    lasting = {target: each for target, each in known.items() if not each.is_over(now) and each.in_alarm}
    return {target: each for target, each in lasting.items() if not _is_told(alarm, each, seen)}


def decide(alarm: str, known: Mapping[str, Incident], told: Iterable[Told], now: float, rules: Rules) -> list[Notice]:
    """Return the pages that are due for one alarm: what is new, what recovered, what still lasts."""
    seen = [each for each in told if each.alarm == alarm]
    new = {t: i for t, i in untold(alarm, known, seen, now).items() if not rules.tick or i.began <= now - GRACE_S}
    over = {t: i for t, i in known.items() if i.is_over(now) and _is_told(alarm, i, seen)}
    lasting = {t: i for t, i in known.items() if not i.is_over(now) and _is_told(alarm, i, seen)}
    due = []
    if new and (rules.tick or _may_tell_at_once(seen, now)):
        event = Event.MORE if lasting else Event.OPENED
        due.append(Notice(event=event, alarm=alarm, targets=tuple(sorted(new)), incidents={**lasting, **new}))
    if over:
        due.append(Notice(event=Event.RECOVERED, alarm=alarm, targets=tuple(sorted(over)), incidents=over))
    if rules.tick and not new and _needs_reminder(lasting, seen, now, rules.remind_s):
        due.append(Notice(event=Event.REMINDER, alarm=alarm, targets=tuple(sorted(lasting)), incidents=lasting))
    return due


def _may_tell_at_once(told: list[Told], now: float) -> bool:
    """Return whether one more page may go out now; those of a wave of failures are left to the tick."""
    return sum(each.event is not Event.RECOVERED and each.at > now - _WAVE_S for each in told) < _AT_ONCE


def _needs_reminder(lasting: Mapping[str, Incident], told: list[Told], now: float, remind_s: float) -> bool:
    if not remind_s or not any(incident.in_alarm for incident in lasting.values()):
        return False
    return now - max(each.at for each in told) >= remind_s


def leads(target: str, new: Mapping[str, Incident]) -> bool:
    """Return whether the invocation for `target` tells of all that are new: the one that began first does.

    Of several invocations at the same time, each sees the same incidents. One that does not know its own target leads,
    because a page too many is better than none.
    """
    if target not in new:
        return True
    return min(new.values(), key=lambda each: (each.began, each.target)).target == target
