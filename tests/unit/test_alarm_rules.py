"""The alarm evaluator's rules against the tables of the CloudWatch user guide."""

from dataclasses import replace

import pytest

from infra.local.server.alarm_rules import (
    EXTRA_PERIODS,
    MetricSample,
    Rule,
    State,
    TreatMissingData,
    datapoints,
    evaluate,
    rule_of,
    statistic_of,
)

# CloudWatch user guide, "Configuring how CloudWatch alarms treat missing data": the datapoints of
# the evaluation range (0 healthy, X breaching, - missing), then the state for missing, ignore,
# breaching and notBreaching. K keeps the alarm's current state.
THREE_OF_THREE = """
0-X-X OK OK OK OK
0---- OK OK OK OK
----- INSUFFICIENT_DATA K ALARM OK
0XX-X ALARM ALARM ALARM ALARM
--X-- ALARM K ALARM OK
"""
TWO_OF_THREE = """
0-X-X ALARM ALARM ALARM ALARM
00X0X ALARM ALARM ALARM ALARM
0-X-- OK OK ALARM OK
----0 OK OK ALARM OK
---X- ALARM K ALARM OK
"""
# The same page, "Avoiding premature transitions to alarm state": a breach that is younger than DatapointsToAlarm
# periods does not go to ALARM yet. An older edition of the page names the resulting state.
PREMATURE_OF_THREE = """
----X INSUFFICIENT_DATA K ALARM OK
---X- INSUFFICIENT_DATA K ALARM OK
---X0 OK OK OK OK
--X-0 OK OK OK OK
X---- ALARM K ALARM OK
"""
PREMATURE_OF_TWO = """
----X INSUFFICIENT_DATA K ALARM OK
"""
TABLES = ((3, THREE_OF_THREE + PREMATURE_OF_THREE), (2, TWO_OF_THREE + PREMATURE_OF_TWO))
CASES = [
    pytest.param(needed, row.split()[0], missing, row.split()[column + 1], id=f"{needed}-{row.split()[0]}-{missing}")
    for needed, table in TABLES
    for row in table.split("\n")
    if row
    for column, missing in enumerate(TreatMissingData)
]


def rule(*, needed: int = 2, missing: TreatMissingData = TreatMissingData.MISSING, period: float = 60) -> Rule:
    """Return the rule of an alarm that needs at least 1 in `needed` of 3 periods."""
    return Rule(
        statistic="Minimum",
        period=period,
        step=60,
        evaluation_periods=3,
        datapoints_to_alarm=needed,
        threshold=1,
        comparison="LessThanThreshold",
        missing=missing,
    )


@pytest.mark.parametrize(("needed", "points", "missing", "expected"), CASES)
@pytest.mark.parametrize("current", State)
def test_state_as_the_user_guide_says(
    needed: int, points: str, missing: TreatMissingData, expected: str, current: State
) -> None:
    """Every row of the guide holds, from every current state."""
    values = [{"0": 1.0, "X": 0.0, "-": None}[point] for point in points]
    evaluation = evaluate(values, rule(needed=needed, missing=missing), current)
    assert evaluation.state == (current if expected == "K" else expected)


def test_reason_names_what_was_seen() -> None:
    """The reason has the datapoints, the comparison and the threshold."""
    reason = evaluate([None, 1.0, 0.0, None, 0.0], rule(), State.OK).reason
    assert "2 of the last 3 datapoints [1, 0, 0] were less than the threshold (1)" in reason


def test_datapoints_of_finished_periods_only() -> None:
    """Only completed periods have datapoints, also those before the evaluation range."""
    samples = [MetricSample(timestamp=second, value=second) for second in (0, 59, 60, 130, 299, 301)]
    values = datapoints(samples, rule(), now=301)
    assert values == [0, 60, 130, None, 299]
    assert len(values) == 3 + EXTRA_PERIODS


@pytest.mark.parametrize(("minute", "expected"), [(4, [None, 0]), (5, [0, 5]), (6, [0, 5]), (9, [0, 5]), (10, [5, 10])])
def test_datapoints_of_sliding_periods(minute: int, expected: list[float | None]) -> None:
    """A period of five minutes ends at every full minute, not at every fifth."""
    samples = [MetricSample(timestamp=60 * m + 5, value=m) for m in (0, 5, 10, 15)]
    values = datapoints(samples, rule(period=300), now=60 * (minute + 1))
    assert values[-2:] == expected
    assert datapoints(samples, rule(period=300), now=60 * (minute + 1) + 59) == values


@pytest.mark.parametrize(
    ("statistic", "expected"),
    [
        ("SampleCount", 4),
        ("Sum", 10),
        ("Average", 2.5),
        ("Minimum", 1),
        ("Maximum", 4),
        ("p0", 1),
        ("p50", 2.5),
        ("p90", 3.7),
        ("p100", 4),
    ],
)
def test_statistic_of_samples(statistic: str, expected: float) -> None:
    """The basic statistics and interpolated percentiles of 1, 2, 3 and 4."""
    samples = [MetricSample(timestamp=0, value=value) for value in (4, 1, 3, 2)]
    assert statistic_of(samples, statistic) == pytest.approx(expected)


def test_statistic_weighs_counts() -> None:
    """A value with sample count 3 has three times the weight."""
    samples = [MetricSample(timestamp=0, value=1, count=3), MetricSample(timestamp=0, value=5)]
    assert statistic_of(samples, "Average") == 2
    assert statistic_of(samples, "p50") == 1


def test_statistic_unknown() -> None:
    """An unsupported statistic is an error."""
    with pytest.raises(ValueError, match="TM90"):
        statistic_of([MetricSample(timestamp=0, value=1)], "TM90")


def test_rule_on_a_faster_clock() -> None:
    """`speed` divides the period and the time between two evaluations."""
    alarm = {
        "Statistic": "Sum",
        "Period": 300,
        "EvaluationPeriods": 3,
        "Threshold": 0,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    assert rule_of(alarm, speed=10) == Rule(
        statistic="Sum",
        period=30,
        step=6,
        evaluation_periods=3,
        datapoints_to_alarm=3,
        threshold=0,
        comparison="GreaterThanThreshold",
        missing=TreatMissingData.MISSING,
    )


# Whether 1, 2 and 3 breach the threshold 2, and the comparison in the reason.
COMPARISONS = {
    "GreaterThanThreshold": ([False, False, True], "were greater than the threshold (2)"),
    "GreaterThanOrEqualToThreshold": ([False, True, True], "were greater than or equal to the threshold (2)"),
    "LessThanThreshold": ([True, False, False], "were less than the threshold (2)"),
    "LessThanOrEqualToThreshold": ([True, True, False], "were less than or equal to the threshold (2)"),
}


@pytest.mark.parametrize("comparison", COMPARISONS)
def test_comparison_at_the_threshold_and_beside_it(comparison: str) -> None:
    """Each operator compares below, at and above the threshold, and the reason names it."""
    breaches, words = COMPARISONS[comparison]
    one = replace(rule(needed=1), evaluation_periods=1, threshold=2, comparison=comparison)
    evaluations = [evaluate([value], one, State.OK) for value in (1.0, 2.0, 3.0)]
    assert [each.state is State.ALARM for each in evaluations] == breaches
    assert all(words in each.reason for each in evaluations)


def test_treatment_of_missing_data_in_the_templates_words() -> None:
    """TreatMissingData has four values, and the reason names the one in use."""
    assert {str(each) for each in TreatMissingData} == {"missing", "ignore", "breaching", "notBreaching"}
    assert "[none]" in evaluate([None], rule(missing=TreatMissingData.IGNORE), State.OK).reason
    assert (
        "3 missing, treated as ignore; 2 are needed"
        in evaluate([], rule(missing=TreatMissingData.IGNORE), State.OK).reason
    )


def test_sum_weighs_counts() -> None:
    """Sum and SampleCount multiply by the sample count."""
    samples = [MetricSample(timestamp=0, value=2, count=3), MetricSample(timestamp=0, value=5)]
    assert statistic_of(samples, "Sum") == 11
    assert statistic_of(samples, "SampleCount") == 4


@pytest.mark.parametrize(("given", "expected"), [({}, 5), ({"DatapointsToAlarm": 3}, 3), ({"DatapointsToAlarm": 5}, 5)])
def test_datapoints_to_alarm(given: dict[str, int], expected: int) -> None:
    """An alarm that does not say how many datapoints must breach needs all of its evaluation periods."""
    alarm = {"Statistic": "Sum", "Period": 60, "EvaluationPeriods": 5, "Threshold": 1}
    assert rule_of({**alarm, "ComparisonOperator": "LessThanThreshold", **given}).datapoints_to_alarm == expected


def test_reason_counts_breaching_and_missing_datapoints() -> None:
    """The reason of a state names the datapoints, how many breach, how many are missing and how many are needed."""
    evaluation = evaluate([None, None, None, 0.5, None], rule(), State.OK)
    assert evaluation.reason == (
        "1 of the last 3 datapoints [0.5] were less than the threshold (1); 2 missing, treated as missing; "
        "2 are needed for ALARM."
    )
