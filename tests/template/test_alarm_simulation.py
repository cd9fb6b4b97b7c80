"""The simulation of alarms: which metric it evaluates for an alarm, and which actions it sends."""

from typing import Any, Final

import pytest

from infra.local.server.alarm_rules import State, rule_of
from tests.template.alarm_simulation import Datum, Metric, Transition, muted, simulate

ALARM: Final[dict[str, Any]] = {
    "Namespace": "N",
    "MetricName": "M",
    "Dimensions": [{"Name": "D", "Value": "d"}],
    "Statistic": "Minimum",
    "Period": "60",
    "EvaluationPeriods": "2",
    "Threshold": "1",
    "ComparisonOperator": "LessThanThreshold",
    "TreatMissingData": "ignore",
    "AlarmActions": ["topic"],
}
OWN: Final = Metric(namespace="N", name="M", dimensions=frozenset({("D", "d")}))
RANG: Final = [Transition(minute=2, state=State.ALARM, actions=("topic",))]


def _bad(metric: Metric = OWN, *, delay_s: float = 0) -> list[Datum]:
    """Return two bad values, one a minute."""
    times = (5.0, 65.0)
    return [Datum(metric=metric, value=0, unit="Count", timestamp=at, arrival=at + delay_s) for at in times]


def _changes(data: list[Datum], **properties: Any) -> list[Transition]:
    return simulate({"alarm": {**ALARM, **properties}}, data, minutes=range(1, 5))["alarm"]


def test_alarm_on_its_own_metric() -> None:
    """Two bad values raise the alarm when the second minute is over."""
    assert _changes(_bad()) == RANG


@pytest.mark.parametrize(
    "metric",
    [
        Metric(namespace="N", name="M", dimensions=frozenset()),
        Metric(namespace="N", name="M", dimensions=frozenset({("D", "d"), ("E", "e")})),
        Metric(namespace="N", name="M", dimensions=frozenset({("D", "other")})),
        Metric(namespace="N", name="other", dimensions=OWN.dimensions),
        Metric(namespace="other", name="M", dimensions=OWN.dimensions),
    ],
)
def test_alarm_on_another_metric(metric: Metric) -> None:
    """A metric that differs in anything is another metric; CloudWatch adds nothing up."""
    assert _changes(_bad(metric)) == []


def test_alarm_of_a_unit() -> None:
    """An alarm that names a unit sees the values of that unit only."""
    assert _changes(_bad(), Unit="Count") == RANG
    assert _changes(_bad(), Unit="Seconds") == []


def test_data_seen_from_their_arrival() -> None:
    """A value belongs to its own minute, however late it comes."""
    assert [change.minute for change in _changes(_bad(delay_s=60))] == [3]


@pytest.mark.parametrize("properties", [{"ActionsEnabled": "false"}, {"ActionsEnabled": False}, {"AlarmActions": []}])
def test_alarm_that_tells_nobody(properties: dict[str, Any]) -> None:
    """The state changes all the same."""
    assert _changes(_bad(), **properties) == [Transition(minute=2, state=State.ALARM, actions=())]


def test_defaults_are_cloudwatchs() -> None:
    """All periods make an alarm, and missing data are missing, unless the template says otherwise."""
    rule = rule_of({key: value for key, value in ALARM.items() if key != "TreatMissingData"})
    assert (rule.datapoints_to_alarm, rule.missing) == (2, "missing")


def test_unknown_property_refused() -> None:
    """A property that is not simulated is an error, and not an alarm that seems to work."""
    with pytest.raises(ValueError, match="EvaluationWindow"):
        _changes([], EvaluationWindow={"WallClockWindow": {}})


def _muted(*changes: tuple[int, State]) -> list[tuple[int, State]]:
    """Return when which actions are taken if the alarm is muted from minute 10 to minute 20."""
    transitions = [Transition(minute=at, state=state, actions=("topic",)) for at, state in changes]
    actions = dict.fromkeys(State, ("topic",))
    return [(each.minute, each.state) for each in muted(transitions, range(10, 20), actions) if each.actions]


def test_mute_hides_what_is_over() -> None:
    """Of an incident within the window only its end is told, when the window ends: that is the state that lasts."""
    assert _muted((12, State.ALARM), (15, State.OK)) == [(20, State.OK)]


def test_muted_incident_that_lasts_is_told_afterwards() -> None:
    """An alarm that went to ALARM in the window, and is in it still, acts when the window ends."""
    assert _muted((12, State.ALARM), (25, State.OK)) == [(20, State.ALARM), (25, State.OK)]


def test_mute_leaves_what_began_before() -> None:
    """What was told before the window is not told again, and what begins after it is told as ever."""
    assert _muted((5, State.ALARM), (22, State.OK)) == [(5, State.ALARM), (22, State.OK)]


def test_contributors_are_muted_each() -> None:
    """A target that is ill since the window is told at its end, one that recovered in it as recovered."""
    changes = [("a", 12, State.ALARM), ("b", 5, State.ALARM), ("b", 14, State.OK)]
    transitions = [Transition(minute=at, state=s, actions=("topic",), contributor=name) for name, at, s in changes]
    told = muted(transitions, range(10, 20), dict.fromkeys(State, ("topic",)))
    assert [(each.contributor, each.minute, each.state) for each in told if each.actions] == [
        ("b", 5, State.ALARM),
        ("a", 20, State.ALARM),
        ("b", 20, State.OK),
    ]
