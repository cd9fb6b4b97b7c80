"""Holds the recovery of targets back until a healthy attempt proves it: without data an alarm becomes OK as well."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pager.attempts import TargetState
from pager.evidence import latest_of
from pager.history import HistoryReader
from pager.incidents import Incident, began, incidents
from pager.kinds import Kind, Subject, kind_of
from pager.log_reader import LogReader
from pager.notices import ALARM_ITSELF, Event, Notice
from pager.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Recoveries:
    """Looks at the alarms on silence and at the log; `client` returns boto3's clients by name."""

    settings: Settings
    client: Callable[[str], Any]

    def provable(self, kind: Kind, due: Iterable[Notice], alarms: Iterable[str], now: float) -> list[Notice]:
        """Return the notices without recoveries of targets that nothing proves; `alarms` are those to look at."""
        notices = list(due)
        if not kind.by_target or not any(each.event is Event.RECOVERED for each in notices):
            return notices
        silences = self._silences(alarms, now)
        is_silent = any(each.in_alarm for each in silences)
        kept: list[Notice] = []
        for notice in notices:
            if notice.event is not Event.RECOVERED:
                kept.append(notice)
            elif not is_silent:
                kept += proved(after_silence(notice, silences), self._states(notice, now))
        return kept

    def _silences(self, alarms: Iterable[str], now: float) -> list[Incident]:
        """Return the latest time in which nothing was heard of the canary, and of each of its shards."""
        reader = HistoryReader(client=self.client("cloudwatch"))
        of_silence = [each for each in alarms if kind_of(each, self.settings.stack).subject is Subject.SILENCE]
        found = (incidents(reader.read(each, now), self.settings.settle_s) for each in of_silence)
        return [known[ALARM_ITSELF] for known in found if ALARM_ITSELF in known]

    def _states(self, notice: Notice, now: float) -> dict[str, TargetState]:
        reader = LogReader(client=self.client("logs"), group=self.settings.log_group)
        since = began(notice.incidents, now)
        return latest_of(reader, notice.targets, since=since, now=now, period_s=self.settings.period_s)


def after_silence(notice: Notice, silences: Iterable[Incident]) -> Notice:
    """Return the notice of incidents that last until silence ended, if they became OK in it: nobody saw them end."""
    known = dict(notice.incidents)
    for silence in silences:
        for target, incident in known.items():
            healthy_since = incident.healthy_since or 0.0
            if silence.began <= healthy_since < (silence.healthy_since or 0.0):
                known[target] = replace(incident, healthy_since=silence.healthy_since)
    return replace(notice, incidents=known)


def proved(notice: Notice, states: Mapping[str, TargetState]) -> list[Notice]:
    """Return the notice of the targets that a healthy attempt proves, and one of those that are not tested any more."""
    healthy = [t for t, incident in notice.incidents.items() if _is_healthy(incident, states)]
    gone = [t for t in notice.incidents if t != ALARM_ITSELF and t not in states and states]
    parts = ((healthy, False), (gone, True))
    return [_of(notice, targets, gone=is_gone) for targets, is_gone in parts if targets]


def _of(notice: Notice, targets: list[str], *, gone: bool) -> Notice:
    kept = {target: notice.incidents[target] for target in targets}
    return replace(notice, targets=tuple(sorted(targets)), incidents=kept, gone=gone)


def _is_healthy(incident: Incident, states: Mapping[str, TargetState]) -> bool:
    """Return whether the latest attempt since the last ALARM succeeded; of the alarm itself, those of all targets."""
    own = states.values() if incident.target == ALARM_ITSELF else filter(None, [states.get(incident.target)])
    latest = [state.latest for state in own if state.latest.at > incident.last_alarm]
    return bool(latest) and not any(attempt.failed for attempt in latest)
