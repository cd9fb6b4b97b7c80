"""Waits until the machine is idle, so that other work does not disturb a measurement."""

import time
from pathlib import Path

_SAMPLE_S = 0.3
_MAX_BUSY_SHARE = 0.15
_MAX_WAIT_S = 15.0


def wait_until_idle() -> None:
    """Return when the machine is nearly idle, or after a maximum wait."""
    deadline = time.monotonic() + _MAX_WAIT_S
    while busy_share() > _MAX_BUSY_SHARE and time.monotonic() < deadline:
        pass


def busy_share() -> float:
    """Return the share of all cores' time that was used during the next sample."""
    idle, total = _ticks()
    time.sleep(_SAMPLE_S)
    idle_later, total_later = _ticks()
    return 1 - (idle_later - idle) / max(total_later - total, 1)


def _ticks() -> tuple[int, int]:
    """Return idle and all clock ticks since boot (proc(5), /proc/stat)."""
    with Path("/proc/stat").open(encoding="ascii") as lines:
        ticks = [int(field) for field in lines.readline().split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)
