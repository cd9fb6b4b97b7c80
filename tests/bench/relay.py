"""Passes packets between two TUN devices, each after the same delay: half of a round trip.

`python -m tests.bench.relay DELAY_SECONDS DEVICE DEVICE` with inherited descriptors; ends with its standard input.
"""

import contextlib
import os
import select
import sys
import time
from collections import deque

_LONGEST_PACKET = 65536
_AT_ONCE = 64


def main(delay_s: float, devices: tuple[int, int]) -> None:
    """Carry packets until standard input ends."""
    first, second = devices
    leads_to = {first: second, second: first}
    # The delay is the same for all, so packets leave in the order in which they came.
    waiting: deque[tuple[float, int, bytes]] = deque()
    while True:
        timeout = max(waiting[0][0] - time.monotonic(), 0) if waiting else None
        # select takes microseconds; poll and epoll would round up to a millisecond.
        readable, _, _ = select.select((*devices, sys.stdin), (), (), timeout)
        if sys.stdin in readable:
            return
        for device in leads_to.keys() & set(readable):
            _take(device, leads_to[device], delay_s, waiting)
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, device, packet = waiting.popleft()
            with contextlib.suppress(BlockingIOError):  # a full queue loses the packet, as any router's would
                os.write(device, packet)


def _take(device: int, goes_to: int, delay_s: float, waiting: deque[tuple[float, int, bytes]]) -> None:
    for _ in range(_AT_ONCE):
        try:
            packet = os.read(device, _LONGEST_PACKET)
        except BlockingIOError:
            return
        waiting.append((time.monotonic() + delay_s, goes_to, packet))


if __name__ == "__main__":
    main(float(sys.argv[1]), (int(sys.argv[2]), int(sys.argv[3])))
