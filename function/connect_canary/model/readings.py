"""The readings of a text: what it says as it stands and in the encodings that endpoints put text into.

Whoever looks for a secret in foreign text has to look in all of them. The work is bounded: a text has at most
`MAX_READINGS` readings.
"""

import binascii
import html
import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from urllib.parse import unquote

MAX_READINGS = 250
# Shorter runs of base64 or hexadecimal digits hold fewer than 8 characters.
_BASE64_RUN = re.compile(r"[A-Za-z0-9+/]{11,}")
_HEX_RUN = re.compile(r"[0-9a-f]{16,}", re.IGNORECASE)
_HEX_SEPARATORS = re.compile(r"0x|\\x|[^0-9a-z]", re.IGNORECASE)
_ESCAPE = re.compile(
    r"\\(?:u([0-9a-f]{4})|u\{([0-9a-f]{1,6})\}|x([0-9a-f]{2})|([0-7]{3})|(.))", re.IGNORECASE | re.DOTALL
)
_QUOTED_PRINTABLE = re.compile(r"=([0-9A-Fa-f]{2})")
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]")
_URL_SAFE = str.maketrans("-_", "+/")
_LAST_CODE_POINT = 0x10FFFF
_REPLACEMENT_CHARACTER = "\ufffd"
_WHITE_SPACE_ESCAPES = frozenset("abfnrtv0")


def readings(text: str) -> Iterator[str]:
    """Yield `text`, and what each decoder makes of it and of what was decoded before, each reading once.

    Decoded bytes are read as ISO 8859-1, one character a byte, and as UTF-8.
    """
    waiting = list(dict.fromkeys((text, *(_NOT_BASE64.sub("", each) for each in (text, text.translate(_URL_SAFE))))))
    seen = set(waiting)
    for reading in waiting:  # which grows
        yield reading
        for decode in _DECODERS:
            for decoded in decode(reading):
                if decoded not in seen and len(seen) < MAX_READINGS:
                    seen.add(decoded)
                    waiting.append(decoded)


def without_gaps(text: str) -> str:
    """Return `text` without what may split a word: white space, control and replacement characters."""
    return "".join(
        character
        for character in text
        if character.isprintable() and not character.isspace() and character != _REPLACEMENT_CHARACTER
    )


def _dense(text: str) -> Iterator[str]:
    yield without_gaps(text)


def _html(text: str) -> Iterator[str]:
    yield _until_stable(html.unescape, text)


def _percent(text: str) -> Iterator[str]:
    yield _until_stable(lambda encoded: unquote(encoded, encoding="latin-1"), text)


def _until_stable(decode: Callable[[str], str], text: str) -> str:
    """Return `text` decoded until nothing changes; each time it becomes shorter."""
    while len(decoded := decode(text)) < len(text):
        text = decoded
    return decoded


def _escapes(text: str) -> Iterator[str]:
    r"""Yield `text` without the escapes of JSON and C: `\u0041`, `\x41`, `\101`, `\/`; those of white space vanish."""
    yield _until_stable(lambda escaped: _ESCAPE.sub(_unescape, escaped), text)


def _unescape(escape: re.Match[str]) -> str:
    hexadecimal, octal, other = escape[1] or escape[2] or escape[3], escape[4], escape[5]
    if other:
        return "" if other in _WHITE_SPACE_ESCAPES else other
    return chr(min(int(hexadecimal or octal, 16 if hexadecimal else 8), _LAST_CODE_POINT))


def _quoted_printable(text: str) -> Iterator[str]:
    yield _QUOTED_PRINTABLE.sub(lambda octet: chr(int(octet[1], 16)), text)


def _octets(text: str) -> Iterator[str]:
    """Yield the UTF-8 that was read as ISO 8859-1."""
    if not text.isascii():
        yield text.encode("latin-1", "ignore").decode("utf-8", "ignore")


def _hexadecimal(text: str) -> Iterator[str]:
    for run in _HEX_RUN.findall(_HEX_SEPARATORS.sub("", text)):
        for digits in (run, run[1:]):
            yield binascii.unhexlify(digits[: len(digits) // 2 * 2]).decode("latin-1")


def _base64(text: str) -> Iterator[str]:
    """Yield what base64 digits stand for, wherever in a run the encoded text begins."""
    for run in _BASE64_RUN.findall(text.translate(_URL_SAFE)):
        for start in range(4):
            digits = run[start:]
            whole = digits[: len(digits) // 4 * 4]
            rest = digits[len(whole) :]
            padded = whole + (rest + "=" * (4 - len(rest)) if len(rest) > 1 else "")
            yield b64decode(padded).decode("latin-1")


_DECODERS: tuple[Callable[[str], Iterator[str]], ...] = (
    _dense,
    _html,
    _percent,
    _escapes,
    _quoted_printable,
    _octets,
    _hexadecimal,
    _base64,
)
