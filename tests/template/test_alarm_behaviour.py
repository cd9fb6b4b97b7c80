"""Which alarms go to ALARM, when, and which stay quiet, for histories of what the canary and Lambda emit."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pytest

from infra.local.server.alarm_rules import State
from tests.template.alarm_cases import (
    ACCEPTED,
    FAILING,
    GOOD,
    MANY_TARGETS,
    ONE_TARGET,
    QUIET,
    SLOW,
    TWENTY_BAD,
    TWENTY_SLOW,
    framed,
)
from tests.template.alarm_histories import THRESHOLD_MS, Schedule
from tests.template.alarm_simulation import Datum, Transition, simulate
from tests.template.cloudformation import read
from tests.template.deployed_alarms import TOPIC, canary_alarms, stack_history
from tests.template.emitted_metrics import TARGET

TARGETS: Final = "ssm:/iot-connect-canary/fleet/targets"
LATENCY: Final = {"LatencyThresholdMilliseconds": str(THRESHOLD_MS)}
EVERY: Final = read("template.yaml")["Parameters"]["EveryMinutes"]["AllowedValues"]
GROUPED: Final = {"TargetsFailingAlarm", "UnexpectedAcceptAlarm", "SlowConnectAlarm"}

# Which alarm each kind of bad run belongs to.
OF_LETTER: Final = {"X": FAILING, "U": ACCEPTED, "!": "CanaryErrorsAlarm", "S": SLOW, "3": "CertificateAlarm"}

# Longer ups and downs of slower schedules are left to the pager.
BURSTS: Final = ("XX00", "XXX000")

every_schedule = pytest.mark.parametrize("every", EVERY)


def _cases(table: Sequence[tuple[Any, ...]]) -> list[Any]:
    return [pytest.param(*row[1:], id=row[0].replace(" ", "-")) for row in table]


def _simulated(
    alarms: Mapping[str, Any], data: Sequence[Datum], *, runs: int, every: int = 1, topic: str = "<AlarmTopic>"
) -> dict[str, list[Transition]]:
    """Return the changes from the tenth run on, by alarm or by alarm and target; each is sent to the topic."""
    simulated = simulate(alarms, data, minutes=range(len(GOOD) * every, runs * every + 2))
    assert all(each.actions == (topic,) for transitions in simulated.values() for each in transitions)
    found: dict[str, list[Transition]] = {}
    for name, transitions in simulated.items():
        for each in transitions:
            # An alarm with targets changes with the first and the last of them; that is a test of its own.
            if each.contributor or name not in GROUPED:
                found.setdefault(f"{name}/{each.contributor}" if each.contributor else name, []).append(each)
    return found


def _expected(changes: Mapping[str, str]) -> dict[str, list[tuple[int, State]]]:
    def one(change: str) -> tuple[int, State]:
        state, run = change.split()
        return int(run) + 1, State(state)

    return {name: [one(change) for change in text.split(", ")] for name, text in changes.items()}


def _changes(simulated: Mapping[str, Sequence[Transition]]) -> dict[str, list[tuple[int, State]]]:
    return {name: [(each.minute, each.state) for each in transitions] for name, transitions in simulated.items()}


def _states(simulated: Mapping[str, Sequence[Transition]]) -> dict[str, str]:
    return {name: " ".join(each.state for each in transitions) for name, transitions in simulated.items()}


@pytest.mark.parametrize(("letters", "expected"), _cases(ONE_TARGET))
def test_alarms_of_one_target(letters: str, expected: Mapping[str, str]) -> None:
    """Each alarm of the canary's stack changes when it should, and the others do not."""
    pattern = framed(letters)
    simulated = _simulated(canary_alarms(**LATENCY), stack_history({TARGET: pattern}), runs=len(pattern))
    assert _changes(simulated) == _expected(expected)


@pytest.mark.parametrize(("a", "b", "expected"), _cases(MANY_TARGETS))
def test_alarms_of_many_targets(a: str, b: str, expected: Mapping[str, str]) -> None:
    """Each target has its own state, without any list of them."""
    values = {"Name": "fleet", "Targets": TARGETS, **LATENCY}
    patterns = {"a": framed(a), "b": framed(b), "c": framed("0" * len(a))}
    simulated = _simulated(canary_alarms(**values), stack_history(patterns, values=values), runs=len(patterns["c"]))
    assert _changes(simulated) == _expected(expected)


def test_alarm_follows_its_targets() -> None:
    """An alarm with targets is itself in ALARM while one of them is."""
    patterns = {"a": framed("X" * 10 + "0" * 10), "b": framed("0" * 5 + "X" * 10 + "0" * 5)}
    transitions = simulate(canary_alarms(), stack_history(patterns), minutes=range(10, 50))["TargetsFailingAlarm"]
    assert [(each.contributor, each.minute, each.state) for each in transitions] == [
        ("a", 13, State.ALARM),
        (None, 13, State.ALARM),
        ("b", 18, State.ALARM),
        ("a", 28, State.OK),
        ("b", 33, State.OK),
        (None, 33, State.OK),
    ]


@every_schedule
def test_outage_pages_in_time(every: int) -> None:
    """An outage that begins right after a good run pages within 5, 12, 20 and 65 minutes at 1, 5, 15 and 60."""
    runs = 3 if every <= 4 else 2 if every == 5 else 1
    limit = {1: 5, 5: 12, 15: 20, 60: 65}.get(every, every * runs + 3)
    pattern = GOOD + "X" * 5
    data = stack_history({TARGET: pattern}, Schedule(every_minutes=every))
    (failing,) = _simulated(canary_alarms(EveryMinutes=str(every)), data, runs=15, every=every).values()
    began = (len(GOOD) - 1) * every
    assert failing[0].state is State.ALARM
    assert (runs - 1) * every < failing[0].minute - began <= limit


@every_schedule
def test_silence_pages_in_time(every: int) -> None:
    """Silence pages within two missed runs and three minutes, and one missed run does not page."""
    alarms = canary_alarms(EveryMinutes=str(every))
    schedule = Schedule(every_minutes=every, offsets_s=(5.0, 45.0, 20.0), delay_s=40)
    for letter in "-T":
        data = stack_history({TARGET: GOOD + letter * 4}, schedule)
        ((name, (change,)),) = _simulated(alarms, data, runs=14, every=every).items()
        assert (name, change.state) == ("SilentCanaryAlarm", State.ALARM)
        assert every < change.minute - len(GOOD) * every <= 2 * every + 3
        once = stack_history({TARGET: framed(letter)}, schedule)
        assert _simulated(alarms, once, runs=30, every=every) == {}


@every_schedule
def test_silence_is_told_before_a_recovery(every: int) -> None:
    """Of a canary that dies in an outage its silence is told before its targets' state ends."""
    data = stack_history({TARGET: GOOD + "X" * 5 + "-" * 10}, Schedule(every_minutes=every))
    simulated = _simulated(canary_alarms(EveryMinutes=str(every)), data, runs=25, every=every)
    assert _states(simulated) == {FAILING: "ALARM OK", "SilentCanaryAlarm": "ALARM"}
    assert simulated["SilentCanaryAlarm"][0].minute < simulated[FAILING][1].minute


@every_schedule
def test_broken_setting_is_told_once(every: int) -> None:
    """A function that fails at every run has its own alarm, and is not silent besides."""
    data = stack_history({TARGET: framed("!" * 10)}, Schedule(every_minutes=every))
    simulated = _simulated(canary_alarms(EveryMinutes=str(every)), data, runs=39, every=every)
    assert _states(simulated) == {"CanaryErrorsAlarm": "ALARM OK"}


@every_schedule
@pytest.mark.parametrize("runs", range(1, 8))
def test_errors_never_hide_silence(every: int, runs: int) -> None:
    """However seldom a function that is silent fails, one of the two alarms tells it, and stays."""
    pattern = GOOD + ("!" + "T" * runs) * 4
    data = stack_history({TARGET: pattern}, Schedule(every_minutes=every))
    simulated = _simulated(canary_alarms(EveryMinutes=str(every)), data, runs=len(pattern), every=every)
    assert simulated
    assert State.ALARM in {transitions[-1].state for transitions in simulated.values()}


@pytest.mark.parametrize(
    ("every", "letters"),
    [*((every, "X0" * 12) for every in EVERY), *((every, letters * 4) for every in (1, 2, 3, 4) for letters in BURSTS)],
)
def test_flapping_is_one_incident(every: int, letters: str) -> None:
    """A target that comes and goes pages once, and recovers once, when it has stayed healthy."""
    pattern = framed(letters)
    data = stack_history({TARGET: pattern}, Schedule(every_minutes=every))
    simulated = _simulated(canary_alarms(EveryMinutes=str(every)), data, runs=len(pattern), every=every)
    assert _states(simulated) == {FAILING: "ALARM OK"}


@every_schedule
def test_blip_counts_as_the_schedule_allows(every: int) -> None:
    """One bad run pages only where it was confirmed within the run."""
    data = stack_history({TARGET: framed("X")}, Schedule(every_minutes=every))
    simulated = _simulated(canary_alarms(EveryMinutes=str(every)), data, runs=31, every=every)
    assert _states(simulated) == ({} if every <= 5 else {FAILING: "ALARM OK"})


@every_schedule
def test_unexpected_accept_pages_at_once(every: int) -> None:
    """A client that should have been refused pages at its first run."""
    data = stack_history({TARGET: framed("U")}, Schedule(every_minutes=every))
    simulated = _simulated(canary_alarms(EveryMinutes=str(every)), data, runs=31, every=every)
    assert _states(simulated) == {ACCEPTED: "ALARM OK"}
    assert simulated[ACCEPTED][0].minute == len(GOOD) * every + 1


@pytest.mark.parametrize("letter", OF_LETTER)
def test_alarms_of_a_named_canary(letter: str) -> None:
    """A canary with a name of its own emits its metrics under that, and its alarms look for them there."""
    values = {"Name": "fleet", **LATENCY}
    data = stack_history({TARGET: framed(letter * 4)}, values=values)
    assert set(_simulated(canary_alarms(**values), data, runs=30)) == {OF_LETTER[letter]}
    others = stack_history({TARGET: framed(letter * 4)}, values={"Name": "other"})
    found = _simulated(canary_alarms(**values), others, runs=15)
    assert set(found) <= {"CanaryErrorsAlarm", "SilentCanaryAlarm"}


def test_thresholds_by_parameters() -> None:
    """Other thresholds draw other lines."""
    slow = stack_history({TARGET: framed("s" * 20)})
    simulated = _simulated(canary_alarms(LatencyThresholdMilliseconds=str(THRESHOLD_MS - 1)), slow, runs=50)
    assert _changes(simulated) == _expected({SLOW: TWENTY_SLOW})
    fifteen = stack_history({TARGET: framed("5" * 20)})
    simulated = _simulated(canary_alarms(CertificateDaysThreshold="16"), fifteen, runs=50)
    assert _changes(simulated) == _expected({"CertificateAlarm": "ALARM 12"})


def test_certificate_renewed() -> None:
    """Three hours after the last bad one the alarm ends."""
    data = stack_history({TARGET: framed("3" * 20) + "0" * 180})
    (transitions,) = _simulated(canary_alarms(), data, runs=230).values()
    assert [each.state for each in transitions] == [State.ALARM, State.OK]
    assert transitions[1].minute == pytest.approx(30 + 180, abs=3)


@pytest.mark.parametrize(("letter", "other"), [*((letter, "0") for letter in "0XU!S3"), ("s", "s"), ("4", "4")])
def test_two_runs_a_period(letter: str, other: str) -> None:
    """Where a healthy run shares each period with a bad one, the bad one decides; two good ones make no bad one."""
    first = stack_history({TARGET: framed(letter * 20)})
    second = stack_history({TARGET: framed(other * 20)}, Schedule(offsets_s=(9.0,)))
    simulated = _simulated(canary_alarms(**LATENCY), first + second, runs=50)
    assert set(simulated) == ({OF_LETTER[letter]} if letter in OF_LETTER else set())


def test_late_data() -> None:
    """Data that are three and a half minutes late delay the alarm and its end, and do not count as missing."""
    data = stack_history({TARGET: framed("X" * 20)}, Schedule(delay_s=210))
    simulated = _simulated(canary_alarms(), data, runs=49)
    assert _changes(simulated) == {FAILING: [(16, State.ALARM), (38, State.OK)]}


@pytest.mark.parametrize(("letters", "expected"), [("0" * 20, QUIET), ("X" * 20, {FAILING: TWENTY_BAD})])
@pytest.mark.parametrize("every", [1, 5, 60])
def test_jitter(letters: str, expected: Mapping[str, str], every: int) -> None:
    """Minutes with two runs and minutes without any neither hide an outage nor count as silence."""
    schedule = Schedule(every_minutes=every, offsets_s=(5.0, 62.0, 1.0, 58.0), delay_s=1)
    data = stack_history({TARGET: framed(letters)}, schedule)
    simulated = _simulated(canary_alarms(EveryMinutes=str(every)), data, runs=49, every=every)
    assert _states(simulated) == ({FAILING: "ALARM OK"} if expected else {})
    if expected:
        assert abs(simulated[FAILING][0].minute - (10 + (2 if every == 1 else 1 if every == 5 else 0)) * every) <= 3


@every_schedule
def test_new_stack(every: int) -> None:
    """A new stack tells nobody: neither before its first run, nor after it."""
    data = stack_history({TARGET: "-" + "0" * 10}, Schedule(every_minutes=every))
    alarms = canary_alarms(**LATENCY, EveryMinutes=str(every))
    minutes = range(1, 10 * every)
    simulated = simulate(alarms, data, minutes=minutes, state=State.INSUFFICIENT_DATA, created=0)
    assert {each.state for transitions in simulated.values() for each in transitions} == {State.OK}


def test_new_stack_that_never_runs() -> None:
    """When the warm-up is over, a stack without any run is silent."""
    alarms = {"SilentCanaryAlarm": canary_alarms()["SilentCanaryAlarm"]}
    simulated = simulate(alarms, [], minutes=range(1, 30), state=State.INSUFFICIENT_DATA, created=0)
    assert _changes(simulated) == {"SilentCanaryAlarm": [(12, State.ALARM)]}


def test_topic_of_people_is_not_the_alarms() -> None:
    """Alarms publish to the stack's own topic, also where the people have one of theirs."""
    pattern = framed("X" * 3)
    simulated = _simulated(canary_alarms(AlarmTopicArn=TOPIC), stack_history({TARGET: pattern}), runs=len(pattern))
    assert set(simulated) == {FAILING}


@every_schedule
@pytest.mark.parametrize(("letter", "alarm"), [("S", SLOW), ("3", "CertificateAlarm")])
def test_slow_or_expiring_pages_at_the_third_run(every: int, letter: str, alarm: str) -> None:
    """Three runs of any schedule fit into the window, also when they come late by different seconds."""
    schedule = Schedule(every_minutes=every, offsets_s=(5.0, 50.0, 20.0), delay_s=30)
    data = stack_history({TARGET: framed(letter * 6)}, schedule)
    simulated = _simulated(canary_alarms(EveryMinutes=str(every), **LATENCY), data, runs=16, every=every)
    assert _states(simulated) == {alarm: "ALARM"}
    assert 0 <= simulated[alarm][0].minute - (len(GOOD) + 2) * every <= 3
