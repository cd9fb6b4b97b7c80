"""Which proxy is used when the environment names two: the lower-case variables go first, as curl reads them."""

from collections.abc import Iterator
from typing import Any

import pytest

from connect_canary.settings import MqttVersion
from tests.faulty.canary import ENVIRON, Case, watching
from tests.faulty.process import FaultyServer, Handler

GOOD, BAD, ENDPOINT = "egress-healthy", "egress-403", "healthy"


@pytest.fixture(scope="module")
def server() -> Iterator[FaultyServer]:
    """A healthy endpoint, a proxy that leads to it, and one that refuses."""
    with FaultyServer(GOOD, BAD, ENDPOINT) as running:
        yield running


@pytest.fixture(scope="module")
def handler() -> Iterator[Handler]:
    """A warm process of the handler."""
    with Handler(**ENVIRON) as running:
        yield running


def _run(server: FaultyServer, handler: Handler, environ: dict[str, str]) -> tuple[dict[str, Any], set[str]]:
    """Return the outcome of one target, and which listeners had a client."""
    entry = Case(situation=ENDPOINT, version=MqttVersion.V5).target(server.port(ENDPOINT), server.ca_file)
    before = _connections(server)
    said, _ = handler.invoke(watching([entry], 10) | environ, seconds=30)
    after = _connections(server)
    return said["answer"]["targets"][0], {id_ for id_ in after if after[id_] > before[id_]}


def _connections(server: FaultyServer) -> dict[str, int]:
    seen = zip(server.ports, server.report(), strict=True)
    return {id_: listener["connections"] for (id_, _), listener in seen}


@pytest.mark.parametrize(
    ("lower", "upper", "used"),
    [(GOOD, BAD, GOOD), (BAD, GOOD, BAD), (GOOD, None, GOOD), (None, GOOD, GOOD), ("", GOOD, GOOD)],
    ids=["good-bad", "bad-good", "good-unset", "unset-good", "empty-good"],
)
def test_lower_case_https_proxy_goes_first(
    server: FaultyServer, handler: Handler, lower: str | None, upper: str | None, used: str
) -> None:
    """An empty one is as good as none."""
    written = {"https_proxy": lower, "HTTPS_PROXY": upper}
    environ = {
        name: f"http://127.0.0.1:{server.port(id_)}" if id_ else "" for name, id_ in written.items() if id_ is not None
    }
    outcome, visited = _run(server, handler, environ)
    assert visited == ({GOOD, ENDPOINT} if used == GOOD else {BAD})
    assert outcome["failure"] == (None if used == GOOD else "TcpFailed"), outcome["reason"]


@pytest.mark.parametrize(
    ("lower", "upper", "direct"),
    [
        ("localhost", "elsewhere.test", True),
        ("elsewhere.test", "localhost", False),
        ("", "localhost", True),
        (None, "localhost", True),
        ("localhost", None, True),
    ],
)
def test_lower_case_no_proxy_goes_first(
    server: FaultyServer, handler: Handler, lower: str | None, upper: str | None, *, direct: bool
) -> None:
    """A host that it bypasses is reached without the proxy."""
    written = {"no_proxy": lower, "NO_PROXY": upper}
    environ = {name: text for name, text in written.items() if text is not None}
    outcome, visited = _run(server, handler, environ | {"HTTPS_PROXY": f"http://127.0.0.1:{server.port(GOOD)}"})
    assert outcome["healthy"], outcome["reason"]
    assert visited == ({ENDPOINT} if direct else {GOOD, ENDPOINT})
