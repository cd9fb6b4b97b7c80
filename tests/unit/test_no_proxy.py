"""NO_PROXY: what curl and Python's urllib agree on holds here too, and what is ours is told apart."""

import os
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]

import pytest

from connect_canary.config.proxy_settings import ProxySettings

HOST = "iot.example.com"
# NO_PROXY, the host, and whether it is connected directly; curl and urllib say the same.
AGREED: list[tuple[str, str, bool]] = [
    ("*", HOST, True),
    (HOST, HOST, True),
    ("IOT.example.COM", HOST, True),
    (HOST, "IOT.Example.com", True),
    ("example.com", HOST, True),
    (".example.com", HOST, True),
    (".example.com", "example.com", True),
    ("com", HOST, True),
    ("localhost,.example.com,x", HOST, True),
    ("localhost, .example.com ,x", HOST, True),
    ("10.1.2.3", "10.1.2.3", True),
    ("*, foo", HOST, False),
    ("foo,*", HOST, False),
    ("**", HOST, False),
    (".", HOST, False),
    ("ample.com", HOST, False),
    ("other.example.com", HOST, False),
    ("a.iot.example.com", HOST, False),
    ("iot.example.com.test", HOST, False),
    ("*example.com", HOST, False),
    ("iot.*.com", HOST, False),
    ("10.1.2.3", "10.1.2.4", False),
    (" ", HOST, False),
    (",", HOST, False),
    (",,x", HOST, False),
    ("", HOST, False),
]
# NO_PROXY and host, and who connects directly: we, urllib (asked with the port), curl 7.86 and later.
NOT_AGREED: list[tuple[str, str, bool, bool, bool]] = [
    ("*.example.com", HOST, True, False, False),
    ("iot.example.com:443", HOST, True, True, False),
    (".example.com:443", HOST, True, True, False),
    ("iot.example.com:8443", HOST, False, False, False),
    ("10.0.0.0/8", "10.1.2.3", True, False, True),
    ("10.0.0.0/8", "11.1.2.3", False, False, False),
    ("10.0.0.0/8", HOST, False, False, False),
    ("iot.example.com/8", HOST, False, False, False),
    ("example.com.", HOST, True, False, True),
    ("localhost .example.com x", HOST, True, False, True),
]
CURL = shutil.which("curl")
_CIDR_AND_DOTS = (7, 86)


@pytest.fixture(scope="module")
def refusing_proxy() -> Iterator[str]:
    """A proxy that refuses every CONNECT, so that curl tells whether it asked."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    accepted, _ = listener.accept()
                except OSError:
                    return
                with accepted:
                    if accepted.recv(65536):
                        accepted.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

        serving = threading.Thread(target=serve)
        serving.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        serving.join()


@pytest.fixture(scope="module")
def closed_port() -> Iterator[int]:
    """A port on which nothing listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def _ours(no_proxy: str, host: str) -> bool:
    environ = {"HTTPS_PROXY": "http://proxy.test", "NO_PROXY": no_proxy}
    return ProxySettings.from_environment(environ).proxy_for(host, 443) is None


def _curl(no_proxy: str, host: str, proxy: str, port: int) -> bool:
    """Return whether curl connects directly; what it connects to directly is always `port` on loopback."""
    command = [str(CURL), "-q", "--silent", "--output", os.devnull, "--max-time", "20"]
    asked = ["--connect-to", f"::127.0.0.1:{port}", "--write-out", "%{http_connect}", f"https://{host}/"]
    environ = {"PATH": os.environ["PATH"], "HTTPS_PROXY": proxy, "NO_PROXY": no_proxy}
    done = subprocess.run([*command, *asked], env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout in {"403", "000"}, done
    return done.stdout == "000"


def _curl_version() -> tuple[int, ...]:
    shown = subprocess.run(
        [str(CURL), "-q", "--version"], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    found = re.match(r"curl (\d+)\.(\d+)", shown)
    return tuple(map(int, found.groups())) if found else (0, 0)


@pytest.mark.parametrize(("no_proxy", "host", "direct"), AGREED)
def test_agreed_rules_are_ours_and_urllibs(no_proxy: str, host: str, *, direct: bool) -> None:
    """A rule is a host or a domain with everything below it; everything is one star alone."""
    assert proxy_bypass_environment(host, {"no": no_proxy}) is direct
    assert _ours(no_proxy, host) is direct


@pytest.mark.parametrize(
    ("environ", "direct"),
    [
        ({"no_proxy": "example.com", "NO_PROXY": "other.test"}, True),
        ({"no_proxy": "other.test", "NO_PROXY": "example.com"}, False),
        ({"NO_PROXY": "example.com"}, True),
    ],
)
def test_lower_case_goes_first(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], *, direct: bool) -> None:
    """As in urllib."""
    for name in {name for name in os.environ if name.lower().endswith("_proxy")}:
        monkeypatch.delenv(name)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert proxy_bypass_environment(HOST, getproxies_environment()) is direct
    settings = ProxySettings.from_environment({"HTTPS_PROXY": "http://proxy.test"} | environ)
    assert (settings.proxy_for(HOST, 443) is None) is direct


@pytest.mark.skipif(CURL is None, reason="curl is not installed")
@pytest.mark.parametrize(("no_proxy", "host", "direct"), AGREED)
def test_agreed_rules_are_curls(
    refusing_proxy: str, closed_port: int, no_proxy: str, host: str, *, direct: bool
) -> None:
    """The same table, with the curl of this machine."""
    assert _curl(no_proxy, host, refusing_proxy, closed_port) is direct


@pytest.mark.parametrize(("no_proxy", "host", "ours", "urllib", "_curl_says"), NOT_AGREED)
def test_rules_that_only_some_have(no_proxy: str, host: str, *, ours: bool, urllib: bool, _curl_says: bool) -> None:
    """Ports, networks, trailing dots, spaces, and a star before a domain."""
    assert _ours(no_proxy, host) is ours
    assert proxy_bypass_environment(f"{host}:443", {"no": no_proxy}) is urllib


@pytest.mark.skipif(CURL is None, reason="curl is not installed")
@pytest.mark.parametrize(("no_proxy", "host", "_ours_is", "_urllib", "curl"), NOT_AGREED)
def test_rules_that_only_some_have_in_curl(
    refusing_proxy: str, closed_port: int, no_proxy: str, host: str, *, _ours_is: bool, _urllib: bool, curl: bool
) -> None:
    """What is said to be curl's is curl's."""
    if _curl_version() < _CIDR_AND_DOTS:
        pytest.skip("this curl is older than networks and trailing dots in NO_PROXY")
    assert _curl(no_proxy, host, refusing_proxy, closed_port) is curl
