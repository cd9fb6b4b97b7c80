"""Redaction: foreign text made printable, bounded and free of secrets."""

import json
import re
from collections.abc import Iterable
from urllib.parse import quote

MAX_TEXT_CHARACTERS = 160
_MAX_READ_CHARACTERS = 640
_MIN_SECRET_CHARACTERS = 4
# The length of the name is bounded: a long run of x-amz-x-amz- would otherwise take quadratic time.
_SIGNED = re.compile(r"(?i)(x-amz-[a-z-]{1,64}|password|token|signature)(=|%3D|\"?:\s*\"?)[^&\s\"]+")


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return foreign `text` as one printable line of bounded length, with `secrets` masked in their encoded forms too.

    Secrets of fewer than 4 characters are not masked: they would mask ordinary text.
    """
    # The whole text first: a secret that is cut in two would not be recognized.
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _MIN_SECRET_CHARACTERS:
            for form in {secret, quote(secret, safe=""), quote(secret), json.dumps(secret)[1:-1]}:
                text = re.sub(re.escape(form), "***", text, flags=re.IGNORECASE)
    text = _SIGNED.sub(r"\1\2***", " ".join(text.split())[:_MAX_READ_CHARACTERS])
    printable = "".join(character if character.isprintable() else " " for character in text)
    line = " ".join(printable.split())
    return line if len(line) <= MAX_TEXT_CHARACTERS else f"{line[:MAX_TEXT_CHARACTERS]}..."
