"""Squid and tinyproxy as egress proxies, each with a port that is open, one that denies and one with a password."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.foreign.programs import LOOPBACK, program, running

USER, PASSWORD = "someone", "planted-proxy-password"
_KINDS = ("open", "denying", "authenticating")


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressProxy:
    """A running proxy: its ports, and what it says: status and words of each refusal, and who it is."""

    ports: Mapping[str, int]
    denied: tuple[int, str]
    unauthenticated: tuple[int, str]
    unreachable: tuple[int, str]
    server: str

    def url(self, kind: str, credentials: str = "") -> str:
        """Return the value of HTTPS_PROXY for one of its ports."""
        return f"http://{credentials}{'@' if credentials else ''}{LOOPBACK}:{self.ports[kind]}"


_SQUID = """
http_port {address}:{open} name=open
http_port {address}:{denying} name=denying
http_port {address}:{authenticating} name=authenticating
auth_param basic program {helper}
auth_param basic children 1
auth_param basic realm gate
acl denying myportname denying
acl authenticating myportname authenticating
acl known proxy_auth REQUIRED
http_access deny denying
http_access deny authenticating !known
http_access allow localhost
http_access deny all
visible_hostname gate.test
cache deny all
access_log none
cache_log {directory}/cache.log
cache_store_log none
pid_filename none
coredump_dir none
pinger_enable off
shutdown_lifetime 0 seconds
"""
# Squid asks for a user name and password; its helper accepts every one.
_SQUID_HELPER = Path("/usr/lib/squid/basic_fake_auth")


@contextmanager
def squid(directory: Path) -> Iterator[EgressProxy]:
    """Run squid, with a port for each kind."""
    path = program("squid")
    if not _SQUID_HELPER.exists():
        pytest.skip(f"{_SQUID_HELPER} is not installed")

    def configure(ports: Sequence[int]) -> list[str]:
        named = dict(zip(_KINDS, ports, strict=True))
        config = directory / "squid.conf"
        config.write_text(_SQUID.format(address=LOOPBACK, helper=_SQUID_HELPER, directory=directory, **named))
        return [path, "-N", "-f", str(config)]

    with running(configure, directory / "log", ports=len(_KINDS)) as ports:
        yield EgressProxy(
            ports=dict(zip(_KINDS, ports, strict=True)),
            denied=(403, "X-Squid-Error: ERR_ACCESS_DENIED"),
            unauthenticated=(407, "X-Squid-Error: ERR_CACHE_ACCESS_DENIED"),
            unreachable=(503, "X-Squid-Error: ERR_CONNECT_FAIL"),
            server="squid/",
        )


_TINYPROXY = "Port {port}\nListen {address}\nTimeout 30\nMaxClients 20\n{rule}\n"
_TINYPROXY_RULES: Mapping[str, str] = {
    "open": f"Allow {LOOPBACK}",
    "denying": f"Deny {LOOPBACK}",
    "authenticating": f"Allow {LOOPBACK}\nBasicAuth {USER} {PASSWORD}",
}


@contextmanager
def tinyproxy(directory: Path) -> Iterator[EgressProxy]:
    """Run a tinyproxy for each kind, because one has one port."""
    path = program("tinyproxy")
    with ExitStack() as stack:
        ports = {kind: stack.enter_context(_one_tinyproxy(path, directory, kind)) for kind in _KINDS}
        yield EgressProxy(
            ports=ports,
            denied=(403, "403 Access denied"),
            unauthenticated=(407, "407 Proxy Authentication Required"),
            unreachable=(500, "500 Unable to connect"),
            server="Server: tinyproxy/",
        )


@contextmanager
def _one_tinyproxy(path: str, directory: Path, kind: str) -> Iterator[int]:
    def configure(ports: Sequence[int]) -> list[str]:
        config = directory / f"{kind}.conf"
        config.write_text(_TINYPROXY.format(port=ports[0], address=LOOPBACK, rule=_TINYPROXY_RULES[kind]))
        return [path, "-d", "-c", str(config)]

    with running(configure, directory / f"{kind}.log") as (port,):
        yield port
