"""Redaction: foreign text made printable, bounded and free of secrets."""

import json
import re
from collections.abc import Iterable
from urllib.parse import quote

MAX_TEXT_CHARACTERS = 160
_READ_CHARACTERS = 640
_MIN_SECRET_CHARACTERS = 4
# The name's length is bounded, because a long run of x-amz-x-amz- would otherwise cost its square.
_SIGNED = re.compile(r"(?i)(x-amz-[a-z-]{1,64}|password|token|signature)(=|%3D|\"?:\s*\"?)[^&\s\"]+")


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return a bounded piece of foreign text in one printable line, without any of `secrets`, raw or encoded."""
    # Whole, because the rest of a secret that is cut in two would not be known again.
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _MIN_SECRET_CHARACTERS:
            for form in {secret, quote(secret, safe=""), quote(secret), json.dumps(secret)[1:-1]}:
                text = re.sub(re.escape(form), "***", text, flags=re.IGNORECASE)
    text = _SIGNED.sub(r"\1\2***", " ".join(text.split())[:_READ_CHARACTERS])
    printable = "".join(character if character.isprintable() else " " for character in text)
    line = " ".join(printable.split())
    return line if len(line) <= MAX_TEXT_CHARACTERS else f"{line[:MAX_TEXT_CHARACTERS]}..."
