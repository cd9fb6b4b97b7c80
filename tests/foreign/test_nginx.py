"""Nginx as the TLS terminator in front of an endpoint: what it passes on, its error pages, its certificates."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from connect_canary.model.mqtt import MqttVersion
from tests.faulty.pki import Pki
from tests.faulty.process import FaultyServer
from tests.foreign.canary import Canary, every_version
from tests.foreign.programs import LOOPBACK, free_ports, program, running

# What each port does with a request, and with which certificate.
_PAGES = ("401", "403", "502", "504")
_CERTIFICATES = ("expired", "untrusted", "wrong-name")
_CHAINS = ("longest-chain", "too-long-chain", "needless-certificates")
_SITES = ("healthy", *_PAGES, *_CERTIFICATES, *_CHAINS)
_GATEWAY_TIMEOUT_S = 4
_SHORT_DEADLINE_S = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Nginx:
    """A running nginx: the port of each site, and its version as its pages say it."""

    ports: Mapping[str, int]
    server: str


@pytest.fixture(scope="module")
def endpoint() -> Iterator[FaultyServer]:
    """An endpoint that is healthy, and one that never answers an upgrade."""
    with FaultyServer("healthy", "upgrade-silent") as running_server:
        yield running_server


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory, pki: Pki, endpoint: FaultyServer) -> Iterator[Nginx]:
    """An nginx with a port for each site."""
    path = program("nginx")
    directory = tmp_path_factory.mktemp("nginx")
    (directory / "users").write_text("nobody:{PLAIN}nothing\n")

    def configure(ports: Sequence[int]) -> list[str]:
        sites = [
            _site(port, site, pki, _action(site, endpoint, directory)) for port, site in zip(ports, _SITES, strict=True)
        ]
        (directory / "nginx.conf").write_text(_HEAD.format(directory=directory) + "".join(sites) + "}\n")
        return [path, "-p", str(directory), "-c", str(directory / "nginx.conf"), "-e", str(directory / "errors")]

    with running(configure, directory / "log", ports=len(_SITES)) as ports:
        yield Nginx(ports=dict(zip(_SITES, ports, strict=True)), server="nginx/")


# One process, so that the test stops all of it by its id.
_HEAD = """
daemon off;
master_process off;
pid {directory}/pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
"""
_SITE = """
    server {{
        listen {address}:{port} ssl;
        ssl_certificate {identity};
        ssl_certificate_key {identity};
        location /mqtt {{ {action} }}
    }}
"""


def _site(port: int, site: str, pki: Pki, action: str) -> str:
    identity = pki.file(site if site in (*_CERTIFICATES, *_CHAINS) else "good")
    return _SITE.format(address=LOOPBACK, port=port, identity=identity, action=action)


def _action(site: str, endpoint: FaultyServer, directory: Path) -> str:
    if site == "403":
        return "deny all;"
    if site == "401":
        return f'auth_basic "devices"; auth_basic_user_file {directory}/users;'
    if site == "502":
        return _proxied(free_ports(1)[0])
    return _proxied(endpoint.port("upgrade-silent" if site == "504" else "healthy"))


def _proxied(port: int) -> str:
    return (
        f"proxy_pass https://{LOOPBACK}:{port}; proxy_http_version 1.1; proxy_read_timeout {_GATEWAY_TIMEOUT_S}s;"
        " proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;"
    )


@every_version
def test_upgrade_is_passed_on(canary: Canary, nginx: Nginx, endpoint: FaultyServer, version: MqttVersion) -> None:
    """A client connects through nginx to the endpoint, and leaves it."""
    before = endpoint.seen("healthy")["connections"]
    outcome = canary.connect(nginx.ports["healthy"], version=version)
    assert outcome["healthy"], str(outcome)
    assert outcome["failure"] is None
    assert outcome["certificate_days_left"] > 0
    assert endpoint.seen("healthy")["connections"] > before


# The site, its title as nginx writes it, and the failure.
_ERROR_PAGES: Mapping[str, tuple[str, str]] = {
    "401": ("401 Authorization Required", "UpgradeForbidden"),
    "403": ("403 Forbidden", "UpgradeForbidden"),
    "502": ("502 Bad Gateway", "UpgradeRejected"),
    "504": ("504 Gateway Time-out", "UpgradeRejected"),
}


@every_version
@pytest.mark.parametrize("site", _PAGES)
def test_error_page(canary: Canary, nginx: Nginx, site: str, version: MqttVersion) -> None:
    """The reason has the page's title and the server, and none of its HTML; also of a gateway that waits for long."""
    title, failure = _ERROR_PAGES[site]
    outcome = canary.connect(nginx.ports[site], version=version)
    assert (outcome["failure"], outcome["http_status"], outcome["phase"]) == (failure, int(site), "upgrade"), outcome
    assert f"({title}; Server: {nginx.server}" in outcome["reason"]
    assert "<" not in outcome["reason"]


@pytest.mark.parametrize(
    ("site", "failure"),
    [
        ("expired", "CertificateExpired"),
        ("untrusted", "CertificateUntrusted"),
        ("wrong-name", "CertificateNameMismatch"),
    ],
)
def test_certificate_is_refused(canary: Canary, nginx: Nginx, site: str, failure: str) -> None:
    """The certificate's fault is named, and how long it is valid."""
    outcome = canary.connect(nginx.ports[site])
    assert (outcome["failure"], outcome["phase"], outcome["owner"]) == (failure, "tls", "endpoint's owner"), outcome
    assert (outcome["certificate_days_left"] < 0) is (site == "expired")


@every_version
@pytest.mark.parametrize("site", _CHAINS)
def test_chain_of_certificates(canary: Canary, nginx: Nginx, site: str, version: MqttVersion) -> None:
    """The SDK takes seven certificates, and is silent about more; whoever sends them is to blame, not the network."""
    outcome = canary.connect(nginx.ports[site], version=version, timeout_seconds=str(_SHORT_DEADLINE_S))
    if site == "longest-chain":
        assert outcome["healthy"], str(outcome)
        assert outcome["failure"] is None
    else:
        assert (outcome["failure"], outcome["owner"]) == ("TlsUnsupported", "endpoint's owner"), outcome
        assert outcome["certificate_days_left"] > 0
