"""Which proxy is used when the environment names two: the lower-case variables go first, as curl reads them."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from connect_canary.model.mqtt import MqttVersion
from tests.faulty.cases import ENVIRON, Case, watching
from tests.faulty.process import FaultyServer, Handler

GOOD, BAD, ENDPOINT = "egress-healthy", "egress-403", "healthy"
# Where a client that speaks no MQTT gets an answer too.
FOR_CURL = "http-404"


@pytest.fixture(scope="module")
def server() -> Iterator[FaultyServer]:
    """A healthy endpoint, one for curl, a proxy that leads to both, and one that refuses."""
    with FaultyServer(GOOD, BAD, ENDPOINT, FOR_CURL) as running:
        yield running


@pytest.fixture(scope="module")
def handler() -> Iterator[Handler]:
    """A warm process of the handler."""
    with Handler(**ENVIRON) as running:
        yield running


def _run(server: FaultyServer, handler: Handler, environ: dict[str, str]) -> tuple[dict[str, Any], set[str]]:
    """Return the outcome of one target, and which listeners had a client."""
    entry = Case(scenario=ENDPOINT, version=MqttVersion.V5).target(server.port(ENDPOINT), server.ca_file)
    before = _connections(server)
    result, _ = handler.invoke(watching([entry], 10) | environ, seconds=30)
    after = _connections(server)
    return result["response"]["targets"][0], {id_ for id_ in after if after[id_] > before[id_]}


def _connections(server: FaultyServer) -> dict[str, int]:
    seen = zip(server.ports, server.report(), strict=True)
    return {id_: listener["connections"] for (id_, _), listener in seen}


_PROXIES = pytest.mark.parametrize(
    ("lower", "upper", "used"),
    [(GOOD, BAD, GOOD), (BAD, GOOD, BAD), (GOOD, None, GOOD), (None, GOOD, GOOD), ("", GOOD, GOOD)],
    ids=["good-bad", "bad-good", "good-unset", "unset-good", "empty-good"],
)
_BYPASSES = pytest.mark.parametrize(
    ("lower", "upper", "direct"),
    [
        ("localhost", "elsewhere.test", True),
        ("elsewhere.test", "localhost", False),
        ("", "localhost", True),
        (None, "localhost", True),
        ("localhost", None, True),
    ],
)
needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")


def _proxies(server: FaultyServer, lower: str | None, upper: str | None) -> dict[str, str]:
    written = {"https_proxy": lower, "HTTPS_PROXY": upper}
    return {
        name: f"http://127.0.0.1:{server.port(id_)}" if id_ else "" for name, id_ in written.items() if id_ is not None
    }


def _bypasses(server: FaultyServer, lower: str | None, upper: str | None) -> dict[str, str]:
    written = {"no_proxy": lower, "NO_PROXY": upper}
    return {name: text for name, text in written.items() if text is not None} | _proxies(server, None, GOOD)


@_PROXIES
def test_lower_case_https_proxy_goes_first(
    server: FaultyServer, handler: Handler, lower: str | None, upper: str | None, used: str
) -> None:
    """An empty one is as good as none."""
    outcome, visited = _run(server, handler, _proxies(server, lower, upper))
    assert visited == ({GOOD, ENDPOINT} if used == GOOD else {BAD})
    assert outcome["failure"] == (None if used == GOOD else "ProxyRefused"), outcome["reason"]


@_BYPASSES
def test_lower_case_no_proxy_goes_first(
    server: FaultyServer, handler: Handler, lower: str | None, upper: str | None, *, direct: bool
) -> None:
    """A host that it bypasses is reached without the proxy."""
    outcome, visited = _run(server, handler, _bypasses(server, lower, upper))
    assert outcome["healthy"], outcome["reason"]
    assert visited == ({ENDPOINT} if direct else {GOOD, ENDPOINT})


# -- curl itself ---------------------------------------------------------------------------------------------------


def _curl(server: FaultyServer, environ: Mapping[str, str]) -> set[str]:
    """Return which listeners have a client when curl requests the endpoint."""
    before = _connections(server)
    command = ["curl", "--silent", "--max-time", "5", "--cacert", server.ca_file]
    url = f"https://localhost:{server.port(FOR_CURL)}/"
    subprocess.run([*command, url], env={"PATH": os.environ["PATH"], **environ}, capture_output=True, check=False)
    after = _connections(server)
    return {id_ for id_ in after if after[id_] > before[id_]}


@needs_curl
@_PROXIES
def test_curl_chooses_the_same_proxy(server: FaultyServer, lower: str | None, upper: str | None, used: str) -> None:
    """What is expected above is what curl does."""
    assert _curl(server, _proxies(server, lower, upper)) == ({GOOD, FOR_CURL} if used == GOOD else {BAD})


@needs_curl
@_BYPASSES
def test_curl_bypasses_the_same_proxy(
    server: FaultyServer, lower: str | None, upper: str | None, *, direct: bool
) -> None:
    """Also where there are two lists of hosts."""
    assert _curl(server, _bypasses(server, lower, upper)) == ({FOR_CURL} if direct else {GOOD, FOR_CURL})
