"""Alarms with a state for each series: missing datapoints, series that come and go, and limits, as complete tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pytest

from infra.local.server.alarm_metrics import GroupedRule, grouped_rule_of
from infra.local.server.alarm_rules import MetricSample, State
from infra.local.server.grouped_alarms import NO_DATA, Contributor, GroupedEvaluation, contributor_id, evaluate_grouped
from infra.local.server.metrics_insights import Series

QUERY: Final = "SELECT MIN(M) FROM SCHEMA(N, Target) GROUP BY Target ORDER BY MIN() ASC LIMIT 500"
NOW: Final = 6000.0
MINUTE: Final = 60.0
OK, ALARM = State.OK, State.ALARM


def _grouped(**changes: Any) -> GroupedRule:
    alarm = {
        "Metrics": [{"Id": "q", "Expression": QUERY, "Period": 60, "ReturnData": True}],
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": 2,
        "Threshold": 1,
        "ComparisonOperator": "LessThanThreshold",
        **changes,
    }
    rule = grouped_rule_of(alarm)
    assert rule is not None
    return rule


def _series(name: str, points: str) -> Series:
    """Return a series of one character a minute, oldest first: X breaches, O does not, - is missing."""
    minutes = [
        MetricSample(timestamp=NOW - (len(points) - index) * MINUTE + 5, value=0.0 if point == "X" else 1.0)
        for index, point in enumerate(points)
        if point != "-"
    ]
    return Series(namespace="N", name="M", dimensions={"Target": name}, samples=minutes)


def _known(state: State, name: str = "a") -> Contributor:
    return Contributor(attributes={"Target": name}, state=state, reason="before", since=1.0)


def _evaluate(points: dict[str, str], *known: Contributor, state: State = OK, **changes: Any) -> GroupedEvaluation:
    series = [_series(name, each) for name, each in points.items()]
    return evaluate_grouped(_grouped(**changes), series, NOW, known=known, state=state)


def _states(contributors: Sequence[Contributor]) -> dict[str, State]:
    return {contributor.attributes["Target"]: contributor.state for contributor in contributors}


# Datapoints of the last five minutes of a series that was OK, and its state for each treatment of missing ones: two of
# three must breach. The query guide: "the treat missing data treatment is applied for individual datapoints".
MISSING: Final[dict[str, tuple[State, State, State, State]]] = {
    #         breaching notBreaching ignore missing
    "OOOOO": (OK, OK, OK, OK),
    "OOOXX": (ALARM, ALARM, ALARM, ALARM),
    "OOXOX": (ALARM, ALARM, ALARM, ALARM),
    "OOOOX": (OK, OK, OK, OK),
    "----O": (ALARM, OK, OK, OK),
    "----X": (ALARM, OK, OK, OK),
    "---XX": (ALARM, ALARM, ALARM, ALARM),
    "---OX": (ALARM, OK, OK, OK),
    # Older datapoints replace missing ones first.
    "XX---": (ALARM, ALARM, ALARM, ALARM),
    "X----": (ALARM, OK, OK, ALARM),
    "O----": (ALARM, OK, OK, OK),
    "OO-OX": (OK, OK, OK, OK),
    "XX-OO": (OK, OK, OK, OK),
}
TREATMENTS: Final = ("breaching", "notBreaching", "ignore", "missing")


@pytest.mark.parametrize("points", MISSING)
@pytest.mark.parametrize("treatment", TREATMENTS)
def test_missing_datapoints_of_a_series(points: str, treatment: str) -> None:
    """A new series is OK until it is in ALARM; it is never without a state."""
    expected = MISSING[points][TREATMENTS.index(treatment)]
    evaluation = _evaluate({"a": points}, TreatMissingData=treatment)
    assert _states(evaluation.contributors) == {"a": expected}
    assert _states(evaluation.changes) == ({"a": ALARM} if expected is ALARM else {})
    assert evaluation.state is expected


@pytest.mark.parametrize(
    ("treatment", "points", "expected"),
    [
        ("ignore", "X----", ALARM),
        ("missing", "----X", ALARM),
        ("notBreaching", "X----", OK),
        ("ignore", "XX--O", ALARM),
        ("ignore", "OX--O", OK),
        ("missing", "XXXXO", ALARM),
    ],
)
def test_missing_datapoints_of_a_series_in_alarm(treatment: str, points: str, expected: State) -> None:
    """A state that cannot be decided stays: ignored, or for too little data."""
    evaluation = _evaluate({"a": points}, _known(ALARM), TreatMissingData=treatment)
    assert _states(evaluation.contributors) == {"a": expected}
    assert _states(evaluation.changes) == ({} if expected is ALARM else {"a": OK})
    (contributor,) = evaluation.contributors
    assert ((contributor.reason, contributor.since) == ("before", 1.0)) is (expected is ALARM)


@pytest.mark.parametrize("treatment", TREATMENTS)
def test_series_that_vanishes(treatment: str) -> None:
    """It becomes OK whatever the treatment, with a reason of its own; one that was OK says nothing."""
    evaluation = _evaluate({"b": "OOOOO"}, _known(ALARM), _known(OK, "c"), TreatMissingData=treatment, state=ALARM)
    assert _states(evaluation.contributors) == {"b": OK}
    (change,) = evaluation.changes
    assert (change.attributes, change.state, change.reason, change.since) == ({"Target": "a"}, OK, NO_DATA, NOW)
    assert (evaluation.state, evaluation.reason) == (OK, "1 time series evaluated to OK")


@pytest.mark.parametrize(
    ("treatment", "before", "expected", "word"),
    [
        ("breaching", OK, ALARM, "Breaching"),
        ("notBreaching", ALARM, OK, "NonBreaching"),
        ("ignore", ALARM, ALARM, "Ignore"),
        ("ignore", OK, OK, "Ignore"),
        ("missing", ALARM, State.INSUFFICIENT_DATA, "Missing"),
    ],
)
@pytest.mark.parametrize("points", [{}, {"a": "X-----"}], ids=["none", "too-old"])
def test_no_series_at_all(points: dict[str, str], treatment: str, before: State, expected: State, word: str) -> None:
    """The treatment decides the alarm's state, and every contributor is OK."""
    evaluation = _evaluate(points, _known(ALARM), TreatMissingData=treatment, state=before)
    assert evaluation.state is expected
    assert evaluation.reason.endswith(f"Treat missing data is configured as [{word}].")
    assert evaluation.contributors == ()
    assert _states(evaluation.changes) == {"a": OK}


def test_each_series_has_its_own_state() -> None:
    """One series in ALARM is the alarm's state, and the next one is told as a change of its own."""
    first = _evaluate({"a": "OOOXX", "b": "OOOOO"})
    assert (first.state, first.reason) == (ALARM, "1 out of 2 time series evaluated to ALARM")
    assert _states(first.changes) == {"a": ALARM}
    again = _evaluate({"a": "OOOXX", "b": "OOOOO"}, *first.contributors, state=ALARM)
    assert (again.changes, again.contributors) == ((), first.contributors)
    second = _evaluate({"a": "OOOXX", "b": "OOOXX"}, *again.contributors, state=ALARM)
    assert _states(second.changes) == {"b": ALARM}
    recovered = _evaluate({"a": "XXOOO", "b": "OOOXX"}, *second.contributors, state=ALARM)
    assert (_states(recovered.changes), recovered.state) == ({"a": OK}, ALARM)


@pytest.mark.parametrize(
    ("points", "known", "count", "latest"),
    [
        ("OOXXX", OK, "3 datapoints were less than", "crossed the threshold: [0.0 (01/01/70 01:39:00)]"),
        ("OOOXO", ALARM, "2 datapoints were not less than", "did not cross the threshold: [1.0 (01/01/70 01:39:00)]"),
    ],
)
def test_reason_of_a_contributor(points: str, known: State, count: str, latest: str) -> None:
    """It counts the datapoints and names the most recent one, as the user guide's example does."""
    (change,) = _evaluate({"a": points}, _known(known)).changes
    assert change.reason == (
        f"Threshold Crossed: {count} the threshold (1.0). The most recent datapoints which {latest}."
    )


def test_reason_of_one_datapoint() -> None:
    """One datapoint is told in the singular."""
    (change,) = _evaluate({"a": "OOOOX"}, DatapointsToAlarm=1).changes
    assert change.reason.startswith(
        "Threshold Crossed: 1 datapoint was less than the threshold (1.0). The most recent d"
    )
    assert "datapoint which crossed the threshold: [0.0 (" in change.reason


def test_reason_without_datapoints() -> None:
    """A series whose missing datapoints breach names none."""
    (change,) = _evaluate({"a": "O----"}, TreatMissingData="breaching").changes
    assert change.reason == "Threshold Crossed: 0 datapoints were less than the threshold (1.0)."


def test_at_most_a_hundred_in_alarm() -> None:
    """Those that are in ALARM stay; the others follow in the query's order, and the reason no longer counts."""
    points = {f"t{number:03d}": "OOOXX" for number in range(105)}
    last = _known(ALARM, "t104")
    evaluation = _evaluate(points, last, state=ALARM)
    in_alarm = [name for name, state in _states(evaluation.contributors).items() if state is ALARM]
    assert in_alarm == [*(f"t{number:03d}" for number in range(99)), "t104"]
    assert evaluation.reason == "100+ time series evaluated to ALARM"
    assert len(evaluation.changes) == 99
    fewer = _evaluate(dict(list(points.items())[:99]))
    assert fewer.reason == "99 out of 99 time series evaluated to ALARM"


@pytest.mark.parametrize(("count", "partial"), [(500, False), (501, True)])
def test_more_series_than_a_query_returns(count: int, *, partial: bool) -> None:
    """Beyond 500 the worst are evaluated, and the alarm says that it does not see all."""
    points = {**{f"t{number:03d}": "OOOOO" for number in range(count - 1)}, "zzz": "OOOXX"}
    evaluation = _evaluate(points)
    assert (len(evaluation.contributors), evaluation.partial) == (500, partial)
    assert _states(evaluation.changes) == {"zzz": ALARM}


def test_id_of_a_contributor() -> None:
    """It follows from the attributes, in any order, and has 16 characters."""
    assert contributor_id({"a": "1", "b": "2"}) == contributor_id({"b": "2", "a": "1"})
    assert len({contributor_id({"a": value}) for value in ("1", "2", "")}) == 3
    assert len(contributor_id({"a": "1"})) == 16
    assert _known(OK).id == contributor_id({"Target": "a"})
