"""Redaction: no 8 characters of a secret are shown, in whatever form an endpoint repeats it."""

from random import Random

import pytest

from connect_canary.config import target_validator
from connect_canary.model.readings import MAX_READINGS, readings
from connect_canary.model.redaction import MAX_TEXT_CHARACTERS, NOT_SHOWN, redact
from tests.faulty.secret_forms import (
    ENCODERS,
    PARTS,
    chains,
    encode,
    in_context,
    is_shown,
    random_chain,
    random_secret,
)
from tests.faulty.secret_fuzz import leaks

SECRET = 'Zx8/kT+p2=Lq7 w9&Vb3<->"Rm5'
TWICE = [chain for chain in chains(2) if chain[0] == "whole"]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_secret_that_is_encoded_once_is_not_shown(encoder: str, part: str) -> None:
    """Each part in each form, in the middle of a message."""
    chain = (part, encoder)
    assert not is_shown(chain, SECRET, redact(f"denied: {encode(chain, SECRET)} (403)", [SECRET]))


def test_secret_that_is_encoded_twice_is_not_shown() -> None:
    """Each pair of forms."""
    redacted = {chain: redact(f"denied: {encode(chain, SECRET)}", [SECRET]) for chain in TWICE}
    assert [chain for chain, text in redacted.items() if is_shown(chain, SECRET, text)] == []


@pytest.mark.parametrize("form", [r"\{:03o}", r"\x{:02x}", r"\u{:04x}"], ids=["octal", "hexadecimal", "JSON"])
def test_secret_in_the_escapes_of_a_programming_language_is_not_shown(form: str) -> None:
    """Each character as a number, as C and JSON write what they cannot write as it is."""
    escaped = "".join(form.format(ord(character)) for character in SECRET)
    assert redact(f"denied: {escaped}", [SECRET]) == NOT_SHOWN


@pytest.mark.parametrize("times", range(1, 12))
def test_secret_that_is_percent_encoded_many_times_is_not_shown(times: int) -> None:
    """Until nothing is left to decode."""
    chain = ("whole", *["percent-encoded"] * times)
    assert not is_shown(chain, SECRET, redact(encode(chain, SECRET), [SECRET]))


def test_random_secrets_in_random_forms_are_not_shown() -> None:
    """A slice of what `python -m tests.faulty.secret_fuzz` tries."""
    random = Random(20261124)  # noqa: S311 - test data
    for _ in range(400):
        secret, chain = random_secret(random), random_chain(random)
        shown = redact(in_context(random, encode(chain, secret)), [secret])
        assert not is_shown(chain, secret, shown), (chain, secret)


@pytest.mark.parametrize("chain", [("whole",), ("whole", "base64"), ("whole", "HTML, decimal", "base64")])
def test_check_sees_a_secret_that_is_shown(chain: tuple[str, ...]) -> None:
    """A check that finds nothing proves nothing unless it could find something."""
    assert is_shown(chain, SECRET, f"denied: {encode(chain, SECRET)}")
    assert not is_shown(chain, SECRET, "denied: The security token included in the request is invalid.")


@pytest.mark.parametrize(
    ("text", "secrets", "shown"),
    [
        pytest.param("bad password", ["my-password"], "bad ***", id="a part of 8 characters"),
        pytest.param("bad passwor", ["my-passwor.d"], "bad passwor", id="a part of 7 characters"),
        pytest.param("user hunter2 unknown", ["hunter2"], "user *** unknown", id="a short secret"),
        pytest.param("user ab1 unknown", ["ab1"], "user ab1 unknown", id="a secret of 3 characters"),
        pytest.param("h u n t e r 2", ["hunter2"], NOT_SHOWN, id="a short secret, split"),
        pytest.param("a %C3%A9 b", ["é"], "a %C3%A9 b", id="too short a secret, encoded"),
        pytest.param("got a%2Fb%2Fc%2Fd%2F", ["a/b/c/d/"], "got ***", id="percent-encoded"),
        pytest.param("got KioqIyMjISEhJCQk", ["***###!!!$$$"], NOT_SHOWN, id="a secret without letters"),
        pytest.param("got w6TDtsO8w59hYmNkZWY=", ["äöüßabcdef"], NOT_SHOWN, id="UTF-8 in base64"),
        pytest.param("got c2VjcmV0", ["something else"], "got c2VjcmV0", id="base64 of something else"),
    ],
)
def test_what_is_shown_of_a_text(text: str, secrets: list[str], shown: str) -> None:
    """What stands there as it is, is masked; a text that repeats a secret in another form is not shown."""
    assert redact(text, secrets) == shown


@pytest.mark.parametrize(
    "message",
    [
        "The security token included in the request is invalid.",
        "Signature expired: 20261124T101500Z is now earlier than 20261124T101501Z",
        "UnauthorizedException: The custom authorizer denied the request",
        "403 Forbidden; Server: nginx/1.22.1",
    ],
)
def test_message_of_a_service_stays_as_it_is(message: str) -> None:
    """With the secrets of a SigV4 client and of a custom authorizer."""
    random = Random(7)  # noqa: S311 - test data
    secrets = [f"AKIA{random_secret(random)}", *(random_secret(random) for _ in range(20))]
    assert redact(message, secrets) == message


@pytest.mark.parametrize("text", ["a" * 200_000, "%25" * 70_000, "QUFB" * 50_000, "&amp;" * 40_000, "\\u0041" * 30_000])
def test_hostile_text_is_bounded(text: str) -> None:
    """Long texts that decode to themselves, and secrets that begin alike."""
    shown = redact(text, ["a" * 400 + "b", "A" * 3000])
    assert len(shown) <= MAX_TEXT_CHARACTERS + len("...")
    assert len(list(readings(text[:MAX_TEXT_CHARACTERS]))) <= MAX_READINGS


def test_secrets_in_every_place_are_not_shown() -> None:
    """Random questions to redaction, handler and command line; a slice of what `make nightly` tries."""
    assert list(leaks(300, 20261124)) == []


def test_secret_that_a_sentence_tells_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same search with sentences that reveal their values."""
    monkeypatch.setattr(target_validator, "problem_message", lambda value, allowed: f"{value.reveal()!r}; {allowed}")
    assert len(list(leaks(300, 20261124))) > 3
