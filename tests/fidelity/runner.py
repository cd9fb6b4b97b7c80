"""Runs the pairs of a plan: many at the same time, because most of them wait for a time-out."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import IO, Any, cast

from tests.bench.network import REPOSITORY
from tests.fidelity.clients import BARE_SDK, CANARY
from tests.fidelity.plan import Connect, Pair
from tests.fidelity.topology import Topology, endpoint_command, listening_at

TIMEOUT_S = 10  # the canary's default deadline, and as long for the bare SDK
_AT_THE_SAME_TIME = 24
_NO_ANSWER_S = 60.0

Result = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairResult:
    """A pair and what its connects came to, by subject."""

    pair: Pair
    results: Mapping[str, Result]

    @property
    def canary(self) -> Result:
        """The canary's result, with its outcome."""
        return self.results[CANARY]

    @property
    def bare_sdk(self) -> Result:
        """The bare SDK's result."""
        return self.results[BARE_SDK]


async def run_pairs(topology: Topology, pairs: Sequence[Pair], progress: Callable[[int], None]) -> list[PairResult]:
    """Return the result of every pair; `progress` gets how many are done."""
    room = asyncio.Semaphore(_AT_THE_SAME_TIME)
    requester = _Requester(topology)
    done = 0

    async def run(pair: Pair) -> PairResult:
        nonlocal done
        async with room:
            result = await _run_pair(topology, requester, pair)
        done += 1
        progress(done)
        return result

    reading = asyncio.create_task(asyncio.to_thread(requester.read, asyncio.get_running_loop()))
    try:
        return await asyncio.gather(*(run(pair) for pair in pairs))
    finally:
        cast("IO[str]", topology.clients.stdin).close()
        await reading


async def _run_pair(topology: Topology, requester: "_Requester", pair: Pair) -> PairResult:
    results: dict[str, Result] = {}
    for connect in pair.connects:
        async with _endpoint(topology, pair) as (port, ca_file):
            results[connect.subject] = await requester.connect(connect, port, ca_file)
    return PairResult(pair=pair, results=results)


@asynccontextmanager
async def _endpoint(topology: Topology, pair: Pair) -> AsyncIterator[tuple[int, str]]:
    """Yield port and CA file of the endpoint, which is a process of its own if it stops as a whole."""
    behaviour = pair.condition.behaviour
    if not pair.condition.own_process:
        yield topology.ports[behaviour], topology.ca_file
        return
    process = await asyncio.create_subprocess_exec(
        *topology.server_side,
        *endpoint_command(behaviour),
        cwd=REPOSITORY,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        listening = listening_at((await cast("asyncio.StreamReader", process.stdout).readline()).decode())
        yield listening["ports"][behaviour], listening["ca_file"]
    finally:
        os.kill(process.pid, signal.SIGCONT)
        cast("asyncio.StreamWriter", process.stdin).close()
        await process.wait()


class _Requester:
    """Asks the clients' process for connects and gives each result to who waits for it."""

    def __init__(self, topology: Topology) -> None:
        self._clients = topology.clients
        self._waiting: dict[int, asyncio.Future[Result]] = {}

    async def connect(self, connect: Connect, port: int, ca_file: str) -> Result:
        self._waiting[connect.number] = asyncio.get_running_loop().create_future()
        request = {
            "id": connect.number,
            "subject": connect.subject,
            "version": connect.version,
            "host": connect.host,
            "port": port,
            "ca_file": ca_file,
            "timeout_s": TIMEOUT_S,
        }
        stdin = cast("IO[str]", self._clients.stdin)
        stdin.write(json.dumps(request) + "\n")
        stdin.flush()
        result = await asyncio.wait_for(self._waiting[connect.number], _NO_ANSWER_S)
        if "raised" in result:
            sys.stderr.write(f"{connect.subject} raised {result['raised']}\n")
        return result

    def read(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read results until the clients' process ends."""
        for line in cast("IO[str]", self._clients.stdout):
            result = json.loads(line)
            loop.call_soon_threadsafe(self._waiting[result["id"]].set_result, result)
