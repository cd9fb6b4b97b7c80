"""What the HTTP response to a refused upgrade says: a message for people, and the time."""

import html
import json
import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

# A title stands at the start; the rest of a page says nothing about the failure.
_MAX_PAGE_BYTES = 16384
_TITLE = re.compile(r"<title[^>]*>([^<]*)", re.IGNORECASE)


def refusal_message(headers: Mapping[str, str], body: bytes) -> str:
    """Return the `message` of a JSON error, the title of a page and the server that shows it, else the body.

    Names of `headers` are in lower case. The message is foreign text: `redact` it before it is shown.
    """
    if _is_html(headers, body):
        server = headers.get("server", "")
        return "; ".join(text for text in (_title(body), f"Server: {server}" if server else "") if text)
    text = body.decode("utf-8", "replace")
    try:
        document: Any = json.loads(text)
    except (ValueError, RecursionError):
        return text
    message = document.get("message") if isinstance(document, dict) else None
    return message if isinstance(message, str) else text


def clock_skew_s(headers: Mapping[str, str], now: float) -> float | None:
    """Return `now` (seconds since the epoch) minus the time in the `Date` header, None if there is no such time."""
    try:
        date = parsedate_to_datetime(headers.get("date", ""))
        return now - (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _is_html(headers: Mapping[str, str], body: bytes) -> bool:
    start = body[:_MAX_PAGE_BYTES].lstrip().lower()
    return headers.get("content-type", "").lower().startswith("text/html") or start.startswith((b"<!doctype", b"<html"))


def _title(body: bytes) -> str:
    """Return the text of the page's title, an empty one if it has none."""
    found = _TITLE.search(body[:_MAX_PAGE_BYTES].decode("utf-8", "replace"))
    return html.unescape(found[1]) if found else ""
