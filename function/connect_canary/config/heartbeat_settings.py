"""The heartbeat's URL, from its setting."""

import re
from urllib.parse import urlsplit

from connect_canary.config.problems import problem_message
from connect_canary.config.proxy_settings import ProxySettings
from connect_canary.config.references import ReferenceResolver, resolve_values
from connect_canary.config.values import Value
from connect_canary.model.secret import Secret
from connect_canary.reporting.heartbeat import Heartbeat

_URL = re.compile(r"https://[A-Za-z0-9_.-]+(:[0-9]{1,5})?([/?][!-~]*)?")
_MAX_PORT = 65535


def read_heartbeat(
    setting: Value, references: ReferenceResolver, proxy_settings: ProxySettings, problems: list[str]
) -> Heartbeat | None:
    """Return the heartbeat, None without one or with one that cannot be used, whose problem is appended."""
    resolved, mistakes = resolve_values({"heartbeat_url": setting}, references.fetch, references.holds_secret)
    problems += mistakes
    value = resolved.get("heartbeat_url")
    if value is None or not value.is_set:
        return None
    url = value.reveal().strip()
    if not _URL.fullmatch(url) or not 0 < _port(url) <= _MAX_PORT:
        problems.append(problem_message(value, "allowed: https://host[:port][/path][?query]"))
        return None
    return Heartbeat(url=Secret(url), proxy=proxy_settings.proxy_for(urlsplit(url).hostname or "", _port(url)))


def _port(url: str) -> int:
    port = url.removeprefix("https://").partition("/")[0].partition("?")[0].partition(":")[2]
    return int(port) if port else 443
