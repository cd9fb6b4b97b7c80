"""The rules for an endpoint: `host` or `host:port` of AWS IoT Core or a custom domain."""

import re
from collections.abc import Iterator

DEFAULT_PORT = 443
MAX_PORT = 65535
MAX_HOST_CHARACTERS = 253  # RFC 1035, section 2.3.4, without the root's dot
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
HOST_PATTERN = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_LEGACY = re.compile(r"[a-z0-9]+\.iot\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?", re.IGNORECASE)
_CREDENTIALS = re.compile(r"[a-z0-9]+\.credentials\.iot\.", re.IGNORECASE)
PORT_PATTERN = re.compile(r"[0-9]{1,5}")
_REGION_OF = re.compile(r"\.iot\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?$", re.IGNORECASE)


def region_of_host(host: str) -> str:
    """Return the region in the name of an AWS IoT Core endpoint, empty for a custom domain."""
    found = _REGION_OF.search(host)
    return found.group(1) if found else ""


def endpoint_problem(text: str) -> str | None:
    """Return why an endpoint cannot be used and what is allowed; None if it can be used."""
    host, colon, port = text.partition(":")
    return next((allowed for refused, allowed in _endpoint_rules(text, host) if refused), None) or (
        f"allowed: a port from 1 to {MAX_PORT} after the host"
        if colon and not (PORT_PATTERN.fullmatch(port) and 0 < int(port) <= MAX_PORT)
        else None
    )


def _endpoint_rules(text: str, host: str) -> Iterator[tuple[bool, str]]:
    yield not text, "allowed: host or host:port, or leave it unset to ask iot:DescribeEndpoint"
    yield "://" in text, "allowed: host or host:port without a scheme (no https://, no wss://, no mqtts://)"
    yield text.find("/") == len(text) - 1, "allowed: host or host:port without a slash at the end"
    yield "/" in text or "?" in text, "allowed: host or host:port without a path; the path is always /mqtt"
    yield host.endswith("."), "allowed: host or host:port without a dot at the end of the host"
    yield HOST_PATTERN.fullmatch(host) is None, "allowed: host or host:port"
    yield len(host) > MAX_HOST_CHARACTERS, f"allowed: a host of at most {MAX_HOST_CHARACTERS} characters"
    yield _LEGACY.fullmatch(host) is not None, _LEGACY_REFUSED
    yield _CREDENTIALS.match(host) is not None, "this is the credentials provider; allowed: the iot:Data-ATS endpoint"


_LEGACY_REFUSED = (
    "this legacy name shows a certificate that clients no longer trust; "
    "allowed: the -ats name (aws iot describe-endpoint --endpoint-type iot:Data-ATS) or a custom domain"
)
