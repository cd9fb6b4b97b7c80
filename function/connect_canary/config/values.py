"""The value of a setting, and where it was written."""

import re
from dataclasses import dataclass, field

from connect_canary.config.settings import Setting

REFERENCE_PATTERN = re.compile(r"(ssm|secretsmanager):\S")


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A setting's text, the place where it was written, and whether that place was a reference."""

    text: str = field(repr=False)
    origin: str
    referenced: bool = False


def is_reference(text: str) -> bool:
    """Tell whether `text` names a parameter or a secret instead of being the value."""
    return REFERENCE_PATTERN.match(text) is not None


def strip_value(setting: Setting, text: str) -> str:
    """Return `text` without the white space around it, which only a secret may hold on purpose."""
    stripped = text.strip()
    return text if setting.secret and stripped and not is_reference(stripped) else stripped


def is_encodable(text: str) -> bool:
    """Tell whether `text` can be sent and printed: a lone surrogate, from a broken encoding, cannot."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)
