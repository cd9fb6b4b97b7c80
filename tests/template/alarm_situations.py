"""Situations that the alarms are judged by: what pages, after how long, over many runs with jitter and late data.

The worst of several histories counts. In each the runs begin in a second of the minute of its own, up to 5 s late, and
their data arrive after 10 to 45 s. What begins, begins right after a good run; silence begins when a run is due.
"""

import functools
import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from infra.local.server.alarm_rules import State
from infra.shards import template as shards_template
from tests.template.alarm_histories import Schedule
from tests.template.alarm_simulation import MINUTE, Datum, Transition, simulate
from tests.template.cloudformation import ResolvedTemplate, read
from tests.template.deployed_alarms import ALARM, canary_alarms, stack_history
from tests.template.emitted_metrics import TARGET

HISTORIES: Final = 4
BEFORE: Final = 12
# Runs of a situation, and good ones after it where it ends.
LASTS: Final = 12
# Deadline of a target.
DEADLINE_S: Final = 10.0
# The pager tells a state that comes back so soon as the same incident (SettleMinutes).
SETTLE_MINUTES: Final = 15
_SECONDS: Final = (0.0, 54.0)
_JITTER_S: Final = (0.0, 5.0)
_DELAYS_S: Final = (10.0, 45.0)
_CLOCK: Final = read("template.yaml")["Mappings"]["Clock"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """An action of an alarm: minutes after the situation began, the alarm, and the target if it has one.

    One that comes `again` soon after its end is the same incident to the pager, which does not tell it.
    """

    minutes: float
    alarm: str
    target: str | None = None
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What happens to the canary and its targets; `patterns` has the letters of each target from then on.

    The alarm in `page`, if any, must page; pages of others are false.
    """

    name: str
    patterns: Callable[[int], Mapping[str, str]]
    page: str | None = None
    before: str = "0" * BEFORE
    times_out: bool = False
    new: bool = False
    shard: bool = False


def _one(letters: str) -> Callable[[int], Mapping[str, str]]:
    return lambda _every: {TARGET: letters}


def confirms(every: int) -> bool:
    """Return whether a failed attempt is tried once more within the run, as the template has it."""
    return str(_CLOCK[str(every)]["ConfirmAfterSeconds"]) != "0"


def _blips(letters: str) -> Callable[[int], Mapping[str, str]]:
    """Return single attempts that fail: where they are confirmed within the run, the second one succeeds."""
    return lambda every: {TARGET: "0" * len(letters) if confirms(every) else letters}


def _second(_every: int) -> Mapping[str, str]:
    # The first one is ill already.
    return {"first": "X" * LASTS, "second": "X" * LASTS}


FAILING, ACCEPT = "TargetsFailingAlarm", "UnexpectedAcceptAlarm"
SILENT, ERRORS = "SilentCanaryAlarm", "CanaryErrorsAlarm"
SHARD = "SilentCanaryShard001Alarm"
FLAPPING = "flapping (every other run fails)"
SITUATIONS: Final[Sequence[Situation]] = (
    Situation(name="one blip", patterns=_blips("X" + "0" * LASTS)),
    Situation(name="two blips", patterns=_blips("X000X" + "0" * LASTS)),
    Situation(name="outage", patterns=_one("X" * LASTS), page=FAILING),
    Situation(name="outage, all attempts time out", patterns=_one("X" * LASTS), page=FAILING, times_out=True),
    Situation(name=FLAPPING, patterns=_one("X0" * LASTS), page=FAILING),
    Situation(name="one ill for days, then a second", patterns=_second, page=FAILING),
    Situation(name="a refused client is let in", patterns=_one("U" + "0" * LASTS), page=ACCEPT),
    Situation(name="dead canary", patterns=_one("-" * LASTS), page=SILENT),
    Situation(
        name="outage of a canary that then dies", patterns=_one("-" * LASTS), page=SILENT, before="0" * 6 + "X" * 6
    ),
    Situation(name="throttled", patterns=_one("T" * LASTS), page=SILENT),
    Situation(name="broken setting, or a function that fails", patterns=_one("!" * LASTS), page=ERRORS),
    Situation(name="dead shard of several", patterns=_one("0" * LASTS), page=SHARD, shard=True),
    Situation(name="new stack", patterns=_one("-" + "0" * LASTS), before="", new=True),
    Situation(name="deployment (a run is missed, the next is late)", patterns=_one("-" + "0" * LASTS)),
)
BY_NAME: Final = {situation.name: situation for situation in SITUATIONS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What came of a situation in the worst of its histories: minutes to the page, and numbers of pages.

    `pages` are what the pager tells; `actions` is how often CloudWatch acts.
    """

    to_page: float | None
    missed: int
    false: int
    pages: int
    actions: int
    hours: float


@functools.cache
def judged(name: str, every: int) -> Judged:
    """Return what the alarms make of a situation with a run every so many minutes."""
    situation = BY_NAME[name]
    found = [_actions(situation, every, seed) for seed in range(HISTORIES)]
    wanted = [[page for page in pages if page.alarm == situation.page and page.target != "first"] for pages in found]
    first = [pages[0].minutes for pages in wanted if pages]
    return Judged(
        to_page=max(first, default=None),
        missed=sum(not pages for pages in wanted) if situation.page else 0,
        false=sum(len(pages) for pages in found) - sum(len(pages) for pages in wanted),
        pages=max(sum(not page.again for page in pages) for pages in found),
        actions=max(len(pages) for pages in found),
        hours=len(next(iter(situation.patterns(every).values()))) * every / 60,
    )


def _actions(situation: Situation, every: int, seed: int) -> list[Page]:
    """Return the alarms' actions in one history, from the situation's beginning on."""
    schedule = _schedule(every, seed, times_out=situation.times_out)
    patterns = {name: _before(situation, name) + letters for name, letters in situation.patterns(every).items()}
    runs = len(next(iter(patterns.values())))
    transitions = simulate(
        _alarms(situation, every),
        _data(situation, patterns, schedule),
        minutes=range(1 if situation.new else every, runs * every + 1),
        state=State.INSUFFICIENT_DATA if situation.new else State.OK,
        created=0 if situation.new else None,
    )
    start = _began(situation, schedule)
    pages = [page for alarm, changes in transitions.items() for page in _of_alarm(alarm, changes, start)]
    return sorted(pages, key=lambda page: page.minutes)


def _began(situation: Situation, schedule: Schedule) -> float:
    """Return the second in which the situation begins."""
    if not situation.before:
        return 0.0
    if situation.page in {SILENT, SHARD}:
        return schedule.begins(len(situation.before))
    return schedule.begins(len(situation.before) - 1)


def _of_alarm(alarm: str, changes: Iterable[Transition], start: float) -> Iterator[Page]:
    healthy_since: dict[str | None, int] = {}
    for each in changes:
        if each.contributor is None and alarm in _BY_TARGET:
            continue
        if each.state is not State.ALARM:
            healthy_since[each.contributor] = each.minute
        elif each.minute * MINUTE > start:
            again = each.minute - healthy_since.get(each.contributor, -SETTLE_MINUTES) < SETTLE_MINUTES
            yield Page(minutes=each.minute - start / MINUTE, alarm=alarm, target=each.contributor, again=again)


_BY_TARGET: Final = {FAILING, ACCEPT, "SlowConnectAlarm"}


def _before(situation: Situation, target: str) -> str:
    return "X" * len(situation.before) if target == "first" else situation.before


def _schedule(every: int, seed: int, *, times_out: bool) -> Schedule:
    chance = random.Random(seed)  # noqa: S311 - a history that is the same each time
    second = chance.uniform(*_SECONDS)
    offsets = tuple(second + chance.uniform(*_JITTER_S) for _ in range(29))
    waits = (
        DEADLINE_S + (int(_CLOCK[str(every)]["ConfirmAfterSeconds"]) + DEADLINE_S if confirms(every) else 0.0)
    ) * times_out
    return Schedule(every_minutes=every, offsets_s=offsets, delay_s=chance.uniform(*_DELAYS_S) + waits)


def _data(situation: Situation, patterns: Mapping[str, str], schedule: Schedule) -> list[Datum]:
    if not situation.shard:
        return stack_history(patterns, schedule)
    ((target, letters),) = patterns.items()
    dead = {f"{target}-of-the-first": "0" * BEFORE + "-" * (len(letters) - BEFORE)}
    # The function's own metrics go on, for the shards share it.
    first = [each for each in stack_history(dead, schedule, shard="shard-001") if each.metric.namespace != "AWS/Lambda"]
    return [*first, *stack_history(patterns, schedule, shard="shard-002")]


def _alarms(situation: Situation, every: int) -> dict[str, Any]:
    alarms = canary_alarms(EveryMinutes=str(every))
    return {**alarms, **shard_alarms(every)} if situation.shard else alarms


@functools.cache
def shard_alarms(every: int) -> Mapping[str, Any]:
    """Return the alarms of two shards of the canary, resolved as CloudFormation would."""
    made = shards_template("stack-name", [[{"name": "a"}], [{"name": "b"}]], every=every)
    values = {"FunctionName": "<CanaryFunction>", "AlarmTopicArn": "<AlarmTopic>"}
    return ResolvedTemplate(template=json.loads(json.dumps(made)), values=values).of_type(ALARM)
