"""The response to a refused upgrade: quoted briefly, in one line, and without the secrets that it echoes."""

import json
from collections.abc import Mapping, Sequence
from urllib.parse import quote

import pytest

from connect_canary.model.redaction import redact
from connect_canary.probe.diagnosis import error_details

TOKEN = "HiddenMark/+" * 80


def _details(
    body: bytes, headers: Mapping[str, str] | None = None, *, secrets: Sequence[str] = (TOKEN,)
) -> tuple[str | None, str | None]:
    """Return request id and message of a refused upgrade."""
    return error_details(headers or {}, body, secrets)


@pytest.mark.parametrize(
    "body",
    [
        f"no such credential: {TOKEN} (expired)",
        " " * 600 + TOKEN,
        "\r\n" * 5000 + TOKEN,
        json.dumps({"message": f"refused {TOKEN}"}),
        json.dumps({"reason": TOKEN}),
        f"GET /mqtt?key={quote(TOKEN, safe='')}",
        f"GET /mqtt?key={quote(TOKEN, safe='').lower()}",
        f"GET /mqtt?key={quote(TOKEN)}",
    ],
    ids=["long", "behind-spaces", "behind-lines", "message", "json", "encoded", "encoded-lower", "encoded-partly"],
)
def test_echoed_secret_is_never_quoted_in_part(body: str) -> None:
    """However long it is and wherever it stands, the piece that is quoted has nothing of it."""
    message = _details(body.encode())[1] or ""
    assert "***" in message
    assert "hiddenmark" not in message.lower()


@pytest.mark.parametrize("header", ["x-amzn-errortype", "x-amzn-requestid"])
def test_echoed_secret_in_header_is_not_quoted(header: str) -> None:
    """The headers are as untrusted as the body."""
    assert _details(b"", {header: "HiddenMark"}, secrets=("HiddenMark",)) == (None, None)


def test_headers_of_refusal_are_read() -> None:
    """Error type without its address, message and request id."""
    headers = {"x-amzn-errortype": "ForbiddenException:http://internal/", "x-amzn-requestid": "5b1d-7f0a"}
    details = _details(b'{"message": "Missing token"}', headers)
    assert details == ("5b1d-7f0a", "ForbiddenException: Missing token")


def test_body_too_deep_for_json_is_quoted() -> None:
    """The parser gives up, the diagnosis does not."""
    request_id, message = _details(b"[" * 500_000, {"x-amzn-requestid": "5b1d-7f0a"})
    assert request_id == "5b1d-7f0a"
    assert (message or "").startswith("[[[")


def test_long_words_take_no_time_to_clean() -> None:
    """Nothing of the megabyte that an endpoint may send costs more than its length."""
    assert redact("x-amz-" * 170_000, ()).startswith("x-amz-x-amz-")
