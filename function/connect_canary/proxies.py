"""The egress proxy that HTTPS_PROXY and NO_PROXY ask for."""

from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import SplitResult, unquote, urlsplit

from connect_canary.settings import SettingsError
from connect_canary.tunnel import Proxy

_DEFAULT_PORT = 80


def egress_proxy(host: str, environ: Mapping[str, str]) -> Proxy | None:
    """Return the proxy through which `host` is reached, None for none; raise SettingsError for an unusable one."""
    url = environ.get("https_proxy") or environ.get("HTTPS_PROXY")
    if not url or _bypassed(host, environ.get("no_proxy") or environ.get("NO_PROXY") or ""):
        return None
    parts = urlsplit(url if "://" in url else f"http://{url}")
    try:
        port = parts.port or _DEFAULT_PORT
    except ValueError:
        port = 0
    if parts.scheme != "http" or not parts.hostname or not port:
        # The URL may hold a password, so it is not shown.
        raise SettingsError(["HTTPS_PROXY cannot be used; allowed: http://[user:password@]host[:port]"])
    return Proxy(host=parts.hostname, port=port, authorization=_authorization(parts))


def _authorization(parts: SplitResult) -> str | None:
    if parts.username is None:
        return None
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return f"Basic {b64encode(pair.encode()).decode()}"


def _bypassed(host: str, no_proxy: str) -> bool:
    # 15 ms that only a proxy costs.
    from urllib.request import proxy_bypass_environment  # noqa: PLC0415

    return bool(proxy_bypass_environment(host, {"no": no_proxy}))
