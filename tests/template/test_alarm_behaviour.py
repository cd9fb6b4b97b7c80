"""Which alarms go to ALARM, when, and which stay quiet, for histories of what the canary and Lambda emit."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pytest

from connect_canary.config.settings import BY_KEY
from infra.local.server.alarm_rules import State
from tests.template.alarm_cases import BY_TARGET, CANARY_WIDE, GOOD, ONE_TARGET, QUIET, TWENTY_BAD, framed
from tests.template.alarm_histories import THRESHOLD_MS, Schedule, history
from tests.template.alarm_simulation import Datum, Transition, simulate
from tests.template.cloudformation import canary, read
from tests.template.deployed_alarms import TOPIC, canary_alarms, target_alarms
from tests.template.emitted_metrics import CANARY, TARGET

TARGETS: Final = "ssm:/iot-connect-canary/fleet/targets"
LATENCY: Final = {"LatencyThresholdMilliseconds": str(THRESHOLD_MS)}
PERIODS: Final = read("template.yaml")["Parameters"]["SchedulePeriodSeconds"]["AllowedValues"]

# Which alarm of the canary, and which of the target's own, each kind of bad run belongs to.
OF_LETTER: Final = {
    "X": "FailedConnectsAlarm",
    "!": "CanaryErrorsAlarm",
    "S": "LatencyAlarm",
    "3": "CertificateAlarm",
}
OWN_OF_LETTER: Final = {
    "X": f"FailedConnects{TARGET}Alarm",
    "S": f"Latency{TARGET}Alarm",
}

every_minute_or_five = pytest.mark.parametrize("period_s", [60, 300])


def _cases(table: Sequence[tuple[Any, ...]]) -> list[Any]:
    return [pytest.param(*row[1:], id=row[0].replace(" ", "-")) for row in table]


def _own_alarms(**values: str) -> dict[str, Any]:
    own = {"Canary": CANARY, "AlarmTopicArn": TOPIC}
    return target_alarms(TARGET, **own, **values)


def _history(patterns: Mapping[str, str], schedule: Schedule, **values: str) -> list[Datum]:
    """Return the data that the stack's own canary emits: under the names that the stack gives to it."""
    stack = canary(**values)
    (function,) = stack.of_type("AWS::Serverless::Function")
    name = stack.resources[function]["Properties"]["Environment"]["Variables"][BY_KEY["name"].variable]
    return history(patterns, canary=name, function=f"<{function}>", schedule=schedule)


def _simulated(
    alarms: Mapping[str, Any], data: Sequence[Datum], *, runs: int, every_minutes: int = 1, topic: str = "<AlarmTopic>"
) -> dict[str, list[Transition]]:
    """Return the changes from the tenth run on; each is sent to the topic."""
    simulated = simulate(alarms, data, minutes=range(len(GOOD) * every_minutes, runs * every_minutes + 2))
    assert all(each.actions == (topic,) for transitions in simulated.values() for each in transitions)
    return {name: transitions for name, transitions in simulated.items() if transitions}


def _expected(changes: Mapping[str, str], every_minutes: int = 1) -> dict[str, list[tuple[int, State]]]:
    def one(change: str) -> tuple[int, State]:
        state, run = change.split()
        return int(run) * every_minutes + 1, State(state)

    return {name: [one(change) for change in text.split(", ")] for name, text in changes.items()}


def _changes(simulated: Mapping[str, Sequence[Transition]]) -> dict[str, list[tuple[int, State]]]:
    return {name: [(each.minute, each.state) for each in transitions] for name, transitions in simulated.items()}


def _schedule(period_s: int) -> dict[str, str]:
    minutes = period_s // 60
    unit = "minute" if minutes == 1 else "minutes"
    return {"Schedule": f"rate({minutes} {unit})", "SchedulePeriodSeconds": str(period_s)}


@every_minute_or_five
@pytest.mark.parametrize(("letters", "expected"), _cases(ONE_TARGET))
def test_alarms_of_one_target(letters: str, expected: Mapping[str, str], period_s: int) -> None:
    """Each alarm of the canary's stack changes when it should, and the others do not."""
    minutes, pattern = period_s // 60, framed(letters)
    alarms = canary_alarms(**LATENCY, **_schedule(period_s))
    data = _history({TARGET: pattern}, Schedule(every_minutes=minutes))
    simulated = _simulated(alarms, data, runs=len(pattern), every_minutes=minutes)
    assert _changes(simulated) == _expected(expected, minutes)


@every_minute_or_five
@pytest.mark.parametrize(("a", "b", "expected"), _cases(CANARY_WIDE))
def test_canary_wide_alarms_of_many_targets(a: str, b: str, expected: Mapping[str, str], period_s: int) -> None:
    """One unhealthy target of several is enough; alarms of single targets are not evaluated here."""
    minutes, values = period_s // 60, {"Name": "fleet", "Targets": TARGETS, **LATENCY, **_schedule(period_s)}
    patterns = {"a": framed(a), "b": framed(b), "c": "0" * len(framed(a))}
    data = _history(patterns, Schedule(every_minutes=minutes), **values)
    simulated = _simulated(canary_alarms(**values), data, runs=len(patterns["c"]), every_minutes=minutes)
    assert _changes(simulated) == _expected(expected, minutes)


@every_minute_or_five
@pytest.mark.parametrize(("a", "b", "expected"), _cases(BY_TARGET))
def test_alarms_by_target(a: str, b: str, expected: Mapping[str, str], period_s: int) -> None:
    """A target's own alarms follow that target alone, and its silence is an alarm too."""
    minutes, patterns = period_s // 60, {"a": framed(a), "b": framed(b), "c": "0" * len(framed(a))}
    data = _history(patterns, Schedule(every_minutes=minutes), Name="fleet", Targets=TARGETS)
    values = {"Canary": "fleet", "AlarmTopicArn": TOPIC, **LATENCY}
    alarms = target_alarms(*patterns, **values, SchedulePeriodSeconds=str(period_s))
    simulated = _simulated(alarms, data, runs=len(patterns["c"]), every_minutes=minutes, topic=TOPIC)
    assert _changes(simulated) == _expected(expected, minutes)


@pytest.mark.parametrize(("period_s", "ill", "silent"), [(60, 3, 5), (300, 11, 21), (3600, 121, 241)])
def test_time_to_alarm(period_s: int, ill: int, silent: int) -> None:
    """The minutes from the first bad or missing run to the notification."""
    minutes, alarms = period_s // 60, canary_alarms(**_schedule(period_s))
    for letter, alarm, expected in (("X", "FailedConnectsAlarm", ill), ("-", "SilentCanaryAlarm", silent)):
        data = _history({TARGET: GOOD + letter * 10}, Schedule(every_minutes=minutes))
        ((name, (change,)),) = _simulated(alarms, data, runs=20, every_minutes=minutes).items()
        assert (name, change.minute - len(GOOD) * minutes) == (alarm, expected)


@pytest.mark.parametrize("period_s", PERIODS)
def test_every_period_on_offer(period_s: int) -> None:
    """Whatever period is chosen, an outage of five runs raises an alarm, and its end is reported."""
    minutes, pattern = period_s // 60, GOOD + "X" * 5 + "0" * 5
    data = _history({TARGET: pattern}, Schedule(every_minutes=minutes))
    simulated = _simulated(canary_alarms(**_schedule(period_s)), data, runs=len(pattern), every_minutes=minutes)
    assert _changes(simulated) == _expected({"FailedConnectsAlarm": "ALARM 12, OK 17"}, minutes)


@every_minute_or_five
@pytest.mark.parametrize("letter", ["X", "!", "S", "3"])
def test_evaluation_by_parameters(letter: str, period_s: int) -> None:
    """With 2 of 4, two bad runs that are three apart are enough, and two that are four apart are not."""
    minutes, evaluation = period_s // 60, {"AlarmDatapointsToAlarm": "2", "AlarmEvaluationPeriods": "4", **LATENCY}
    alarms = canary_alarms(**evaluation, **_schedule(period_s))
    own = _own_alarms(**evaluation, SchedulePeriodSeconds=str(period_s))
    enough = _history({TARGET: framed(f"{letter}00{letter}")}, Schedule(every_minutes=minutes))
    for topic, each, name in (("<AlarmTopic>", alarms, OF_LETTER[letter]), (TOPIC, own, OWN_OF_LETTER.get(letter))):
        simulated = _simulated(each, enough, runs=30, every_minutes=minutes, topic=topic)
        assert _changes(simulated) == _expected({name: "ALARM 13, OK 14"} if name else {}, minutes)
    few = _history({TARGET: framed(f"{letter}000{letter}")}, Schedule(every_minutes=minutes))
    assert _simulated({**alarms, **own}, few, runs=30, every_minutes=minutes) == {}


@pytest.mark.parametrize("letter", OF_LETTER)
def test_alarms_of_a_named_canary(letter: str) -> None:
    """A canary with a name of its own emits its metrics under that, and its alarms look for them there."""
    values = {"Name": "fleet", **LATENCY}
    data = _history({TARGET: framed(letter * 4)}, Schedule(), **values)
    simulated = _simulated(canary_alarms(**values), data, runs=30)
    assert _changes(simulated) == _expected({OF_LETTER[letter]: "ALARM 12, OK 16"})


def test_silence_by_parameters() -> None:
    """With 2 of 4, two periods that are empty, and two in doubt, are silence, and one run ends it."""
    alarms = canary_alarms(AlarmDatapointsToAlarm="2", AlarmEvaluationPeriods="4")
    data = _history({TARGET: framed("-" * 10)}, Schedule())
    simulated = _simulated(alarms, data, runs=30)
    assert _changes(simulated) == _expected({"SilentCanaryAlarm": "ALARM 13, OK 20"})


def test_thresholds_by_parameters() -> None:
    """Other thresholds draw other lines."""
    slow = _history({TARGET: framed("s" * 20)}, Schedule())
    simulated = _simulated(canary_alarms(LatencyThresholdMilliseconds=str(THRESHOLD_MS - 1)), slow, runs=50)
    assert _changes(simulated) == _expected({"LatencyAlarm": TWENTY_BAD})
    fifteen = _history({TARGET: framed("5" * 20)}, Schedule())
    simulated = _simulated(canary_alarms(CertificateDaysThreshold="16"), fifteen, runs=50)
    assert _changes(simulated) == _expected({"CertificateAlarm": TWENTY_BAD})


@every_minute_or_five
@pytest.mark.parametrize(("letter", "other"), [*((letter, "0") for letter in "0X!S3"), ("s", "s"), ("4", "4")])
def test_two_runs_a_period(letter: str, other: str, period_s: int) -> None:
    """Where a healthy run shares each period with a bad one, the bad one decides; two good ones make no bad one."""
    minutes = period_s // 60
    first = _history({TARGET: framed(letter * 20)}, Schedule(every_minutes=minutes))
    second = _history({TARGET: framed(other * 20)}, Schedule(every_minutes=minutes, offsets_s=(9.0,)))
    alarms = canary_alarms(**LATENCY, **_schedule(period_s))
    own = _own_alarms(**LATENCY, SchedulePeriodSeconds=str(period_s))
    for topic, each, names in (("<AlarmTopic>", alarms, OF_LETTER), (TOPIC, own, OWN_OF_LETTER)):
        simulated = _simulated(each, first + second, runs=50, every_minutes=minutes, topic=topic)
        expected = {names[letter]: TWENTY_BAD} if letter in names else {}
        assert _changes(simulated) == _expected(expected, minutes)


def test_late_data() -> None:
    """Data that are three and a half minutes late delay the alarm and its end, and do not count as missing."""
    data = _history({TARGET: framed("X" * 20)}, Schedule(delay_s=210))
    simulated = _simulated(canary_alarms(), data, runs=49)
    assert _changes(simulated) == {"FailedConnectsAlarm": [(16, State.ALARM), (35, State.OK)]}


@pytest.mark.parametrize(("letters", "expected"), [("0" * 20, QUIET), ("X" * 20, {"FailedConnectsAlarm": TWENTY_BAD})])
def test_jitter(letters: str, expected: Mapping[str, str]) -> None:
    """Minutes with two runs and minutes without any neither hide an outage nor count as silence."""
    schedule = Schedule(offsets_s=(5.0, 62.0, 1.0, 58.0), delay_s=1)
    simulated = _simulated(canary_alarms(), _history({TARGET: framed(letters)}, schedule), runs=49)
    assert _changes(simulated).keys() == expected.keys()
    for name, changes in _expected(expected).items():
        assert [state for _, state in _changes(simulated)[name]] == [state for _, state in changes]
        assert all(abs(a - b) <= 2 for (a, _), (b, _) in zip(_changes(simulated)[name], changes, strict=True))


def test_new_stack() -> None:
    """A canary that never ran is silent until its first run; no other alarm changes."""
    data = _history({TARGET: "---" + "0" * 10}, Schedule())
    simulated = simulate(canary_alarms(**LATENCY), data, minutes=range(1, 14), state=State.INSUFFICIENT_DATA)
    assert _changes({"SilentCanaryAlarm": simulated.pop("SilentCanaryAlarm")}) == {
        "SilentCanaryAlarm": [(1, State.ALARM), (4, State.OK)]
    }
    assert {name: [each.state for each in transitions] for name, transitions in simulated.items()} == {
        name: [State.OK] for name in ("FailedConnectsAlarm", "CanaryErrorsAlarm", "LatencyAlarm", "CertificateAlarm")
    }
