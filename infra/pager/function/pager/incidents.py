"""Incidents: changes of state joined, so that one that flaps is one incident. Pure functions."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter

from pager.event import ALARM, OK

# An alarm that comes back must stay healthy for longer each time, at most so many times as long as the first time.
MAX_SETTLE_FACTOR = 4
_RECENT_S = 7200.0


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Transition:
    """A change of state of an alarm, or of one of its targets if `target` is not empty."""

    at: float
    target: str = ""
    state: str = ALARM


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """From the first change to ALARM until it has stayed healthy; `healthy_since` is None while it is in ALARM."""

    target: str
    began: float
    last_alarm: float
    count: int = 1
    healthy_since: float | None = None
    settles_after_s: float = 0.0

    @property
    def in_alarm(self) -> bool:
        """Whether it is in ALARM now."""
        return self.healthy_since is None

    def is_over(self, now: float) -> bool:
        """Return whether it has stayed healthy for long enough."""
        return self.healthy_since is not None and now >= self.healthy_since + self.settles_after_s

    @property
    def lasted_s(self) -> float:
        """How long it was from its beginning to its last change to OK."""
        return (self.healthy_since or self.last_alarm) - self.began


def incidents(transitions: Iterable[Transition], settle_s: float) -> dict[str, Incident]:
    """Return the latest incident of each target; the alarm's own has an empty name.

    Where CloudWatch tells states by target, the alarm's own change to OK ends them all, and its other changes repeat
    what the targets' say.
    """
    ordered = sorted(transitions)
    targets = {each.target for each in ordered if each.target}
    if targets:
        ends = [each for each in ordered if not each.target and each.state == OK]
        ordered = [each for each in ordered if each.target] + [
            replace(end, target=target) for end in ends for target in targets
        ]
    grouped = groupby(sorted(ordered, key=attrgetter("target", "at")), key=attrgetter("target"))
    latest = {target: _latest(list(changes), settle_s) for target, changes in grouped}
    return {target: incident for target, incident in latest.items() if incident}


def _latest(changes: list[Transition], settle_s: float) -> Incident | None:
    incident: Incident | None = None
    alarms: list[float] = []
    for change in changes:
        if change.state == ALARM and (incident is None or not incident.in_alarm):
            alarms.append(change.at)
            incident = _reopened(incident, change)
        elif change.state == OK and incident and incident.in_alarm:
            recent = len(alarms) - bisect_right(alarms, change.at - _RECENT_S)
            factor = min(2 ** max(0, recent - 1), MAX_SETTLE_FACTOR)
            incident = replace(incident, healthy_since=change.at, settles_after_s=settle_s * factor)
    return incident


def _reopened(incident: Incident | None, change: Transition) -> Incident:
    if incident is None or incident.is_over(change.at):
        return Incident(target=change.target, began=change.at, last_alarm=change.at)
    return replace(incident, count=incident.count + 1, last_alarm=change.at, healthy_since=None)


def began(open_incidents: Mapping[str, Incident], default: float) -> float:
    """Return when the first of several incidents began."""
    return min((incident.began for incident in open_incidents.values()), default=default)
