"""The forms in which an endpoint may repeat a secret: one table of encoders, and a check of what is shown of them."""

import base64
import html
import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from random import Random
from string import ascii_letters, digits
from urllib.parse import quote

Encode = Callable[[str], str]

SHARED_CHARACTERS = 8
_ALPHABET = ascii_letters + digits + "/+=-_.!@$^*()<>&\"' "
_LENGTHS = (12, 16, 20, 24, 40, 100)
_CONTEXTS = ("{}", "denied: {} (403)", 'Authorization failed for token="{}"', '{{"message":"bad {}"}}')


def _utf16(order: str) -> Encode:
    return lambda text: text.encode(f"utf-16-{order}").decode("utf-8", "replace")


def _each(pattern: str) -> Encode:
    return lambda text: "".join(pattern.format(ord(character)) for character in text)


def _each_octet(pattern: str) -> Encode:
    return lambda text: "".join(pattern.format(octet) for octet in text.encode())


# They take a part away or change it, so they come before what can be decoded again.
PARTS: Mapping[str, Encode] = {
    "whole": lambda text: text,
    "first half": lambda text: text[: len(text) // 2],
    "second half": lambda text: text[len(text) // 2 :],
    "one character missing": lambda text: text[:9] + text[10:],
    "upper case": str.upper,
    "lower case": str.lower,
    "swapped case": str.swapcase,
}
ENCODERS: Mapping[str, Encode] = {
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base64 of UTF-16": lambda text: base64.b64encode(text.encode("utf-16-le")).decode(),
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal, upper case": lambda text: text.encode().hex().upper(),
    "hexadecimal, spaced": lambda text: text.encode().hex(" "),
    "hexadecimal, in C": _each_octet("0x{:02x},"),
    "UTF-16, little endian": _utf16("le"),
    "UTF-16, big endian": _utf16("be"),
    "HTML, special characters": html.escape,
    "HTML, decimal": _each("&#{};"),
    "HTML, hexadecimal": _each("&#x{:x};"),
    "percent-encoded": lambda text: quote(text, safe=""),
    "percent-encoded, every octet": _each_octet("%{:02x}"),
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON, slashes": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "JSON, every character": _each("\\u{:04x}"),
    "C, every octet": _each_octet("\\x{:02x}"),
    "quoted-printable": _each_octet("={:02X}"),
    "split by spaces": " ".join,
    "split by NUL": "\0".join,
    "split by escape characters": "\x1b".join,
    "split by zero-width spaces": "\u200b".join,
    "split by line ends": lambda text: "\r\n".join(re.findall(".{1,5}", text, re.DOTALL)),
}


def chains(depth: int) -> Iterator[tuple[str, ...]]:
    """Yield every part of a secret with every sequence of `depth` encoders."""
    shorter: list[tuple[str, ...]] = [(part,) for part in PARTS]
    for _ in range(depth):
        shorter = [(*chain, encoder) for chain in shorter for encoder in ENCODERS]
    yield from shorter


def random_chain(random: Random) -> tuple[str, ...]:
    """Return a part and 0 to 3 encoders."""
    return (random.choice(list(PARTS)), *(random.choice(list(ENCODERS)) for _ in range(random.randrange(4))))


def random_secret(random: Random) -> str:
    """Return a secret of 12 to 100 characters of every kind."""
    return "".join(random.choice(_ALPHABET) for _ in range(random.choice(_LENGTHS)))


def encode(chain: Sequence[str], secret: str) -> str:
    """Return what the chain makes of a secret."""
    text = PARTS[chain[0]](secret)
    for name in chain[1:]:
        text = ENCODERS[name](text)
    return text


def in_context(random: Random, encoded: str) -> str:
    """Return a message with `encoded` in it."""
    return random.choice(_CONTEXTS).format(encoded)


def is_shown(chain: Sequence[str], secret: str, shown: str) -> bool:
    """Return whether `shown` has so much of the encoded secret that 8 of its characters can be told.

    White space is not counted, nor is what one of several encodings cannot be told by itself.
    """
    part = PARTS[chain[0]](secret)
    # The length of what each beginning of the part is encoded to: every encoder goes from left to right.
    lengths = [len(_comparable(encode(("whole", *chain[1:]), part[:end]))) for end in range(len(part) + 1)]
    blocks = SequenceMatcher(None, _comparable(encode(chain, secret)), _comparable(shown), autojunk=False)
    told = (_comparable(_told(part, lengths, b.a, b.a + b.size)) for b in blocks.get_matching_blocks())
    return any(_shares(text, _comparable(secret)) for text in told)


def shares_characters(text: str, secret: str) -> bool:
    """Return whether 8 characters of a secret stand in a text, but for case and white space."""
    return _shares(_comparable(secret), _comparable(text))


def _shares(told: str, secret: str) -> bool:
    windows = (told[start : start + SHARED_CHARACTERS] for start in range(len(told) - SHARED_CHARACTERS + 1))
    return any(window in secret for window in windows)


def _told(part: str, lengths: Sequence[int], start: int, end: int) -> str:
    """Return the characters of `part` whose encoded form lies between `start` and `end`."""
    return part[bisect_left(lengths, start) : max(0, bisect_right(lengths, end) - 1)]


def _comparable(text: str) -> str:
    return "".join(character for character in text.lower() if character.isprintable() and character not in " =")
