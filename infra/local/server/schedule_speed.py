"""The speed of schedules and retries: accurate to the second, and faster than real time if wanted."""

from collections.abc import Callable

from infra.local.server import ministack_patches

_TICK_SECONDS = 1.0
# Lambda retries a failed asynchronous invocation after one minute, and then after two.
_RETRY_SECONDS, _RETRY_MAX_SECONDS = 60.0, 300.0


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
