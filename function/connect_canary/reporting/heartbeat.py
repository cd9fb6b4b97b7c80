"""The heartbeat: one GET request to an external dead man's switch after each run that was completed."""

import contextlib
import re
import ssl
import threading
from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit

import connect_canary
from connect_canary.model.frozen import frozen
from connect_canary.model.redaction import redact
from connect_canary.model.secret import Secret
from connect_canary.network.proxy import Proxy

TIMEOUT_S = 3.0
_MIN_TIMEOUT_S = 0.05
_SUCCESSFUL = range(200, 300)


@frozen
class Heartbeat:
    """Whom to ask, and the egress proxy on the way; such URLs often hold a token, so all of it is secret."""

    url: Secret
    proxy: Proxy | None


def send_heartbeat(heartbeat: Heartbeat, *, timeout_s: float) -> str | None:
    """Ask for the heartbeat's URL and return why that failed, None if it did not; takes at most `timeout_s`."""
    if timeout_s < _MIN_TIMEOUT_S:
        return "no time was left for it"
    reasons: list[str | None] = []
    # A name server has no deadline in Python, and a socket's is for each operation only: the thread is abandoned.
    thread = threading.Thread(target=lambda: reasons.append(_ask(heartbeat, timeout_s)), daemon=True)
    thread.start()
    thread.join(timeout_s)
    return reasons[0] if reasons else f"no response within {timeout_s:.1f} s"


def _ask(heartbeat: Heartbeat, timeout_s: float) -> str | None:
    # Imported late: only a canary with a heartbeat needs it.
    from http.client import HTTPException, HTTPSConnection  # noqa: PLC0415

    parts, proxy = urlsplit(heartbeat.url.reveal()), heartbeat.proxy
    host, port = parts.hostname or "", parts.port or 443
    context = ssl.create_default_context()
    try:
        to = (proxy.host, proxy.port) if proxy else (host, port)
        with contextlib.closing(HTTPSConnection(*to, timeout=timeout_s, context=context)) as connection:
            if proxy:
                authorization = {"Proxy-Authorization": proxy.authorization} if proxy.authorization else {}
                connection.set_tunnel(host, port, headers=authorization)
            connection.request("GET", _target(parts), headers={"User-Agent": f"connect-canary/{_version()}"})
            status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        return redact(f"{type(error).__name__}: {error}", [*_secrets(parts), *(proxy.secrets if proxy else ())])
    return None if status in _SUCCESSFUL else f"HTTP {status}"


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _version() -> str:
    return connect_canary.__version__


def _secrets(parts: SplitResult) -> Iterator[str]:
    """Yield what must not be shown: the URL, its host, and each part of its path and query."""
    yield parts.geturl()
    yield parts.hostname or ""
    yield _target(parts)
    yield from re.split(r"[/?&=]", _target(parts))
