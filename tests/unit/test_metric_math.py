"""Metric math of alarms, with missing datapoints as a complete table, and which metrics an alarm is on."""

from __future__ import annotations

from typing import Any, Final

import pytest

from infra.local.server.alarm_metrics import (
    AlarmError,
    alarm_period,
    check_metrics,
    grouped_rule_of,
    is_true,
    metrics_of,
    points_of,
    single_rule_of,
)
from infra.local.server.alarm_rules import MetricSample
from infra.local.server.metric_math import Calculator, MathError, Points
from infra.local.server.metrics_insights import QueryError, Series

# Two series of four periods: a value in both, in one, in the other, in none.
A: Final[Points] = [1.0, 2.0, None, None]
B: Final[Points] = [10.0, None, 30.0, None]
NONE: Final[Points] = [None, None, None, None]


def _calculate(expression: str) -> Points:
    return Calculator(metrics={"a": A, "b": B, "none": NONE}, expressions={"e": [5.0] * 4}).calculate(expression)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a", A),
        ("a + b", [11.0, None, None, None]),
        ("b - a", [9.0, None, None, None]),
        ("a * 2", [2.0, 4.0, None, None]),
        ("100 * a / b", [10.0, None, None, None]),
        ("1 / (a - 1)", [None, 1.0, None, None]),
        ("a + e", [6.0, 7.0, None, None]),
        ("SUM([a, b])", [11.0, 2.0, 30.0, None]),
        ("SUM(METRICS())", [11.0, 2.0, 30.0, None]),
        ("MAX(METRICS())", [10.0, 2.0, 30.0, None]),
        ("MIN([a,b])", [1.0, 2.0, 30.0, None]),
        ("AVG([a, b])", [5.5, 2.0, 30.0, None]),
        ("FILL(a, 0) + FILL(b, 0)", [11.0, 2.0, 30.0, 0.0]),
        ("SUM(FILL(METRICS(), 0))", [11.0, 2.0, 30.0, 0.0]),
        # A metric without any datapoint is nothing that could be filled.
        ("FILL(none, 0)", NONE),
        ("a + none", NONE),
        ("SUM([none])", NONE),
    ],
)
def test_expression(expression: str, expected: Points) -> None:
    """Operations need a value on both sides; aggregates of an array take those that there are."""
    assert _calculate(expression) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "a +",
        "1",
        "1 + 2",
        "c",
        "METRICS()",
        "[a, b]",
        "SUM(a)",
        "a + METRICS()",
        "FILL(1, 0)",
        "FILL(a, REPEAT)",
        "MEDIAN([a])",
        "SUM([1])",
        "a ** b",
        "True",
        "a if b else a",
        "__import__('os')",
    ],
)
def test_expression_that_is_not_understood(expression: str) -> None:
    """What is not calculated as CloudWatch does is an error."""
    with pytest.raises(MathError):
        _calculate(expression)


def _stat(identifier: str, kind: str, **changes: Any) -> dict[str, Any]:
    metric = {"Namespace": "N", "MetricName": "M", "Dimensions": [{"Name": "Kind", "Value": kind}]}
    stat = {"Metric": metric, "Period": "60", "Stat": "Sum", **changes}
    return {"Id": identifier, "MetricStat": stat, "ReturnData": "false"}


def _alarm(*metrics: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "Metrics": list(metrics),
        "EvaluationPeriods": "2",
        "Threshold": "0",
        "ComparisonOperator": "GreaterThanThreshold",
        **changes,
    }


SUM: Final = {"Id": "sum", "Expression": "SUM(METRICS())", "ReturnData": "true"}
QUERY: Final = {"Id": "q", "Expression": "SELECT SUM(M) FROM N", "Period": "60"}
GROUPED: Final = {**QUERY, "Expression": "SELECT SUM(M) FROM N GROUP BY Kind ORDER BY SUM() DESC"}
PLAIN: Final = _alarm(Namespace="N", MetricName="M", Statistic="Sum", Period=60) | {
    "Dimensions": [{"Name": "Kind", "Value": "a"}]
}


def _metrics() -> list[Series]:
    """Return two metrics: one of three values in the last minute, one of one value in the minute before."""
    values = {"a": [(115.0, 1.0), (116.0, 2.0)], "b": [(55.0, 10.0)]}
    return [
        Series(
            namespace="N",
            name="M",
            dimensions={"Kind": kind},
            samples=[
                MetricSample(timestamp=at, value=value, unit="Count" if value != 2 else "Seconds")
                for at, value in samples
            ],
        )
        for kind, samples in values.items()
    ]


@pytest.mark.parametrize(
    ("alarm", "expected"),
    [
        (PLAIN, [None, 3.0]),
        ({**PLAIN, "Unit": "Count"}, [None, 1.0]),
        ({**PLAIN, "Dimensions": []}, [None, None]),
        ({**PLAIN, "MetricName": "Other"}, [None, None]),
        (_alarm(_stat("a", "a"), _stat("b", "b"), SUM), [10.0, 3.0]),
        (_alarm(_stat("a", "a", Stat="Maximum"), _stat("b", "b"), SUM), [10.0, 2.0]),
        (_alarm(_stat("a", "a", Unit="Seconds"), SUM), [None, 2.0]),
        (_alarm({**_stat("a", "a"), "ReturnData": True}), [None, 3.0]),
        (_alarm(_stat("a", "a"), {**SUM, "ReturnData": False}, {"Id": "e", "Expression": "sum * 2"}), [None, 6.0]),
        (_alarm(QUERY), [10.0, 3.0]),
        (_alarm(GROUPED), [10.0, 3.0]),
    ],
)
def test_datapoints_of_an_alarm(alarm: dict[str, Any], expected: Points) -> None:
    """An alarm is on its own metric, on one of several, on metric math, or on a query's series."""
    rule = single_rule_of(alarm)
    assert points_of(alarm, _metrics(), rule, 120.0)[-2:] == expected
    if alarm["Metrics"]:
        check_metrics(alarm)


@pytest.mark.parametrize(
    ("alarm", "expected"),
    [
        (PLAIN, {("N", "M")}),
        (_alarm(QUERY), {("N", "M")}),
        (_alarm(_stat("a", "a"), SUM), {("N", "M")}),
    ],
)
def test_metrics_that_an_alarm_reads(alarm: dict[str, Any], expected: set[tuple[str, str]]) -> None:
    """Namespace and name of each are known before any datapoint is."""
    assert metrics_of(alarm) == expected


@pytest.mark.parametrize("alarm", [PLAIN, _alarm(QUERY), _alarm(_stat("a", "a"), SUM)])
def test_alarm_with_one_state(alarm: dict[str, Any]) -> None:
    """Without GROUP BY there are no contributors."""
    assert grouped_rule_of(alarm) is None


def test_most_metrics_of_an_alarm() -> None:
    """Ten are allowed."""
    check_metrics(_alarm(*(_stat(f"m{number}", "a") for number in range(10)), SUM))


def test_rule_of_a_grouped_alarm() -> None:
    """Function and period are the query's; the speed divides the period."""
    grouped = grouped_rule_of(_alarm(GROUPED), speed=20)
    assert grouped is not None
    assert (grouped.query.group_by, grouped.rule.statistic, grouped.rule.period) == (("Kind",), "Sum", 3.0)
    assert alarm_period(_alarm(GROUPED)) == 60


@pytest.mark.parametrize(
    ("metrics", "error", "words"),
    [
        ([_stat("a", "a")], AlarmError, "ReturnData"),
        ([QUERY, {**QUERY, "Id": "r"}], AlarmError, "ReturnData"),
        ([_stat("a", "a"), _stat("b", "b", Period=300), SUM], AlarmError, "period"),
        ([{"Id": "q", "Expression": "SELECT SUM(M) FROM N"}], AlarmError, "period"),
        ([{"Id": "q", "Period": 60}], AlarmError, "either"),
        ([{**_stat("a", "a"), "Expression": "a"}], AlarmError, "either"),
        ([{**QUERY, "Expression": "SELECT SUM(M) FROM N GROUP BY Kind"}], AlarmError, "ORDER BY"),
        ([{**QUERY, "Expression": "SELECT M"}], QueryError, "Metrics Insights"),
        ([_stat("a", "a"), {**SUM, "Expression": "b"}], MathError, "'b'"),
        ([_stat("a", "a", Stat="tm90"), SUM], ValueError, "tm90"),
        ([*(_stat(f"m{number}", "a") for number in range(11)), SUM], AlarmError, "10 metrics"),
    ],
)
def test_metrics_that_cannot_be_evaluated(metrics: list[dict[str, Any]], error: type[Exception], words: str) -> None:
    """The alarm is refused when it is made, with a sentence that says why."""
    with pytest.raises(error, match=words):
        check_metrics(_alarm(*metrics))


@pytest.mark.parametrize(
    ("value", "expected"), [(True, True), ("true", True), ("True", True), (False, False), ("", False)]
)
def test_booleans_of_templates(value: object, *, expected: bool) -> None:
    """A resolved template spells booleans."""
    assert is_true(value) is expected
