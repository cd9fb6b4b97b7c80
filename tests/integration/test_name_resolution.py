"""Names that hang, change and lead nowhere, in namespaces where we own /etc/hosts, the name server and the routes."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from connect_canary.model.mqtt import MqttVersion
from tests.faulty.cases import ENVIRON, Case, cases_of, watching
from tests.faulty.isolated import is_possible, isolated, joined
from tests.faulty.name_server import RESPONSE_CODES
from tests.faulty.process import FaultyServer, Handler, NameServer
from tests.faulty.timing import ROUNDING_MS, WAITED_ROUNDING_S, phases_total_ms, waited_s

pytestmark = pytest.mark.skipif(not is_possible(), reason="this machine lets no ordinary user make namespaces")

DEADLINE_S = 1.5
NAME_SERVER_TIMEOUT_S = 1  # the least that resolv.conf(5) knows
NAME, NAME_SERVER = "endpoint.test", "127.0.0.2"


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handler]:
    """The handler in a network with nothing but loopback, and a name server that never answers."""
    resolv = tmp_path_factory.mktemp("etc") / "resolv.conf"
    resolv.write_text("nameserver 127.0.0.1\noptions timeout:30 attempts:1\n")
    with Handler(before=isolated(resolv=resolv, network=True), **ENVIRON) as running:
        yield running


def _outcomes(handler: Handler, endpoint: str, ca_file: str, *, deadline_s: float = DEADLINE_S) -> list[dict[str, Any]]:
    entries = [case.target(0, ca_file, endpoint=endpoint) for case in cases_of(["healthy"])]
    result, _ = handler.invoke(watching(entries, deadline_s), seconds=20)
    return result["response"]["targets"]  # type: ignore[no-any-return]  # JSON


def test_name_server_that_never_answers(alone: Handler) -> None:
    """A hanging name server is DnsFailed at the deadline; the system's own time-out is not awaited."""
    for outcome in _outcomes(alone, NAME, ""):
        assert (outcome["phase"], outcome["failure"]) == ("dns", "DnsFailed")
        assert outcome["elapsed_ms"] < (DEADLINE_S + 1.5) * 1000
        assert DEADLINE_S - 0.1 <= waited_s(outcome) <= outcome["elapsed_ms"] / 1000 + WAITED_ROUNDING_S
        assert list(outcome["phases_ms"]) == ["dns"]


def test_name_that_is_slow_to_resolve(tmp_path: Path) -> None:
    """The resolver's wait for a silent name server is in the DNS phase and in the connect; the target is healthy."""
    resolv, nsswitch, hosts = (tmp_path / name for name in ("resolv.conf", "nsswitch.conf", "hosts"))
    resolv.write_text(f"nameserver 127.0.0.1\noptions timeout:{NAME_SERVER_TIMEOUT_S} attempts:1\n")
    nsswitch.write_text("hosts: dns files\n")
    hosts.write_text(f"127.0.0.1 {NAME}\n")
    alone = isolated(hosts=hosts, resolv=resolv, nsswitch=nsswitch, network=True)
    with FaultyServer("healthy", before=alone) as server, Handler(before=joined(server.pid), **ENVIRON) as handler:
        outcomes = _outcomes(handler, f"{NAME}:{server.port('healthy')}", server.ca_file, deadline_s=10)
    for outcome in outcomes:
        assert outcome["healthy"], outcome["reason"]
        assert outcome["phases_ms"]["dns"] >= NAME_SERVER_TIMEOUT_S * 1000 - ROUNDING_MS
        assert phases_total_ms(outcome) <= outcome["connect_ms"] + ROUNDING_MS


@pytest.fixture(scope="module")
def name_failures(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[dict[str, Any]]]:
    """The outcomes of a name for each way in which a name server can fail, and of a name server that is not there."""
    resolv = tmp_path_factory.mktemp("etc") / "resolv.conf"
    resolv.write_text(f"nameserver {NAME_SERVER}\noptions timeout:{NAME_SERVER_TIMEOUT_S} attempts:1\n")
    with Handler(before=isolated(resolv=resolv, network=True), **ENVIRON) as handler:
        absent = _outcomes(handler, f"absent.{NAME}", "", deadline_s=10)
        with NameServer(NAME_SERVER, before=joined(handler.pid)):
            failures = {
                label: _outcomes(handler, f"{label}.{NAME}", "", deadline_s=10) for label in (*RESPONSE_CODES, "silent")
            }
    return failures | {"absent": absent}


@pytest.mark.parametrize(
    ("label", "error_name", "words"),
    [
        ("nxdomain", "EAI_NONAME", "Name or service not known"),
        ("empty", "EAI_NODATA", "No address associated with hostname"),
        ("servfail", "EAI_AGAIN", "the name server reports a failure such as SERVFAIL, or nothing listens there"),
        ("refused", "EAI_AGAIN", "the name server reports a failure such as SERVFAIL, or nothing listens there"),
        ("notimp", "EAI_AGAIN", "the name server reports a failure such as SERVFAIL, or nothing listens there"),
        ("absent", "EAI_AGAIN", "the name server reports a failure such as SERVFAIL, or nothing listens there"),
        ("silent", "EAI_AGAIN", "a name server is silent"),
    ],
)
def test_name_server_that_fails_is_told_from_a_silent_one(
    name_failures: Mapping[str, list[dict[str, Any]]], label: str, error_name: str, words: str
) -> None:
    """The system has one error for SERVFAIL and silence; that the first comes at once tells them apart."""
    for outcome in name_failures[label]:
        assert (outcome["failure"], outcome["error_name"]) == ("DnsFailed", error_name)
        assert outcome["reason"].endswith(words)
        silent = outcome["phases_ms"]["dns"] >= NAME_SERVER_TIMEOUT_S * 1000 - ROUNDING_MS
        assert silent is (label == "silent")


def test_address_without_route(alone: Handler) -> None:
    """A network that leads nowhere is TcpFailed at once, with the system's own words."""
    # TEST-NET-1 (RFC 5737); in this namespace no packet can leave.
    for outcome in _outcomes(alone, "192.0.2.1:443", ""):
        assert (outcome["phase"], outcome["failure"], outcome["error_name"]) == ("tcp", "TcpFailed", "ENETUNREACH")
        assert "unreachable" in outcome["reason"]


@pytest.mark.parametrize("version", MqttVersion)
def test_address_that_changes_between_runs(tmp_path: Path, version: MqttVersion) -> None:
    """Every run resolves the name again; an earlier address is never reused."""
    hosts = tmp_path / "hosts"
    hosts.write_text(f"127.0.0.1 {NAME}\n")
    failures: list[str | None] = []
    with FaultyServer("healthy") as server, Handler(before=isolated(hosts=hosts), **ENVIRON) as handler:
        entry = Case(scenario="healthy", version=version).target(server.port("healthy"), server.ca_file)
        entry["endpoint"] = f"{NAME}:{server.port('healthy')}"
        for address in ("127.0.0.1", "127.0.0.2", "127.0.0.1"):
            hosts.write_text(f"{address} {NAME}\n")
            result, _ = handler.invoke(watching([entry], DEADLINE_S), seconds=20)
            failures += [target["failure"] for target in result["response"]["targets"]]
    assert failures == [None, "TcpRefused", None]
