"""The value of a setting, and where it was written."""

from dataclasses import field
from enum import Enum, auto

from connect_canary.config.settings import Setting
from connect_canary.config.sources.schemes import is_reference
from connect_canary.model.frozen import frozen
from connect_canary.model.secret import Secret


class Author(Enum):
    """Who wrote a value, from the one who may do most to the one who may do least."""

    DEPLOYER = auto()
    DOCUMENT = auto()
    REFERENCED_DOCUMENT = auto()


@frozen
class Value:
    """The value of a setting: `text`, or `secret` if it must be masked; at most one of them is set.

    `origin` is where it was written, and by whom. A `referenced` value was read from a reference there, and is masked
    too; it is `from_secret` if that names a secret or a SecureString.
    """

    text: str = field(default="", repr=False)
    secret: Secret | None = None
    origin: str
    referenced: bool = False
    from_secret: bool = False
    author: Author = Author.DEPLOYER

    @property
    def is_set(self) -> bool:
        """Whether it is not empty."""
        return bool(self.text or self.secret)

    @property
    def is_reference(self) -> bool:
        """Whether it names where the value is instead of being the value."""
        return is_reference(self.text)

    def reveal(self) -> str:
        """Return the text, be it secret or not."""
        return self.secret.reveal() if self.secret else self.text


def new_value(setting: Setting, text: str, origin: str, *, referenced: bool = False) -> Value:
    """Return the value of `setting`, stripped of surrounding white space and wrapped if it is secret.

    A secret keeps its white space, which may be part of it.
    """
    stripped = text.strip()
    if not (setting.secret or setting.may_hold_secrets) or not stripped or is_reference(stripped):
        return Value(text=stripped, origin=origin, referenced=referenced)
    secret = Secret(text if setting.secret else stripped)
    return Value(secret=secret, origin=origin, referenced=referenced)


def is_encodable(text: str) -> bool:
    """Return whether `text` can be sent and printed; a lone surrogate, from a broken encoding, cannot."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)
