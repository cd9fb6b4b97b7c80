"""Names that hang, change and lead nowhere, in namespaces where we own /etc/hosts, the name server and the routes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connect_canary.settings import MqttVersion
from tests.faulty.canary import ENVIRON, Case, cases_of, watching
from tests.faulty.isolated import isolated, possible
from tests.faulty.process import FaultyServer, Handler

pytestmark = pytest.mark.skipif(not possible(), reason="this machine lets no ordinary user make namespaces")

DEADLINE_S = 1.5
NAME = "endpoint.test"


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handler]:
    """The handler in a network with nothing but loopback, and a name server that never answers."""
    resolv = tmp_path_factory.mktemp("etc") / "resolv.conf"
    resolv.write_text("nameserver 127.0.0.1\noptions timeout:30 attempts:1\n")
    with Handler(before=isolated(resolv=resolv, network=True), **ENVIRON) as running:
        yield running


def _outcomes(handler: Handler, endpoint: str, ca_file: str) -> list[dict[str, Any]]:
    entries = [case.target(0, ca_file, endpoint=endpoint) for case in cases_of(["healthy"])]
    said, _ = handler.invoke(watching(entries, DEADLINE_S), seconds=20)
    return said["answer"]["targets"]  # type: ignore[no-any-return]  # JSON


def test_name_server_that_never_answers(alone: Handler) -> None:
    """A hanging name server is DnsFailed at the deadline; nobody waits for the system's own patience."""
    for outcome in _outcomes(alone, NAME, ""):
        assert (outcome["phase"], outcome["failure"]) == ("dns", "DnsFailed")
        assert outcome["elapsed_ms"] < (DEADLINE_S + 1.5) * 1000


def test_address_without_route(alone: Handler) -> None:
    """A network that leads nowhere is TcpFailed at once, with the system's own words."""
    # TEST-NET-1 (RFC 5737); in this namespace no packet can leave.
    for outcome in _outcomes(alone, "192.0.2.1:443", ""):
        assert (outcome["phase"], outcome["failure"], outcome["error_name"]) == ("tcp", "TcpFailed", "ENETUNREACH")
        assert "unreachable" in outcome["reason"]


@pytest.mark.parametrize("version", MqttVersion)
def test_address_that_changes_between_runs(tmp_path: Path, version: MqttVersion) -> None:
    """Every run asks for the address anew: what an earlier run resolved is never used again."""
    hosts = tmp_path / "hosts"
    hosts.write_text(f"127.0.0.1 {NAME}\n")
    said: list[str | None] = []
    with FaultyServer("healthy") as server, Handler(before=isolated(hosts=hosts), **ENVIRON) as handler:
        entry = Case(situation="healthy", version=version).target(server.port("healthy"), server.ca_file)
        entry["endpoint"] = f"{NAME}:{server.port('healthy')}"
        for address in ("127.0.0.1", "127.0.0.2", "127.0.0.1"):
            hosts.write_text(f"{address} {NAME}\n")
            answer, _ = handler.invoke(watching([entry], DEADLINE_S), seconds=20)
            said += [target["failure"] for target in answer["answer"]["targets"]]
    assert said == [None, "TcpRefused", None]
