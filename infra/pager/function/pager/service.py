"""What the pager does about an alarm's message and about a tick."""

import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pager.attempts import Evidence
from pager.channels import send
from pager.compose import compose, compose_raw
from pager.event import ALARM, AlarmMessage, parse
from pager.evidence import evidence_for
from pager.failed_runs import PATTERN as RUNS
from pager.failed_runs import failed_run, newest_run, record_of_run
from pager.history import LOOK_BACK_S, HistoryReader, with_message
from pager.incidents import Incident, Transition, began, incidents
from pager.kinds import Kind, Subject, kind_of
from pager.log_reader import LogReader
from pager.notices import ALARM_ITSELF, Event, Notice, Rules, Told, decide, leads
from pager.own_log import log
from pager.page import Page
from pager.recoveries import Recoveries
from pager.sent_pages import PATTERN, record_of, told_in
from pager.settings import Settings
from pager.situation import Situation, shown_attempt
from pager.text import clean

# A target that CloudWatch has no state of its own for is told once it has failed so many times in a row.
_RUNS_TO_TELL = 3
_STAGGER_STEPS = 4
_RUNS_BEFORE_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PagerService:
    """The pager's work, with boto3's clients by name."""

    settings: Settings
    client: Callable[[str], Any]

    def on_message(self, raw: str) -> None:
        """Tell what an alarm's message is about, unless it was told or another invocation tells it."""
        run = failed_run(raw, time.time())
        if run:
            print(record_of_run(run))
            return
        message = parse(raw, time.time())
        if message is None or not message.alarm.startswith(f"{self.settings.stack}-"):
            self._send(compose_raw(raw, "it is not of an alarm of this stack"))
            return
        missing: list[str] = []
        kind = kind_of(message.alarm, self.settings.stack)
        if kind.by_target and message.state == ALARM:
            time.sleep(self.settings.collect_s)
        known, told = self._known(message, missing), self._told(missing)
        if kind.by_target and not message.target and any(known):
            # The messages of its targets come too; the first one tells, so this one looks again.
            time.sleep(self.settings.collect_s * (1 + zlib.crc32(raw.encode()) % _STAGGER_STEPS))
            told = self._told(missing)
        for notice in self._due_now(kind, message.alarm, known, told):
            new = {target: notice.incidents[target] for target in notice.targets}
            if notice.event is Event.RECOVERED or (message.state == ALARM and leads(message.target, new)):
                self._tell(kind, notice, message, tuple(missing))

    def _due_now(self, kind: Kind, alarm: str, known: Mapping[str, Incident], told: list[Told]) -> list[Notice]:
        """Return what a message makes due; a recovery that cannot be proved now is left to the tick."""
        due = self._due(alarm, known, told, tick=False)
        try:
            return self._provable(kind, due, told)
        except Exception as error:  # noqa: BLE001 - what is new is told all the same
            log("recoveries not looked at", error=clean(error, 200))
            return [notice for notice in due if notice.event is not Event.RECOVERED]

    def _provable(self, kind: Kind, due: list[Notice], told: list[Told]) -> list[Notice]:
        recoveries = Recoveries(settings=self.settings, client=self.client)
        return recoveries.provable(kind, due, self._alarms(told), time.time())

    def _alarms(self, told: list[Told]) -> list[str]:
        """Return the alarms of the stack, and those of its shards that were told."""
        return sorted({*self.settings.alarms, *(each.alarm for each in told)})

    def on_tick(self) -> None:
        """Tell what lasts untold, what recovered, and what is due for a reminder; raise after all alarms were tried."""
        problems: list[Exception] = []
        told = told_in(self._own_log())
        for alarm in self._alarms(told):
            try:
                self._look_after(alarm, told)
            except Exception as error:  # noqa: BLE001 - the other alarms are looked after first
                problems.append(error)
        if problems:
            raise ExceptionGroup("alarms that were not looked after", problems)

    def _look_after(self, alarm: str, told: list[Told]) -> None:
        now, kind = time.time(), kind_of(alarm, self.settings.stack)
        known = incidents(HistoryReader(client=self.client("cloudwatch")).read(alarm, now), self.settings.settle_s)
        if kind.subject is Subject.TARGETS and known.keys() == {ALARM_ITSELF} and known[ALARM_ITSELF].in_alarm:
            known = {**known, **self._of_log(kind, known[ALARM_ITSELF], now)}
        due = self._provable(kind, self._due(alarm, known, told, tick=True), told)
        if due and not self._is_muted(alarm):
            for notice in due:
                self._tell(kind, notice, None, ())

    def _of_log(self, kind: Kind, alarm: Incident, now: float) -> dict[str, Incident]:
        """Return an incident for each target that keeps failing, where CloudWatch keeps no state by target."""
        states = self._evidence(kind, alarm.began, now).states
        lasting = {t: s.failing_since for t, s in states.items() if s.failing_since and s.runs_in_row >= _RUNS_TO_TELL}
        return {
            target: Incident(target=target, began=max(since, alarm.began), last_alarm=since)
            for target, since in lasting.items()
        }

    def _known(self, message: AlarmMessage, missing: list[str]) -> dict[str, Incident]:
        own = Transition(at=message.at, target=message.target, state=message.state)
        try:
            history = HistoryReader(client=self.client("cloudwatch")).read(message.alarm, time.time())
        except Exception as error:  # noqa: BLE001 - the page goes out all the same
            missing.append(f"the alarm's history ({clean(error, 200)})")
            history = []
        return incidents(with_message(history, own), self.settings.settle_s)

    def _told(self, missing: list[str]) -> list[Told]:
        try:
            return told_in(self._own_log())
        except Exception as error:  # noqa: BLE001 - a page too many is better than none
            missing.append(f"what was told already ({clean(error, 200)})")
            return []

    def _own_log(self) -> Iterable[Any]:
        reader = LogReader(client=self.client("logs"), group=self.settings.own_log_group)
        return reader.read(time.time() - LOOK_BACK_S, PATTERN)

    def _due(self, alarm: str, known: Mapping[str, Incident], told: list[Told], *, tick: bool) -> list[Notice]:
        return decide(alarm, known, told, time.time(), Rules(remind_s=self.settings.remind_s, tick=tick))

    def _is_muted(self, alarm: str) -> bool:
        try:
            return HistoryReader(client=self.client("cloudwatch")).muted(alarm)
        except Exception as error:  # noqa: BLE001 - told rather than lost
            log("mute rules not read", error=clean(error, 200))
            return False

    def _evidence(self, kind: Kind, since: float, now: float) -> Evidence:
        reader = LogReader(client=self.client("logs"), group=self.settings.log_group)
        found = evidence_for(kind, reader, began=since, now=now, period_s=self.settings.period_s)
        if kind.subject not in {Subject.SILENCE, Subject.ERRORS}:
            return found
        own = LogReader(client=self.client("logs"), group=self.settings.own_log_group)
        try:
            run = newest_run(own.read(since - _RUNS_BEFORE_S, RUNS))
            return replace(found, run=run.text if run else "")
        except Exception as error:  # noqa: BLE001 - the page goes out all the same
            return replace(found, missing=(*found.missing, f"what Lambda says of its runs ({clean(error, 200)})"))

    def _tell(self, kind: Kind, notice: Notice, message: AlarmMessage | None, missing: tuple[str, ...]) -> None:
        now = time.time()
        evidence = self._evidence(kind, began(notice.incidents, now), now)
        evidence = replace(evidence, missing=(*missing, *evidence.missing))
        situation = Situation(
            settings=self.settings, kind=kind, notice=notice, evidence=evidence, now=now, message=message
        )
        if self._is_anothers(situation):
            log("left to the security alarm", alarm=notice.alarm)
        else:
            self._send(compose(situation))
        shown = (shown_attempt(state).target for state in (situation.failing() if kind.of_failures else []))
        targets = tuple(sorted({*notice.targets, *shown} if notice.event is not Event.RECOVERED else notice.targets))
        print(record_of(Told(at=now, alarm=notice.alarm, event=notice.event, targets=targets)))

    def _is_anothers(self, situation: Situation) -> bool:
        """Return whether all that fails is told by the security alarm's page."""
        if situation.kind.subject is not Subject.TARGETS or situation.notice.event is Event.RECOVERED:
            return False
        has_other = any(kind_of(each, self.settings.stack).subject is Subject.SECURITY for each in self.settings.alarms)
        states = situation.evidence.states.values()
        return has_other and any(state.failed for state in states) and not situation.failing()

    def _send(self, page: Page) -> None:
        send(page, self.settings, self.client)
