"""When schedules fire: at once, then to the second, and faster than real time if wanted; retries too."""

from collections.abc import Callable
from typing import Any

from infra.local.server import ministack_patches

_TICK_SECONDS = 1.0
# Lambda retries a failed asynchronous invocation after one minute, and then after two.
_RETRY_SECONDS, _RETRY_MAX_SECONDS = 60.0, 300.0


class _Firings(dict[Any, float]):
    """When each schedule fired last. MiniStack lets a rate begin with its creation, and wait."""

    def __setitem__(self, key: Any, fired: float) -> None:  # noqa: ANN401 - MiniStack's own key
        is_new_rate = key not in self and _expression(key).startswith("rate(")
        super().__setitem__(key, 0.0 if is_new_rate else fired)


def _expression(key: object) -> str:
    return str(ministack_patches.SCHEDULES.original()._data.get(key, {}).get("ScheduleExpression", ""))  # noqa: SLF001


def start_at_once() -> None:
    """Let a new schedule of a rate fire at once (EventBridge Scheduler, Schedule types: without a StartDate)."""
    ministack_patches.LAST_FIRED.replace(_Firings())


def set_speed(speed: float) -> None:
    """Check schedules every second, and divide intervals, also between retries, by `speed`: 12 makes a minute 5 s."""
    ministack_patches.SCHEDULE_TICK.replace(_TICK_SECONDS / speed)
    ministack_patches.RETRY_SECONDS.replace(_RETRY_SECONDS / speed)
    ministack_patches.RETRY_MAX_SECONDS.replace(_RETRY_MAX_SECONDS / speed)

    def wrapper(original: Callable[[str], int | None]) -> Callable[[str], float | None]:
        def seconds(expression: str) -> float | None:
            interval = original(expression)
            return None if interval is None else interval / speed

        return seconds

    if speed != 1:
        ministack_patches.RATE_SECONDS.wrap(wrapper)
