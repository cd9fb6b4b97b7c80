"""TCP's counters at the verdict tell packets that get lost from a peer that is silent, over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from connect_canary.model.mqtt import MqttVersion
from connect_canary.model.network_finding import NetworkFinding
from connect_canary.model.outcome import Outcome
from connect_canary.model.owners import Owner
from connect_canary.probe import attempt as attempts
from connect_canary.probe.attempt import run_attempt
from connect_canary.probe.attempt_state import AttemptState
from connect_canary.probe.verdict import build_outcome
from connect_canary.probe.wire_evidence import network_finding
from tests.faulty import steps
from tests.faulty.packet_loss import POSSIBLE
from tests.faulty.server import FaultyEndpoint
from tests.faulty.server_connection import ServerConnection
from tests.faulty.steps import Behaviour, sequence
from tests.unit.factories import target_of

pytestmark = pytest.mark.skipif(not POSSIBLE, reason="this system lets this user attach no socket filter")

DEADLINE_S = 4.0  # two probes of an idle connection, and a second more
# More than a segment without data has, less than any ClientHello; and between Python's ClientHello and the SDK's.
_ANY_DATA, _SMALL_CLIENT_HELLO = 100, 1000


@pytest.fixture
async def endpoint(tmp_path: Path) -> AsyncIterator[FaultyEndpoint]:
    """An endpoint without listeners yet."""
    async with FaultyEndpoint(tmp_path) as running:
        yield running


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch) -> list[AttemptState]:
    """The states from which outcomes are built."""
    seen: list[AttemptState] = []

    def build(state: AttemptState) -> Outcome:
        seen.append(state)
        return build_outcome(state)

    monkeypatch.setattr(attempts, "build_outcome", build)
    return seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What happens to a connection, and what TCP's counters must show of it."""

    behaviour: Behaviour
    failure: str | None
    finding: NetworkFinding | None
    detail: str = ""
    lose_longer_than: int | None = None


async def _stop_in_the_first_connection(connection: ServerConnection) -> bool:
    """Stop in the middle of a record to the SDK, and show the certificate check everything."""
    if connection.number > 1:
        return await steps.tls_handshake()(connection)
    return await sequence(steps.tls_handshake(allow=400), steps.silence)(connection)


SCENARIOS = {
    "healthy": Scenario(behaviour=Behaviour(), failure=None, finding=None),
    "path is cut before the ClientHello": Scenario(
        behaviour=Behaviour(),
        lose_longer_than=_ANY_DATA,
        failure="TlsTimedOut",
        finding=NetworkFinding.PACKETS_LOST,
    ),
    "path is cut before the CONNECT": Scenario(
        behaviour=Behaviour(upgrade=steps.switch_protocols(cuts_path=True)),
        failure="ConnackTimedOut",
        finding=NetworkFinding.PACKETS_LOST,
    ),
    "path carries small packets only": Scenario(
        behaviour=Behaviour(),
        lose_longer_than=_SMALL_CLIENT_HELLO,
        failure="TlsTimedOut",
        finding=NetworkFinding.FLIGHT_TOO_LARGE,
        detail="(a small ClientHello passes, the SDK's does not)",
    ),
    "service is silent in TLS": Scenario(
        behaviour=Behaviour(accept=steps.silence), failure="TlsTimedOut", finding=NetworkFinding.PEER_SILENT
    ),
    "service is silent at the upgrade": Scenario(
        behaviour=Behaviour(upgrade=steps.silence), failure="UpgradeTimedOut", finding=NetworkFinding.PEER_SILENT
    ),
    "service is silent after CONNECT": Scenario(
        behaviour=Behaviour(connack=steps.silence), failure="ConnackTimedOut", finding=NetworkFinding.PEER_SILENT
    ),
    "service stops in its first TLS flight": Scenario(
        behaviour=Behaviour(handshake=sequence(steps.tls_handshake(allow=100), steps.silence)),
        failure="TlsTimedOut",
        finding=None,
    ),
    "service stops in the SDK's first TLS flight only": Scenario(
        behaviour=Behaviour(handshake=_stop_in_the_first_connection), failure="TlsTimedOut", finding=None
    ),
    "service resets in TLS": Scenario(
        behaviour=Behaviour(accept=sequence(steps.receive, steps.reset)), failure="TlsFailed", finding=None
    ),
    "service closes after CONNECT": Scenario(
        behaviour=Behaviour(connack=sequence(steps.receive_connect, steps.close)),
        failure="ConnectionHungUp",
        finding=None,
    ),
    "service refuses": Scenario(
        behaviour=Behaviour(connack=steps.send_connack(5, 135)), failure="NotAuthorized", finding=None
    ),
}


async def _attempt(endpoint: FaultyEndpoint, scenario: Scenario, version: MqttVersion) -> Outcome:
    port = await endpoint.serve(scenario.behaviour, lose_longer_than=scenario.lose_longer_than)
    target = target_of(
        endpoint=f"localhost:{port}",
        ca_file=str(endpoint.pki.ca_file),
        auth_mode="custom-unsigned",
        mqtt_version=version,
    )
    return await run_attempt(target, timeout_s=DEADLINE_S)


@pytest.mark.parametrize("name", SCENARIOS)
async def test_what_the_counters_show(endpoint: FaultyEndpoint, states: list[AttemptState], name: str) -> None:
    """Packets that are lost are the network's fault; a service that is silent although it got them is not."""
    scenario = SCENARIOS[name]
    outcomes = await asyncio.gather(*(_attempt(endpoint, scenario, version) for version in MqttVersion))
    assert {outcome.failure for outcome in outcomes} == {scenario.failure}, [outcome.reason for outcome in outcomes]
    assert [network_finding(state) for state in states] == [scenario.finding] * len(MqttVersion)
    for outcome in outcomes:
        assert scenario.detail in (outcome.reason or "")
        counters = outcome.as_dict()["network"]
        assert isinstance(counters, dict)
        assert set(counters) == {"rtt_ms", "retransmits", "unacknowledged", "bytes_acked"}
        lost = scenario.finding in {NetworkFinding.PACKETS_LOST, NetworkFinding.FLIGHT_TOO_LARGE}
        assert (counters["retransmits"] > 0 and counters["unacknowledged"] > 0) is lost, counters
        assert counters["bytes_acked"] > 0
        assert 0 <= counters["rtt_ms"] < DEADLINE_S * 1000


async def _lose_packets(connection: ServerConnection) -> bool:
    connection.lose_packets()
    return True


async def test_path_that_is_cut_while_both_sides_wait(endpoint: FaultyEndpoint, states: list[AttemptState]) -> None:
    """Nothing of ours is in flight, so only the probes tell it from a service that is silent."""
    silent = sequence(steps.receive_connect, _lose_packets, steps.silence)
    scenario = Scenario(
        behaviour=Behaviour(connack=silent), failure="ConnackTimedOut", finding=NetworkFinding.PACKETS_LOST
    )
    outcomes = await asyncio.gather(*(_attempt(endpoint, scenario, version) for version in MqttVersion))
    assert [(outcome.failure, outcome.owner) for outcome in outcomes] == [(scenario.failure, Owner.NETWORK)] * 2
    assert [network_finding(state) for state in states] == [scenario.finding] * 2
    assert [outcome.network and outcome.network.retransmits for outcome in outcomes] == [0, 0]


async def test_counters_are_null_without_a_connection(endpoint: FaultyEndpoint) -> None:
    """Nothing was connected, and nothing is invented."""
    port = await endpoint.listen("port-closed")
    outcome = await run_attempt(
        target_of(endpoint=f"localhost:{port}", auth_mode="custom-unsigned"), timeout_s=DEADLINE_S
    )
    assert (outcome.failure, outcome.as_dict()["network"]) == ("TcpRefused", None)
