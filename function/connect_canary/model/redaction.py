"""Redaction: foreign text made printable, bounded and free of secrets."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote

MAX_TEXT_CHARACTERS = 160
# What is shown if a secret stands in the text in another form than one that can be masked.
NOT_SHOWN = "(not shown: it repeats a secret)"
_MAX_READ_CHARACTERS, _MAX_LINE_CHARACTERS = 16384, 640
# Text that shares so many characters with a secret shows a part of it.
_SHARED_CHARACTERS = 8
_MIN_SECRET_CHARACTERS = 4
# The length of the name is bounded: a long run of x-amz-x-amz- would otherwise take quadratic time.
_SIGNED = re.compile(r"(?i)(x-amz-[a-z-]{1,64}|password|token|signature)(=|%3D|\"?:\s*\"?)[^&\s\"]+")


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return foreign `text` as one printable line of bounded length that shares no 8 characters with any secret.

    What is written as it is, percent-encoded or in JSON is masked; a text that repeats a secret in another encoding, or
    split, is not shown at all. Secrets of fewer than 4 characters are not masked: they would mask ordinary text. The
    time is linear in the secrets' length, because only the beginning of the text is read.
    """
    known = [secret for secret in secrets if len(secret) >= _MIN_SECRET_CHARACTERS]
    line = _one_line(text[:_MAX_READ_CHARACTERS])[:_MAX_LINE_CHARACTERS]
    for width, parts in _parts((form for secret in known for form in _written_forms(secret)), str):
        line = _mask(line, width, parts)
    line = _SIGNED.sub(r"\1\2***", line)
    shown = line if len(line) <= MAX_TEXT_CHARACTERS else f"{line[:MAX_TEXT_CHARACTERS]}..."
    return NOT_SHOWN if _repeats_any(shown, known) else shown


def _one_line(text: str) -> str:
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())


def _written_forms(secret: str) -> set[str]:
    line = _one_line(secret)
    return {line, quote(secret, safe=""), quote(secret), json.dumps(secret)[1:-1]}


def _parts(forms: Iterable[str], normalize: Callable[[str], str]) -> Iterator[tuple[int, frozenset[str]]]:
    """Yield each width with the parts of that many characters; a shorter form is one part itself."""
    by_width: dict[int, set[str]] = {}
    for form in forms:
        folded = normalize(_fold(form))
        width = min(len(folded), _SHARED_CHARACTERS)
        if width >= _MIN_SECRET_CHARACTERS:
            by_width.setdefault(width, set()).update(_slices(folded, width))
    return ((width, frozenset(parts)) for width, parts in sorted(by_width.items(), reverse=True))


def _slices(text: str, width: int) -> Iterator[str]:
    return (text[start : start + width] for start in range(len(text) - width + 1))


def _mask(line: str, width: int, parts: frozenset[str]) -> str:
    """Return `line` with three asterisks for each run of characters that some of `parts` cover."""
    covered = bytearray(len(line))
    for start, part in enumerate(_slices(_fold(line), width)):
        if part in parts:
            covered[start : start + width] = b"\1" * width
    return re.sub(
        "\0+", "***", "".join("\0" if hide else character for hide, character in zip(covered, line, strict=True))
    )


def _repeats_any(line: str, secrets: Iterable[str]) -> bool:
    """Return whether any reading of `line` shares 8 characters with a secret, whatever stands between them."""
    # Imported late: only the text of a failure needs it, and its expressions are compiled.
    from connect_canary.model.readings import readings, without_gaps  # noqa: PLC0415

    # Readings of decoded bytes have one character a byte.
    forms = {form for secret in secrets for form in (secret, secret.encode(errors="replace").decode("latin-1"))}
    wanted = [(normalize, *part) for normalize in (without_gaps, _letters) for part in _parts(forms, normalize)]
    return bool(wanted) and any(
        not parts.isdisjoint(_slices(normalize(_fold(reading)), width))
        for reading in readings(line)
        for normalize, width, parts in wanted
    )


def _letters(text: str) -> str:
    return "".join(character for character in text if character.isalnum())


def _fold(text: str) -> str:
    """Return `text` in lower case, character by character, so that its length stays."""
    return "".join(low if len(low := character.lower()) == 1 else character for character in text)
