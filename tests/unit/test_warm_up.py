"""The warm-up of an alarm, as a table."""

from __future__ import annotations

from typing import Any, Final

import pytest

from infra.local.server.warm_up import WarmUpError, is_warming_up, warm_up_of

TEN: Final = {"WarmUpPeriodDurationInMinutes": "10"}
WHOLE: Final = {**TEN, "OnlyStartEvaluatingAfterWarmUpPeriodEnds": "true"}
EMPTY: Final = (None, None, None)


@pytest.mark.parametrize(
    ("configuration", "age", "window", "expected"),
    [
        (None, 0, EMPTY, False),
        ({}, 0, EMPTY, False),
        (TEN, 0, EMPTY, True),
        (TEN, 599, EMPTY, True),
        (TEN, 600, EMPTY, False),
        # Evaluation begins with the first full window.
        (TEN, 60, (None, None, 1.0), True),
        (TEN, 60, (None, 1.0, 1.0), True),
        (TEN, 60, (1.0, None, 1.0), False),
        (TEN, 60, (0.0, 0.0, 0.0), False),
        (TEN, 60, (1.0, 1.0, None), True),
        (TEN, 60, (0.0,), False),
        (WHOLE, 599, (1.0, 1.0, 1.0), True),
        (WHOLE, 600, EMPTY, False),
    ],
)
def test_warming_up(
    configuration: dict[str, Any] | None, age: float, window: tuple[float | None, ...], *, expected: bool
) -> None:
    """It ends after its minutes, or by default when a window has data from its first to its last period."""
    assert is_warming_up(configuration, age, window) is expected


def test_speed_shortens_it() -> None:
    """At speed 20 ten minutes are thirty seconds."""
    assert [is_warming_up(TEN, age, EMPTY, speed=20) for age in (29.9, 30)] == [True, False]


@pytest.mark.parametrize(
    "configuration",
    [
        {"OnlyStartEvaluatingAfterWarmUpPeriodEnds": True},
        {"WarmUpPeriodDurationInMinutes": 0},
        {"WarmUpPeriodDurationInMinutes": 2881},
        {"WarmUpPeriodDurationInMinutes": "ten"},
        {**TEN, "More": 1},
    ],
)
def test_configuration_that_is_none(configuration: dict[str, Any]) -> None:
    """One minute to two days, and nothing unknown."""
    with pytest.raises(WarmUpError):
        warm_up_of(configuration)


@pytest.mark.parametrize("minutes", [1, 2880])
def test_limits_of_minutes(minutes: int) -> None:
    """Both are allowed."""
    assert warm_up_of({"WarmUpPeriodDurationInMinutes": minutes})["WarmUpPeriodDurationInMinutes"] == minutes


def test_configuration_of_a_template() -> None:
    """Numbers and booleans are told from their spellings."""
    assert warm_up_of(WHOLE) == {
        "WarmUpPeriodDurationInMinutes": 10,
        "OnlyStartEvaluatingAfterWarmUpPeriodEnds": True,
    }
    assert warm_up_of(TEN)["OnlyStartEvaluatingAfterWarmUpPeriodEnds"] is False
