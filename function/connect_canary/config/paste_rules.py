"""What comes along when a value is pasted: quotes, `export NAME=`, and spaces in a signature."""

import re
from base64 import b64decode
from urllib.parse import unquote

from connect_canary.config.settings import Setting

_QUOTES = ('""', "''", "``", "\u201c\u201d", "\u2018\u2019")
_ASSIGNMENT = re.compile(r"(export\s+|set\s+|\$env:)?([A-Za-z_][A-Za-z0-9_]*)\s*=")
# Anything may be a part of these, quotes too.
_FREE_TEXT = {"client_id", "client_id_prefix", "authorizer_username", "authorizer_password", "authorizer_token_value"}
_BASE64_QUANTUM = 4


def paste_problem(setting: Setting, text: str) -> str | None:
    """Return what is allowed instead of a value with its quotes or its variable's name around it, else None."""
    stripped = text.strip()
    name = _ASSIGNMENT.match(stripped)
    if name and (name.group(2).upper().endswith(setting.key.upper()) or (name.group(1) and _is_strict(setting))):
        return "allowed: the value alone, without a name and = before it"
    if _is_strict(setting) and len(stripped) > 1 and f"{stripped[0]}{stripped[-1]}" in _QUOTES:
        return "allowed: the value without quotes around it"
    return None


def _is_strict(setting: Setting) -> bool:
    return setting.key not in _FREE_TEXT


def signature_problem(text: str) -> str | None:
    """Return what is allowed instead of a signature with spaces inside, else None.

    A `+` that was decoded as in a form is a space, and without it the endpoint would refuse the signature. Line ends
    are removed before it is sent, and so are spaces that shells have put in their place.
    """
    if all(len(words) <= 1 or _are_wrapped_lines(words) for words in map(str.split, text.splitlines())):
        return None
    return "allowed: base64 without spaces inside; perhaps a + was decoded to a space"


def _are_wrapped_lines(lines: list[str]) -> bool:
    """Return whether all lines but the last, which may be shorter, are equally long, and base64 together."""
    width = len(lines[0])
    if width % _BASE64_QUANTUM or {len(line) for line in lines[:-1]} != {width} or len(lines[-1]) > width:
        return False
    try:
        b64decode(unquote("".join(lines)), validate=True)
    except ValueError:
        return False
    return True
