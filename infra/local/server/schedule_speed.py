"""The pace of the local AWS: schedules to the second, and a clock that may run faster."""

from collections.abc import Callable

from infra.local.server import ministack_patches

_TICK_SECONDS = 1.0


def set_speed(speed: float) -> None:
    """Let schedules fire on time; at `speed` 12, `rate(1 minute)` fires every 5 seconds."""
    ministack_patches.SCHEDULE_TICK.replace(_TICK_SECONDS / speed)

    def wrapper(original: Callable[[str], int | None]) -> Callable[[str], float | None]:
        def seconds(expression: str) -> float | None:
            interval = original(expression)
            return None if interval is None else interval / speed

        return seconds

    if speed != 1:
        ministack_patches.RATE_SECONDS.wrap(wrapper)
