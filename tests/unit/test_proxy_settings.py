"""The egress proxy of HTTPS_PROXY and NO_PROXY."""

import re
import socket
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect_canary.config.plan import Plan
from connect_canary.config.problems import SettingsError
from connect_canary.config.proxy_settings import ProxySettings
from connect_canary.network.errors import DialError
from connect_canary.network.resolver import resolve
from connect_canary.run import plan_run
from tests.unit.factories import ENDPOINT, REGION, environment
from tests.unit.fake_aws import FakeAws

BAD = "HTTPS_PROXY is '***'; allowed: http://[user:password@]host[:port]"


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("http://proxy.test:3128", "proxy.test", 3128),
        ("http://proxy.test:3128/", "proxy.test", 3128),
        ("http://proxy.test", "proxy.test", 80),
        ("proxy.test:3128", "proxy.test", 3128),
        (" HTTP://PROXY.test:3128\n", "proxy.test", 3128),
        ("http://[::1]:3128", "::1", 3128),
    ],
)
def test_proxy_is_read_from_its_url(url: str, host: str, port: int) -> None:
    """With or without a scheme, as other tools read it."""
    proxy = ProxySettings.from_environment({"HTTPS_PROXY": url}).proxy_for("iot.example.com", 443)
    assert proxy is not None
    assert (proxy.host, proxy.port, proxy.authorization) == (host, port, None)


def test_proxy_password_is_sent_and_not_shown() -> None:
    """Percent-encoding in the URL is undone; the repr shows neither name nor password."""
    proxy = ProxySettings.from_environment({"HTTPS_PROXY": "http://us%40er:hid%3Aden@proxy.test:3128"}).proxy
    assert proxy is not None
    assert proxy.authorization is not None
    kind, _, pair = proxy.authorization.partition(" ")
    assert (kind, b64decode(pair)) == ("Basic", b"us@er:hid:den")
    assert pair not in repr(proxy)


@pytest.mark.parametrize(
    "url",
    [
        "https://proxy.test",
        "socks5://proxy.test",
        "http://",
        "http://proxy.test:0",
        "http://proxy.test:65536",
        "http://proxy.test:port",
        "http://[::1",
        "http://user:hidden@ho\u2100st:3128",
        "http://user:hidden\udc80@proxy.test",
        "http://pro\x07xy.test:3128",
    ],
)
def test_proxy_that_cannot_be_used_is_refused(url: str) -> None:
    """The sentence and what led to it show nothing of the URL, which may hold a password."""
    with pytest.raises(SettingsError) as caught:
        ProxySettings.from_environment({"HTTPS_PROXY": url})
    assert caught.value.problems == (BAD,)
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize("environ", [{}, {"HTTPS_PROXY": ""}, {"HTTPS_PROXY": " "}, {"HTTP_PROXY": "http://x"}])
def test_proxy_unset_is_none(environ: dict[str, str]) -> None:
    """A proxy for plain HTTP is not for us."""
    assert ProxySettings.from_environment(environ).proxy_for("iot.example.com", 443) is None


def test_proxy_in_lower_case_goes_first() -> None:
    """As curl and Python have it."""
    proxy = ProxySettings.from_environment({"HTTPS_PROXY": "http://upper", "https_proxy": "http://lower"}).proxy
    assert proxy is not None
    assert proxy.host == "lower"


@given(st.text(), st.text(), st.text(min_size=1))
def test_any_text_makes_a_proxy_or_a_settings_error(url: str, bypassed: str, host: str) -> None:
    """Nothing in the environment leads anywhere else."""
    try:
        ProxySettings.from_environment({"HTTPS_PROXY": url, "NO_PROXY": bypassed}).proxy_for(host, 443)
    except SettingsError as error:
        sentences = error.problems
    else:
        sentences = (BAD,)
    assert sentences == (BAD,)


@pytest.mark.parametrize(("host", "why"), [("a..b", "Name or service not known"), ("ä..b", "it is no host name")])
async def test_proxy_whose_name_is_no_host_name_does_not_resolve(host: str, why: str) -> None:
    """Python's own error about one that is not ASCII is not an OSError."""
    proxy = ProxySettings.from_environment({"HTTPS_PROXY": f"http://{host}:3128"}).proxy_for("iot.example.com", 443)
    assert proxy is not None
    with pytest.raises(DialError, match=rf"^{re.escape(host)} does not resolve: {why}$"):
        await resolve(proxy.host, proxy.port)


def test_bypassed_hosts_in_lower_case_go_first() -> None:
    """no_proxy goes before NO_PROXY, as https_proxy before HTTPS_PROXY."""
    environ = {"https_proxy": "http://a:1", "NO_PROXY": "upper.example", "no_proxy": "lower.example"}
    settings = ProxySettings.from_environment(environ)
    assert settings.proxy_for("lower.example", 443) is None
    assert settings.proxy_for("upper.example", 443) == settings.proxy


TLS_HANDSHAKE = b"\x16"
REFERENCED = "ssm:/iot-connect-canary/canary/proxy"


def _plan(
    monkeypatch: pytest.MonkeyPatch, variable: str = "HTTPS_PROXY", region: str = REGION, **settings: str
) -> Plan:
    """Return the plan with a proxy that is a reference, also in the process's own environment, which boto3 reads."""
    for name in ("https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, REFERENCED)
    return plan_run({}, {**environment(**settings), "AWS_REGION": region, variable: REFERENCED})


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy"])
def test_proxy_from_reference(aws: FakeAws, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """It is read without a proxy, as other references are then, and used for the target with its password."""
    aws.parameters = {REFERENCED.removeprefix("ssm:"): "http://user:hidden@proxy.test:3128\n", "/name": "prod"}
    plan = _plan(monkeypatch, variable, client_id="ssm:/name")
    (planned,) = plan.planned
    assert planned.proxy is not None
    assert (planned.proxy.host, planned.proxy.port) == ("proxy.test", 3128)
    assert "hidden" in planned.proxy.secrets
    assert planned.target.client_id == "prod"
    assert sorted(aws.calls) == ["GetParameter /iot-connect-canary/canary/proxy", "GetParameter /name"]


def test_referenced_proxy_does_not_stop_boto3(monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 reads HTTPS_PROXY too, for services with https:// as all of AWS are, and must not take it for a URL."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"https://127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
        with ThreadPoolExecutor(1) as pool:
            hello = pool.submit(_first_byte, server)
            with pytest.raises(SettingsError, match="HTTPS_PROXY refers to ssm:"):
                _plan(monkeypatch, region="ca-west-1")
            assert hello.result() == TLS_HANDSHAKE


def _first_byte(server: socket.socket) -> bytes:
    """Return the first byte of the first client, and close it and the server, so that none waits."""
    client, _ = server.accept()
    with client:
        server.close()
        return client.recv(1)


def test_endpoint_is_asked_for_past_a_referenced_proxy(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """The canary's own calls of AWS go directly while the proxy is a reference."""
    aws.parameters = {REFERENCED.removeprefix("ssm:"): "http://proxy.test:3128"}
    aws.endpoint = ENDPOINT
    (planned,) = _plan(monkeypatch, endpoint="").planned
    assert planned.target.host == ENDPOINT


@pytest.mark.parametrize(
    "value", ["hunter2", "user:hunter2@proxy.test:3128", "https://proxy.test", "http://hidden:99999", "ssm:/x"]
)
def test_referenced_proxy_that_is_none(aws: FakeAws, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """Without http:// a value could be any other secret, and a proxy's host is printed."""
    aws.parameters = {REFERENCED.removeprefix("ssm:"): value}
    with pytest.raises(SettingsError) as caught:
        _plan(monkeypatch)
    (problem,) = caught.value.problems
    assert problem.endswith("is '***'; allowed: http://[user:password@]host[:port]")
    assert value not in problem


def test_referenced_proxy_that_cannot_be_read(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names the variable, the reference and what AWS says."""
    aws.denied = {REFERENCED.removeprefix("ssm:")}
    with pytest.raises(SettingsError) as caught:
        _plan(monkeypatch)
    assert caught.value.problems == (
        f"HTTPS_PROXY refers to {REFERENCED}: AccessDeniedException: not authorized to perform GetParameter",
    )
