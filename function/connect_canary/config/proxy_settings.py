"""The egress proxy that HTTPS_PROXY and NO_PROXY name."""

import contextlib
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from connect_canary.config.problems import SettingsError
from connect_canary.network.proxy import Proxy

_DEFAULT_PORT = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxySettings:
    """The egress proxy, and the hosts and domains in `no_proxy` that are connected directly."""

    proxy: Proxy | None = None
    no_proxy: str = ""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "ProxySettings":
        """Return what HTTPS_PROXY and NO_PROXY say; raise SettingsError if they cannot be used."""
        url = environ.get("https_proxy") or environ.get("HTTPS_PROXY")
        return cls(
            proxy=_parse_proxy_url(url.strip()) if url and url.strip() else None,
            no_proxy=environ.get("no_proxy") or environ.get("NO_PROXY") or "",
        )

    def proxy_for(self, host: str, port: int) -> Proxy | None:
        """Return the proxy for `host` and `port`, None if they are connected directly."""
        rules = [rule.strip().lower().lstrip("*.") for rule in self.no_proxy.split(",") if rule.strip()]
        names = (host.lower(), f"{host.lower()}:{port}")
        direct = any(not rule or name == rule or name.endswith(f".{rule}") for rule in rules for name in names)
        return None if direct else self.proxy


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
