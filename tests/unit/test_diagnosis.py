"""What an endpoint says of a refusal: quoted briefly, in one line, and without the secrets that it echoes."""

import json
from urllib.parse import quote

import pytest

from connect_canary.model.diagnosis import Diagnosis
from connect_canary.model.redaction import redact
from connect_canary.probe.auth.connect_auth import ConnectAuth
from connect_canary.probe.diagnosis import _DiagnosticSession

TOKEN = "HiddenMark/+" * 80


async def _diagnosis_of(
    body: bytes, headers: dict[str, str] | None = None, *, secrets: tuple[str, ...] = (TOKEN,)
) -> Diagnosis:
    """Return what is understood of a refused upgrade's answer."""
    diagnosis = Diagnosis()
    auth = ConnectAuth(sign=lambda _: pytest.fail("nothing is signed here"), secrets=secrets)
    _DiagnosticSession(diagnosis, auth, None)._read_headers(headers or {}, body)
    return diagnosis


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
async def test_echoed_secret_is_never_quoted_in_part(body: str) -> None:
    """However long it is and wherever it stands, the piece that is quoted has nothing of it."""
    words = (await _diagnosis_of(body.encode())).message or ""
    assert "***" in words
    assert "hiddenmark" not in words.lower()


@pytest.mark.parametrize("header", ["x-amzn-errortype", "x-amzn-requestid"])
async def test_echoed_secret_in_header_is_not_quoted(header: str) -> None:
    """The headers that are read are as foreign as the body."""
    diagnosis = await _diagnosis_of(b"", {header: "HiddenMark"}, secrets=("HiddenMark",))
    assert (diagnosis.message, diagnosis.request_id) == (None, None)


async def test_headers_of_refusal_are_read() -> None:
    """Error type without its address, message and request id."""
    headers = {"x-amzn-errortype": "ForbiddenException:http://internal/", "x-amzn-requestid": "5b1d-7f0a"}
    diagnosis = await _diagnosis_of(b'{"message": "Missing token"}', headers)
    assert (diagnosis.message, diagnosis.request_id) == ("ForbiddenException: Missing token", "5b1d-7f0a")


async def test_body_too_deep_for_json_is_quoted() -> None:
    """The parser gives up, the diagnosis does not."""
    diagnosis = await _diagnosis_of(b"[" * 500_000, {"x-amzn-requestid": "5b1d-7f0a"})
    assert diagnosis.request_id == "5b1d-7f0a"
    assert (diagnosis.message or "").startswith("[[[")


def test_long_words_take_no_time_to_clean() -> None:
    """Nothing of the megabyte that an endpoint may send costs more than its length."""
    assert redact("x-amz-" * 170_000, ()).startswith("x-amz-x-amz-")
