"""Problems with settings: one sentence each, without any secret."""

from collections.abc import Iterable

from connect_canary.config.settings import Setting
from connect_canary.config.values import Value, is_reference
from connect_canary.model.target import is_pem

_MAX_SHOWN_CHARACTERS = 80
_MAX_SHOWN_NAMES = 30


class SettingsError(ValueError):
    """Settings cannot be used; `problems` has one sentence each, without any secret."""

    def __init__(self, problems: Iterable[str]) -> None:
        """Join the sentences into the message that is logged and raised."""
        self.problems = tuple(dict.fromkeys(problems))
        super().__init__("; ".join(self.problems))


def problem_message(setting: Setting, value: Value, allowed: str) -> str:
    """Return the sentence that says where the value stands, what it is (masked when secret) and what is allowed."""
    masked = value.referenced or (setting.secret and not is_reference(value.text))
    shown = "'***'" if masked else "PEM text" if is_pem(value.text) else abbreviated_repr(value.text)
    return f"{value.origin} is {shown if value.text else 'not set'}; {allowed}"


def abbreviated_repr(value: object) -> str:
    """Return what somebody wrote as a sentence shows it: printable and not too long."""
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN_CHARACTERS else f"{text[:_MAX_SHOWN_CHARACTERS]}..."


def display_name(name: str) -> str:
    """Return an unknown name as a sentence shows it: as it is where it could be a name."""
    return name if name.isidentifier() and len(name) <= _MAX_SHOWN_CHARACTERS else abbreviated_repr(name)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of a sentence about an unknown name: the nearest known one, or those that there are."""
    # Only a misspelling needs it, and a cold start should not pay for it.
    from difflib import get_close_matches  # noqa: PLC0415

    names = list(known)
    lowered = {name.lower(): name for name in names}
    near = get_close_matches(word[:_MAX_SHOWN_CHARACTERS].lower(), lowered, n=1)
    if near:
        return f"did you mean {lowered[near[0]]}?"
    return f"allowed: {', '.join(names[:_MAX_SHOWN_NAMES])}{', ...' if len(names) > _MAX_SHOWN_NAMES else ''}"
