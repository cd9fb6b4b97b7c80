"""Squid and tinyproxy as the egress proxy: through them to the endpoint, and how each says no."""

from collections.abc import Iterator
from typing import Any

import pytest

from connect_canary.model.mqtt import MqttVersion
from tests.faulty.process import FaultyServer
from tests.foreign.canary import Canary, every_version
from tests.foreign.egress_programs import PASSWORD, USER, EgressProxy, squid, tinyproxy
from tests.foreign.programs import free_ports

_PROGRAMS = {"squid": squid, "tinyproxy": tinyproxy}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[FaultyServer]:
    """A healthy endpoint behind the proxy."""
    with FaultyServer("healthy") as server:
        yield server


@pytest.fixture(scope="module", params=_PROGRAMS)
def proxy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EgressProxy]:
    """Each of the proxies."""
    with _PROGRAMS[request.param](tmp_path_factory.mktemp(request.param)) as running_proxy:
        yield running_proxy


@every_version
@pytest.mark.parametrize("kind", ["open", "authenticating"])
def test_connect_through_the_proxy(
    canary: Canary, endpoint: FaultyServer, proxy: EgressProxy, version: MqttVersion, kind: str
) -> None:
    """A client connects through the proxy, without and with a user name and password."""
    before = endpoint.seen("healthy")["connections"]
    credentials = f"{USER}:{PASSWORD}" if kind == "authenticating" else ""
    url = proxy.url(kind, credentials)
    outcome = canary.connect(endpoint.port("healthy"), version=version, proxy=url, ca_file=endpoint.ca_file)
    assert outcome["healthy"], str(outcome)
    assert endpoint.seen("healthy")["connections"] > before
    assert outcome["phases_ms"]["proxy"] > 0


def _refused(outcome: dict[str, Any], proxy: EgressProxy, expected: tuple[int, str]) -> str:
    """Return the failure of an outcome whose evidence is the proxy's own: status, words, and who it is."""
    status, words = expected
    assert (outcome["phase"], outcome["http_status"]) == ("proxy", status), outcome
    assert words in outcome["reason"]
    assert proxy.server in outcome["reason"]
    assert PASSWORD not in str(outcome)
    return str(outcome["failure"])


def test_password_is_missing(canary: Canary, endpoint: FaultyServer, proxy: EgressProxy) -> None:
    """Without credentials the proxy responds with 407, and says how to authenticate."""
    outcome = canary.connect(endpoint.port("healthy"), proxy=proxy.url("authenticating"))
    assert _refused(outcome, proxy, proxy.unauthenticated) == "ProxyAuthRequired"
    assert "Proxy-Authenticate: Basic" in outcome["reason"]
    assert outcome["owner"] == "canary's owner"


def test_access_is_denied(canary: Canary, endpoint: FaultyServer, proxy: EgressProxy) -> None:
    """An access rule of the proxy refuses with 403."""
    outcome = canary.connect(endpoint.port("healthy"), proxy=proxy.url("denying"))
    assert _refused(outcome, proxy, proxy.denied) == "ProxyRefused"
    assert outcome["owner"] == "proxy's owner"


def test_endpoint_is_unreachable_from_the_proxy(canary: Canary, proxy: EgressProxy) -> None:
    """Where nothing listens behind the proxy, its response says so."""
    outcome = canary.connect(free_ports(1)[0], proxy=proxy.url("open"))
    assert _refused(outcome, proxy, proxy.unreachable) == "ProxyRefused"
