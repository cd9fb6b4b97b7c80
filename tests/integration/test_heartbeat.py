"""The heartbeat of a run: asked over TLS after each run that was completed, and never at the run's expense."""

import json
import os
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from connect_canary import __version__
from tests.faulty.cases import ENVIRON
from tests.faulty.heartbeats import Switch, dead_mans_switch
from tests.faulty.pki import Pki
from tests.faulty.process import ROOT, FaultyServer, Handler
from tests.unit.handler_process import closed_port

TOKEN = "5b1d7f0a-token"
PATH = f"/ping/{TOKEN}?key={TOKEN}"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """A private authority and its certificates."""
    return Pki(tmp_path_factory.mktemp("switch"))


@pytest.fixture
def switch(pki: Pki) -> Iterator[Switch]:
    """A dead man's switch with a certificate of that authority."""
    with dead_mans_switch(pki.file("good")) as switch:
        yield switch


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """An endpoint that refuses TCP."""
    with closed_port() as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def handler(pki: Pki) -> Iterator[Handler]:
    """A warm process of the handler whose system trusts the authority."""
    with Handler(**ENVIRON, SSL_CERT_FILE=str(pki.ca_file)) as running:
        running.invoke({"CANARY_ENDPOINT": "localhost"}, seconds=30, event={"dry_run": True})
        yield running


def _url(switch: Switch, host: str = "localhost") -> str:
    return f"https://{host}:{switch.port}{PATH}"


def _run(  # noqa: PLR0913 - all but three are keywords
    handler: Handler,
    url: str,
    endpoint: str,
    *,
    seconds: float = 30,
    event: Mapping[str, Any] | None = None,
    others: Mapping[str, str] | None = None,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the result of a run, and its records about heartbeats; no output shows the URL's secrets."""
    environ = {"CANARY_ENDPOINT": endpoint, "CANARY_HEARTBEAT_URL": url, **(others or {})}
    result, printed = handler.invoke(environ, seconds=seconds, event=event)
    assert TOKEN not in printed
    assert TOKEN not in json.dumps(result)
    records = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    return result, [record for record in records if "heartbeat" in record.get("message", "")]


def test_run_that_was_completed_is_told(handler: Handler, switch: Switch, endpoint: str) -> None:
    """Once, with GET, whether targets are healthy or not, and without a record."""
    result, records = _run(handler, _url(switch), endpoint)
    assert result["response"]["healthy"] is False
    ((method, path, headers),) = switch.requests
    assert (method, path) == ("GET", PATH)
    assert headers["User-Agent"] == f"connect-canary/{__version__}"
    assert records == []


def test_every_run_is_told(handler: Handler, switch: Switch, endpoint: str) -> None:
    """Each one anew, also those of other documents and of selected targets."""
    for event in ({}, {}, {"only": ["default"]}):
        _run(handler, _url(switch), endpoint, event=event)
    assert len(switch.requests) == 3


def test_dry_run_is_not_told(handler: Handler, switch: Switch, endpoint: str) -> None:
    """Nothing ran, and the response does not show the URL."""
    result, _ = _run(handler, _url(switch), endpoint, event={"dry_run": True})
    assert result["response"]["dry_run"] is True
    assert switch.requests == []


@pytest.mark.parametrize(
    "targets", [[{"name": "a"}, {"name": "b", "expect": "x"}], [{"name": "b", "expect": "x"}]], ids=["some", "all"]
)
def test_run_with_problems_is_not_told(
    handler: Handler, switch: Switch, endpoint: str, targets: list[dict[str, str]]
) -> None:
    """A run that raises was not completed, even if other targets have run."""
    result, _ = _run(handler, _url(switch), endpoint, others={"CANARY_TARGETS": json.dumps({"targets": targets})})
    _run(handler, _url(switch), endpoint)
    assert "expect is 'x'" in result["raised"]
    assert len(switch.requests) == 1


def test_unusable_url_leaves_the_targets_their_run(handler: Handler, endpoint: str) -> None:
    """The problem is raised once they have run."""
    environ = {"CANARY_ENDPOINT": endpoint, "CANARY_HEARTBEAT_URL": f"http://localhost/{TOKEN}"}
    result, printed = handler.invoke(environ, seconds=30)
    assert result["raised"] == "CANARY_HEARTBEAT_URL is '***'; allowed: https://host[:port][/path][?query]"
    assert '"connect attempt finished"' in printed
    assert TOKEN not in printed


@pytest.mark.parametrize(
    ("status", "headers"), [(404, {}), (500, {}), (302, {"Location": f"https://localhost:1/{TOKEN}"})]
)
def test_other_status_is_a_warning(
    handler: Handler, switch: Switch, endpoint: str, status: int, headers: Mapping[str, str]
) -> None:
    """The run returns as ever; a redirect is not followed."""
    switch.status, switch.headers = status, headers
    result, (record,) = _run(handler, _url(switch), endpoint)
    assert (record["level"], record["message"], record["reason"]) == ("WARNING", "heartbeat failed", f"HTTP {status}")
    assert result["response"]["targets"][0]["failure"] == "TcpRefused"
    assert len(switch.requests) == 1


def test_switch_that_refuses_is_a_warning(handler: Handler, endpoint: str) -> None:
    """Nothing listens."""
    with closed_port() as closed:
        _, (record,) = _run(handler, f"https://{closed}{PATH}", endpoint)
    assert record["reason"].startswith("ConnectionRefusedError: ")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("untrusted", "certificate verify failed"),
        ("wrong-name", "certificate is not valid for"),
        ("expired", "expired"),
    ],
)
def test_certificate_is_verified(handler: Handler, pki: Pki, endpoint: str, kind: str, words: str) -> None:
    """The token goes to nobody else; the reason does not name the host."""
    with dead_mans_switch(pki.file(kind)) as switch:
        _, (record,) = _run(handler, _url(switch), endpoint)
    assert words in record["reason"]
    assert "localhost" not in record["reason"]
    assert switch.requests == []


@pytest.mark.parametrize("drips", [False, True], ids=["silent", "dripping"])
def test_slow_switch_ends_within_the_run(handler: Handler, switch: Switch, endpoint: str, *, drips: bool) -> None:
    """The response comes in time, whether nothing comes from the switch or a little again and again."""
    switch.silent, switch.drips, lambda_has_s = not drips, drips, 3.0
    started = time.monotonic()
    result, (record,) = _run(handler, _url(switch), endpoint, seconds=lambda_has_s)
    assert time.monotonic() - started < lambda_has_s
    assert result["response"]["targets"][0]["failure"] == "TcpRefused"
    assert record["reason"].startswith(("no response within 2.", "TimeoutError: "))


def test_target_that_hangs_leaves_time_for_the_heartbeat(handler: Handler, switch: Switch) -> None:
    """The run's deadline is cut before the heartbeat's tenth."""
    switch.pause_s = 0.6
    with FaultyServer("upgrade-silent") as server:
        at = {"CANARY_CA_FILE": server.ca_file, "CANARY_TIMEOUT_SECONDS": "60"}
        endpoint = f"localhost:{server.port('upgrade-silent')}"
        result, records = _run(handler, _url(switch), endpoint, seconds=10, others=at)
    assert result["response"]["targets"][0]["failure"] == "UpgradeTimedOut"
    assert (len(switch.requests), records) == (1, [])


@pytest.mark.parametrize("id_", ["egress-healthy", "egress-407"])
def test_egress_proxy_is_respected(handler: Handler, switch: Switch, endpoint: str, id_: str) -> None:
    """Through the proxy if there is one, with its password; its refusal is a warning, and its password is not shown."""
    with FaultyServer(id_) as proxy:
        url = f"http://user:{TOKEN}@127.0.0.1:{proxy.port(id_)}"
        _, records = _run(handler, _url(switch), endpoint, others={"HTTPS_PROXY": url, "NO_PROXY": "127.0.0.1"})
        received = proxy.seen(id_)
    assert received["connections"] == 1
    (asked,) = received["requests"]
    assert asked["headers"]["proxy-authorization"] == f"Basic {b64encode(f'user:{TOKEN}'.encode()).decode()}"
    assert len(switch.requests) == (id_ == "egress-healthy")
    assert [record["reason"] for record in records] == (
        [] if id_ == "egress-healthy" else ["OSError: Tunnel connection failed: 407 Proxy Authentication Required"]
    )


def test_no_proxy_is_respected(handler: Handler, switch: Switch, endpoint: str) -> None:
    """A switch in NO_PROXY is asked directly."""
    with closed_port() as closed:
        proxied = {"HTTPS_PROXY": f"http://{closed}", "NO_PROXY": f"localhost,{endpoint.partition(':')[0]}"}
        _, records = _run(handler, _url(switch), endpoint, others=proxied)
    assert (len(switch.requests), records) == (1, [])


@pytest.mark.parametrize("named", ["flag", "variable"])
def test_command_line_tells_only_whom_a_flag_names(
    pki: Pki, switch: Switch, endpoint: str, tmp_path: Path, named: str
) -> None:
    """A run on a developer's machine does not stand for the deployed canary's, which has the variable."""
    (tmp_path / "url").write_text(_url(switch))
    flag = ["--heartbeat_url", f"@{tmp_path / 'url'}"] if named == "flag" else []
    variable = {"CANARY_HEARTBEAT_URL": _url(switch)} if named == "variable" else {}
    done = _command_line(pki, "connect", "--endpoint", endpoint, "--repeat", "2", "--interval", "0", *flag, **variable)
    assert (done.returncode, done.stderr) == (1, "")
    assert len(switch.requests) == (2 if named == "flag" else 0)
    assert TOKEN not in done.stdout


def test_command_line_says_that_a_heartbeat_failed(pki: Pki, switch: Switch, endpoint: str, tmp_path: Path) -> None:
    """On standard error; the exit code is that of the targets. A check asks for nothing."""
    switch.status = 404
    (tmp_path / "url").write_text(_url(switch))
    flags = ["--endpoint", endpoint, "--heartbeat_url", f"@{tmp_path / 'url'}"]
    done = _command_line(pki, "connect", *flags)
    assert (done.returncode, done.stderr) == (1, "connect-canary: the heartbeat failed: HTTP 404\n")
    checked = _command_line(pki, "check", *flags)
    assert (checked.returncode, TOKEN in checked.stdout + checked.stderr) == (0, False)
    assert len(switch.requests) == 1


def _command_line(pki: Pki, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    around = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "function"), "SSL_CERT_FILE": str(pki.ca_file)}
    command = [sys.executable, "-m", "connect_canary", *arguments, "--auth_mode", "custom-unsigned"]
    return subprocess.run(
        command, env=around | environ, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT
    )
