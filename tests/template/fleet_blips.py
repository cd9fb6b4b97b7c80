"""False pages of a fleet whose single attempts fail now and then, each independently of the others.

Only runs in which enough blips of one target come close together are simulated; fewer never page, which
test_alarm_behaviour.py shows. Where a failed attempt is confirmed within the run, both must fail.
"""

import functools
import random
from collections.abc import Iterable, Iterator
from typing import Final

from infra.local.server.alarm_rules import State
from tests.template.alarm_histories import Schedule
from tests.template.alarm_simulation import Properties, simulate
from tests.template.alarm_situations import FAILING, confirms
from tests.template.deployed_alarms import canary_alarms, stack_history
from tests.template.emitted_metrics import TARGET

TARGETS: Final = 100
_MINUTES_PER_DAY: Final = 24 * 60


@functools.cache
def false_pages_per_day(every: int, attempts_that_fail: float, days: int) -> float:
    """Return the false pages of a hundred targets, averaged over so many days."""
    share = attempts_that_fail**2 if confirms(every) else attempts_that_fail
    runs = TARGETS * days * _MINUTES_PER_DAY // every
    alarm = canary_alarms(EveryMinutes=str(every))[FAILING]
    reach = int(alarm["EvaluationPeriods"]) // every + 2
    needed = int(alarm["DatapointsToAlarm"])
    clusters = (each for each in _clusters(_bad_runs(runs, share), reach) if len(each) >= needed)
    return sum(_pages(alarm, cluster, every) for cluster in clusters) / days


def _bad_runs(runs: int, share: float) -> Iterator[int]:
    """Yield the numbers of the bad runs of all targets, one target's runs after the other's."""
    chance, run = random.Random(2026), -1  # noqa: S311 - the same history each time
    while (run := run + 1 + int(chance.expovariate(share))) < runs:
        yield run


def _clusters(bad_runs: Iterable[int], reach: int) -> Iterator[list[int]]:
    """Yield the bad runs in groups in which none is further than `reach` runs from the next."""
    group: list[int] = []
    for run in bad_runs:
        if group and run - group[-1] > reach:
            yield group
            group = []
        group.append(run)
    if group:
        yield group


def _pages(alarm: Properties, cluster: list[int], every: int) -> int:
    first, last = cluster[0], cluster[-1]
    letters = "".join("X" if run in cluster else " " for run in range(first, last + 1))
    data = stack_history({TARGET: letters}, Schedule(every_minutes=every))
    minutes = range(1, (last - first + 2) * every + int(alarm["EvaluationPeriods"]) + 4)
    transitions = simulate({FAILING: alarm}, data, minutes=minutes)[FAILING]
    return sum(each.state is State.ALARM for each in transitions if each.contributor)
