"""The head of an HTTP response (RFC 9112), taken as strictly as the SDK takes it."""

import re
from collections.abc import Mapping

from connect_canary.model.frozen import frozen

# awscrt 0.36.1, measured: no lower case, no other version, and a space after the status also without a reason phrase.
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([0-9]{3}) (.*)", re.DOTALL)
_PREFIX = b"HTTP/1."
_INTERIM = range(100, 200)
_SWITCHING_PROTOCOLS = 101


@frozen
class ResponseHead:
    """Status line and headers; their names are in lower case, the values of repeated ones are joined by commas."""

    status: int
    phrase: str
    headers: Mapping[str, str]

    @property
    def is_interim(self) -> bool:
        """Whether another head follows, as after 100 Continue (RFC 9110, section 15.2)."""
        return self.status in _INTERIM and self.status != _SWITCHING_PROTOCOLS


def can_be_http(received: bytes) -> bool:
    """Return whether `received` is, or can still become, the start of a response head."""
    return received.startswith(_PREFIX) or _PREFIX.startswith(received)


def parse_response_head(head: bytes) -> ResponseHead | None:
    """Return what `head` says, without the empty line that ends it; None if the SDK would not take it for HTTP."""
    line, *fields = head.split(b"\r\n")
    found = _STATUS_LINE.fullmatch(line)
    if found is None or any(b":" not in field for field in fields):
        return None
    headers: dict[str, str] = {}
    for field in fields:
        name, _, value = field.decode("utf-8", "replace").partition(":")
        known = headers.get(name.lower())
        headers[name.lower()] = value.strip() if known is None else f"{known}, {value.strip()}"
    return ResponseHead(status=int(found[1]), phrase=found[2].decode("utf-8", "replace").strip(), headers=headers)
