"""The path between client and server: passes packets between two TUN devices, impaired by the server's address.

`python -m tests.fidelity.path DEVICE DEVICE` with inherited descriptors, the client's first. The first line of standard
input is a JSON object with the impairment of each address and the seed; it ends with its standard input.
"""

import contextlib
import heapq
import ipaddress
import json
import os
import select
import sys
import time
from collections.abc import Mapping
from typing import Any

from tests.fidelity.address_path import AddressPath, Passed
from tests.fidelity.impairments import Impairment, parse_impairment
from tests.fidelity.packets import parse_segment

_LONGEST_PACKET = 65536
_AT_ONCE = 64


class Path:
    """Packets on their way, and the path to each address."""

    def __init__(self, impairments: Mapping[bytes, Impairment], seed: int, client: int, server: int) -> None:
        """Pass packets between the devices `client` and `server`."""
        self._paths = {
            address: AddressPath(impairment, seed + number)
            for number, (address, impairment) in enumerate(impairments.items())
        }
        self._devices = {True: server, False: client}
        self._on_the_way: list[tuple[float, int, Passed]] = []
        self._count = 0

    def run(self) -> None:
        """Pass packets until standard input ends."""
        while True:
            timeout = max(self._on_the_way[0][0] - time.monotonic(), 0) if self._on_the_way else None
            # select takes microseconds; poll and epoll would round up to a millisecond.
            readable, _, _ = select.select((*self._devices.values(), sys.stdin), (), (), timeout)
            if sys.stdin in readable:
                return
            for to_server in (True, False):
                if self._devices[not to_server] in readable:
                    self._take(to_server=to_server)
            self._leave()

    def _take(self, *, to_server: bool) -> None:
        for _ in range(_AT_ONCE):
            try:
                packet = os.read(self._devices[not to_server], _LONGEST_PACKET)
            except BlockingIOError:
                return
            segment = parse_segment(packet)
            if segment is None:
                continue
            path = self._paths.get(segment.destination if to_server else segment.source)
            if path is not None:
                for passed in path.pass_on(segment, time.monotonic(), to_server=to_server):
                    self._count += 1
                    heapq.heappush(self._on_the_way, (passed.at, self._count, passed))

    def _leave(self) -> None:
        now = time.monotonic()
        while self._on_the_way and self._on_the_way[0][0] <= now:
            passed = heapq.heappop(self._on_the_way)[2]
            with contextlib.suppress(BlockingIOError):  # a full queue loses the packet, as any router's would
                os.write(self._devices[passed.to_server], passed.packet)


def main() -> None:
    """Read the rules, say so, and pass packets."""
    rules: dict[str, Any] = json.loads(sys.stdin.readline())
    impairments = {
        ipaddress.ip_address(address).packed: parse_impairment(values)
        for address, values in rules["impairments"].items()
    }
    path = Path(impairments, rules["seed"], client=int(sys.argv[1]), server=int(sys.argv[2]))
    sys.stdout.write("READY\n")
    sys.stdout.flush()
    path.run()


if __name__ == "__main__":
    main()
