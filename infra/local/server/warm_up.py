"""The warm-up of a new alarm, in which it is not evaluated. Pure functions.

From the CloudWatch user guide, "Alarm warm-up periods": it begins when the alarm is created, once only, and ends when
its minutes are over; by default already when a whole evaluation window has data. That is taken to be the case when the
window's first and last period have a datapoint, as in the guide's example.
"""

from collections.abc import Mapping, Sequence
from typing import Any

_MINUTE = 60.0
_MAX_MINUTES = 2880


class WarmUpError(ValueError):
    """A WarmUpConfiguration is not valid; the message says why."""


def warm_up_of(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Return a WarmUpConfiguration with numbers and booleans for their spellings, or raise `WarmUpError`."""
    unknown = configuration.keys() - {"WarmUpPeriodDurationInMinutes", "OnlyStartEvaluatingAfterWarmUpPeriodEnds"}
    minutes = str(configuration.get("WarmUpPeriodDurationInMinutes", ""))
    if unknown or not minutes.isdigit() or not 1 <= int(minutes) <= _MAX_MINUTES:
        raise WarmUpError(f"WarmUpConfiguration {dict(configuration)} needs 1 to {_MAX_MINUTES} minutes.")
    only_after = configuration.get("OnlyStartEvaluatingAfterWarmUpPeriodEnds", False)
    return {
        "WarmUpPeriodDurationInMinutes": int(minutes),
        "OnlyStartEvaluatingAfterWarmUpPeriodEnds": str(only_after).lower() == "true",
    }


def is_warming_up(
    configuration: Mapping[str, Any] | None, age: float, window: Sequence[float | None], speed: float = 1.0
) -> bool:
    """Return whether an alarm of an age in seconds waits, given the datapoints of its evaluation window."""
    if not configuration:
        return False
    settings = warm_up_of(configuration)
    if age >= settings["WarmUpPeriodDurationInMinutes"] * _MINUTE / speed:
        return False
    is_full = window[0] is not None and window[-1] is not None
    return settings["OnlyStartEvaluatingAfterWarmUpPeriodEnds"] or not is_full
