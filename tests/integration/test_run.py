"""A whole run of the handler in front of real endpoints: how many at a time, how long, and what all of it comes to."""

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from connect_canary.model.mqtt import MqttVersion
from connect_canary.network.address_survey import MAX_SURVEYED
from tests.faulty import wire
from tests.faulty.cases import ENVIRON, Case, watching
from tests.faulty.process import FaultyServer, Handler
from tests.faulty.server import FaultyEndpoint
from tests.faulty.server_connection import ServerConnection
from tests.faulty.steps import Behaviour

DEADLINE_S = 10.0
# How long a full endpoint keeps its clients waiting, so that one too many has the time to come.
_LINGER_S = 0.3
_FILLS_WITHIN_S = 4.0


@pytest.fixture(scope="module")
def server() -> Iterator[FaultyServer]:
    """A healthy listener, one that refuses, and one that never answers."""
    with FaultyServer("healthy", "http-403", "upgrade-silent") as running:
        yield running


@pytest.fixture(scope="module")
def handler() -> Iterator[Handler]:
    """A warm process of the handler."""
    with Handler(**ENVIRON) as running:
        running.invoke({"CANARY_ENDPOINT": "localhost"}, seconds=30, event={"dry_run": True})
        yield running


def _entries(server: FaultyServer, *scenarios: str) -> list[dict[str, object]]:
    """Return an entry of a targets document for each of `scenarios`."""
    return [
        Case(scenario=id_, version=MqttVersion.V5).target(server.port(id_), server.ca_file, name=f"{id_}-{index}")
        for index, id_ in enumerate(scenarios)
    ]


@pytest.mark.parametrize(
    ("scenarios", "healthy"),
    [
        (["healthy", "healthy"], True),
        (["healthy", "http-403"], False),
        (["http-403", "healthy"], False),
        (["http-403", "http-403"], False),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else str(value),
)
def test_run_is_healthy_only_if_every_target_is(
    handler: Handler, server: FaultyServer, scenarios: Sequence[str], *, healthy: bool
) -> None:
    """One good target makes no bad one good, wherever it stands in the document."""
    result, _ = handler.invoke(watching(_entries(server, *scenarios), DEADLINE_S), seconds=30)
    assert [target["healthy"] for target in result["response"]["targets"]] == [id_ == "healthy" for id_ in scenarios]
    assert result["response"]["healthy"] is healthy


def test_dry_run_opens_no_connection(handler: Handler, server: FaultyServer) -> None:
    """The same targets are connected to without `dry_run`."""
    environ = watching(_entries(server, "healthy", "http-403"), DEADLINE_S)
    before = _connections(server)
    result, printed = handler.invoke(environ, seconds=30, event={"dry_run": True})
    assert (result["response"]["dry_run"], len(result["response"]["targets"])) == (True, 2)
    assert printed.strip() == ""
    assert _connections(server) == before
    handler.invoke(environ, seconds=30)
    assert _connections(server) > before


def _connections(server: FaultyServer) -> int:
    return sum(listener["connections"] for listener in server.report())


# -- how many at a time --------------------------------------------------------------------------------------------


class _Room:
    """Counts the clients that have sent CONNECT and wait for their CONNACK; answers none before `size` are there."""

    def __init__(self, size: int) -> None:
        self.most = self.clients = self._inside = 0
        self._size, self._full = size, asyncio.Event()

    async def answer(self, connection: ServerConnection) -> bool:
        """Take a CONNECT and accept it, late enough for every other client that is allowed to come."""
        await connection.read_connect()
        self.clients += 1
        self._inside += 1
        self.most = max(self.most, self._inside)
        if self._inside >= self._size:
            self._full.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._full.wait(), _FILLS_WITHIN_S)
        await asyncio.sleep(_LINGER_S)
        self._inside -= 1
        await connection.send(wire.frame(wire.connack(connection.level)))
        return True


async def _visited_by(
    handler: Handler, directory: Path, *, targets: int, concurrent: int, room: int
) -> tuple[_Room, list[dict[str, Any]]]:
    """Return an endpoint that many targets have connected to in one run, and their outcomes."""
    visited = _Room(room)
    async with FaultyEndpoint(directory) as endpoint:
        port = await endpoint.serve(Behaviour(connack=visited.answer))
        entries = [
            Case(scenario="healthy", version=MqttVersion.V5).target(port, str(endpoint.pki.ca_file), name=f"t{index}")
            for index in range(targets)
        ]
        environ = watching(entries, 2 * DEADLINE_S, concurrent)
        result, _ = await asyncio.to_thread(handler.invoke, environ, seconds=60)
    return visited, result["response"]["targets"]


@pytest.mark.parametrize("concurrent", [1, 3, 7])
async def test_as_many_connect_at_a_time_as_are_allowed(handler: Handler, tmp_path: Path, concurrent: int) -> None:
    """CANARY_MAX_CONCURRENT_CONNECTS is how many clients the endpoint sees: really so many, and never one more."""
    targets = 2 * concurrent + 1
    visited, outcomes = await _visited_by(handler, tmp_path, targets=targets, concurrent=concurrent, room=concurrent)
    assert [outcome["failure"] for outcome in outcomes] == [None] * targets
    assert (visited.most, visited.clients) == (concurrent, targets)


@pytest.mark.parametrize(("descriptors", "at_a_time"), [(96 + MAX_SURVEYED, 4), (48, 1)])
async def test_descriptor_limit_lowers_how_many_connect_at_a_time(
    tmp_path: Path, descriptors: int, at_a_time: int
) -> None:
    """A process with few file descriptors connects to fewer targets at a time, at least to one, and to all of them."""
    limited = ("sh", "-c", f'ulimit -n {descriptors}; exec "$@"', "sh")
    with Handler(before=limited, **ENVIRON) as handler:
        visited, outcomes = await _visited_by(handler, tmp_path, targets=6, concurrent=100, room=at_a_time)
    assert [outcome["failure"] for outcome in outcomes] == [None] * 6
    assert (visited.most, visited.clients) == (at_a_time, 6)


# -- how long ------------------------------------------------------------------------------------------------------


def test_run_ends_before_lambda_ends_it(handler: Handler, server: FaultyServer) -> None:
    """A target's own deadline is cut to what Lambda has left, with a margin in which everything is reported."""
    entries, lambda_has_s = _entries(server, "upgrade-silent", "healthy"), 4.0
    started = time.monotonic()
    result, printed = handler.invoke(watching(entries, 60.0, concurrent=1), seconds=lambda_has_s)
    assert time.monotonic() - started < lambda_has_s
    silent, late = result["response"]["targets"]
    assert (silent["failure"], late["failure"]) == ("UpgradeTimedOut", "DeadlineExceeded")
    assert silent["elapsed_ms"] > (lambda_has_s - 1) * 1000
    records = [json.loads(line) for line in printed.splitlines() if '"connect attempt finished"' in line]
    assert {record["target"] for record in records} == {silent["target"], late["target"]}
