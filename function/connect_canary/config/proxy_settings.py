"""The egress proxy that HTTPS_PROXY and NO_PROXY name."""

import contextlib
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from ipaddress import ip_address, ip_network
from urllib.parse import SplitResult, unquote, urlsplit

from connect_canary.config.problems import SettingsError
from connect_canary.config.sources.schemes import is_reference
from connect_canary.model.frozen import frozen
from connect_canary.model.secret import Secret
from connect_canary.network.proxy import Proxy

_DEFAULT_PORT = 80
_SEPARATORS = re.compile(r"[\s,]+")


@frozen
class ProxySettings:
    """The egress proxy, and what NO_PROXY says of the hosts that are connected directly."""

    proxy: Proxy | None = None
    no_proxy: str = ""

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str], fetch: Callable[[str], Secret] | None = None
    ) -> "ProxySettings":
        """Return what HTTPS_PROXY and NO_PROXY say; raise SettingsError if they cannot be used.

        With `fetch`, which returns its value or raises ValueError with a sentence, HTTPS_PROXY may be a reference.
        """
        url = (environ.get("https_proxy") or environ.get("HTTPS_PROXY") or "").strip()
        if fetch and is_reference(url):
            url = _referenced_url(url, fetch)
        return cls(
            proxy=_parse_proxy_url(url) if url else None,
            no_proxy=environ.get("no_proxy") or environ.get("NO_PROXY") or "",
        )

    def proxy_for(self, host: str, port: int) -> Proxy | None:
        """Return the proxy for `host` and `port`, None if they are connected directly.

        As in curl and Python's urllib, NO_PROXY is `*` alone, for every host, or a list of names separated by commas;
        a name stands for itself and everything below it, with or without a leading dot, in any case.

        Beside what both of them have, a name may have a port (as in urllib), a trailing dot, or be a network like
        10.0.0.0/8, and spaces separate names too (as in curl). Ours alone is `*.example.com` for `.example.com`.
        """
        direct = self.no_proxy == "*" or any(
            _matches(rule, host.lower(), port) for rule in _SEPARATORS.split(self.no_proxy.lower())
        )
        return None if direct else self.proxy


def _matches(rule: str, host: str, port: int) -> bool:
    if "/" in rule:
        return _is_in_network(host, rule)
    name = rule.removeprefix("*") if rule.startswith("*.") else rule
    name = name.strip(".")
    return any(each == name or each.endswith(f".{name}") for each in (host, f"{host}:{port}"))


def _is_in_network(host: str, network: str) -> bool:
    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False


def _referenced_url(reference: str, fetch: Callable[[str], Secret]) -> str:
    try:
        url = fetch(reference).reveal().strip()
    except ValueError as error:
        raise SettingsError([f"HTTPS_PROXY refers to {reference}: {error}"]) from error
    if not url.lower().startswith("http://"):
        # A proxy's host is printed, and without a scheme any other secret would be taken for one.
        raise SettingsError([f"HTTPS_PROXY (from {reference}) is '***'; allowed: http://[user:password@]host[:port]"])
    return url


def _parse_proxy_url(url: str) -> Proxy:
    # The error of urlsplit would show the URL and its password.
    with contextlib.suppress(ValueError):
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = _DEFAULT_PORT if parts.port is None else parts.port
        if parts.scheme == "http" and parts.hostname and parts.hostname.isprintable() and port:
            return Proxy(host=parts.hostname, port=port, authorization=_authorization(parts))
    raise SettingsError(["HTTPS_PROXY is '***'; allowed: http://[user:password@]host[:port]"])


def _authorization(parts: SplitResult) -> str | None:
    if parts.username is None:
        return None
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return f"Basic {b64encode(pair.encode()).decode()}"
