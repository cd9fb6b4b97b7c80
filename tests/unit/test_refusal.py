"""A refused upgrade: what of its response is worth a line, and how far this host's clock is off."""

import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect_canary.probe.refusal import clock_skew_s, refusal_message

NOON = 1795521600.0  # 2026-11-24 12:00:00 UTC
# Of a page no more is searched for its title.
_READ_BYTES = 16384
NGINX = b"""<html>\r
<head><title>503 Service Temporarily Unavailable</title></head>
<body><center><h1>503 Service Temporarily Unavailable</h1></center><hr><center>nginx/1.24.0</center></body></html>"""


@pytest.mark.parametrize(
    ("headers", "body", "message"),
    [
        ({"server": "nginx/1.24.0"}, NGINX, "503 Service Temporarily Unavailable; Server: nginx/1.24.0"),
        ({}, NGINX, "503 Service Temporarily Unavailable"),
        ({"content-type": "text/html; charset=utf-8"}, b"<h1>no", ""),
        ({"content-type": "text/html", "server": "squid"}, b"<h1>no", "Server: squid"),
        ({}, b"\n <!DOCTYPE html><HTML><TITLE lang='en'>a &amp; b</TITLE>", "a & b"),
        ({}, "<html>\u0130\u0130<title>after letters that grow</title>".encode(), "after letters that grow"),
        ({}, b"<html><title>cut off", "cut off"),
        ({}, b"<html><title", ""),
        ({}, b"<html>".ljust(_READ_BYTES - 9) + b"<title>at the end", "at"),
        ({}, b"<html>".ljust(2 * _READ_BYTES) + b"<title>far below</title>", ""),
        ({"server": "nginx"}, b'{"message": "<title>no page</title>"}', "<title>no page</title>"),
        ({"server": "nginx"}, b"plain words", "plain words"),
        ({}, b"", ""),
    ],
)
def test_response_is_reduced_to_what_it_says(headers: dict[str, str], body: bytes, message: str) -> None:
    """A page to its title and its server, JSON to its message; anything else is quoted."""
    assert refusal_message(headers, body) == message


@pytest.fixture(autouse=True)
def _time_zone() -> Iterator[None]:
    """Leave the process in the time zone that it had."""
    yield
    time.tzset()


@pytest.mark.parametrize(
    ("date", "skew_s"),
    [
        ("Tue, 24 Nov 2026 12:00:00 GMT", 0.0),
        ("Tue, 24 Nov 2026 11:40:00 GMT", 1200.0),
        ("Tue, 24 Nov 2026 12:20:00 GMT", -1200.0),
        ("Tue, 24 Nov 2026 12:00:00 -0000", 0.0),
        ("Tuesday, 24-Nov-26 12:00:00 GMT", 0.0),
        ("Tue, 24 Nov 2026 14:00:00 +0200", 0.0),
        ("Tue, 99 Nov 2026 12:00:00 GMT", None),
        ("now", None),
        ("", None),
    ],
)
def test_clock_skew_is_ours_minus_theirs(monkeypatch: pytest.MonkeyPatch, date: str, skew_s: float | None) -> None:
    """Positive if this host's clock is ahead, in any time zone; unknown is None."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    assert clock_skew_s({"date": date}, NOON) == skew_s


def test_response_without_a_date_has_no_skew() -> None:
    """Nothing is invented."""
    assert clock_skew_s({}, NOON) is None


@given(st.text(), st.binary())
def test_any_response_is_read(header: str, body: bytes) -> None:
    """Whatever stands there, nothing raises."""
    assert isinstance(refusal_message({"content-type": header, "server": header}, body), str)
    assert isinstance(clock_skew_s({"date": header}, NOON), float | None)


@pytest.mark.parametrize("tag", [b"<title", b"<title>", b"<"])
def test_endless_page_takes_no_time(tag: bytes) -> None:
    """An endpoint may send a megabyte before it is cut off."""
    before = time.process_time()
    refusal_message({}, b"<html>" + tag * 170_000)
    assert time.process_time() - before < 1
