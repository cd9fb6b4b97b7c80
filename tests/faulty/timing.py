"""The phases that an outcome must time, and the totals of those times."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from connect_canary.model.phases import Phase
from tests.faulty.scenarios import Expected

_CONNECTED = (Phase.TLS, Phase.UPGRADE, Phase.CONNACK)
_DIRECT, _THROUGH_PROXY = (Phase.DNS, Phase.TCP, *_CONNECTED), (Phase.PROXY, *_CONNECTED)
# An outcome's times have two decimals: seven of them add up to this at most.
ROUNDING_MS = 0.05
WAITED_ROUNDING_S = 0.06  # a reason has one decimal


def timed_phases(expected: Expected, *, through_proxy: bool = False) -> Sequence[list[str]]:
    """Return the phases that an outcome may have times of: one list, or two where the client may be a phase ahead."""
    timed = _THROUGH_PROXY if through_proxy else _DIRECT
    return [_until(phase, timed) for phase in (expected.phase, expected.entered_phase or expected.phase)]


def _until(phase: Phase | None, timed: Sequence[Phase]) -> list[str]:
    """Return the phases up to `phase`; all of them for a healthy outcome, and for one that failed afterwards."""
    last = timed.index(phase) if phase in timed else len(timed) - 1
    return [str(each) for each in timed[: last + 1]]


def phases_total_ms(outcome: Mapping[str, Any]) -> float:
    """Return the sum of an outcome's phase times."""
    phases_ms: Mapping[str, float] = outcome["phases_ms"]
    return sum(phases_ms.values())


def waited_s(outcome: Mapping[str, Any]) -> float:
    """Return the seconds of the time-out that the reason names; raise ValueError if it names none."""
    (seconds,) = re.findall(r"within (\d+\.\d) s", outcome["reason"])
    return float(seconds)


def until_verdict_ms(outcome: Mapping[str, Any]) -> float:
    """Return the connect's duration, or what is known of it where the connect failed."""
    connect_ms: float | None = outcome["connect_ms"]
    return phases_total_ms(outcome) if connect_ms is None else connect_ms
