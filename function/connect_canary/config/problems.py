"""Problems with settings: one sentence each, without any secret."""

from collections.abc import Iterable, Sequence

from connect_canary.config.values import Value
from connect_canary.model.target import is_pem

_MAX_SHOWN_CHARACTERS = 80
_MAX_SHOWN_NAMES = 30
MAX_PROBLEMS = 20
# More names are not compared: it would take seconds.
_MAX_COMPARED_NAMES = 200


class SettingsError(ValueError):
    """Settings cannot be used; `problems` has one sentence each, without any secret."""

    def __init__(self, problems: Iterable[str]) -> None:
        """Join the sentences to the message that is logged and raised."""
        self.problems = tuple(dict.fromkeys(problems))
        super().__init__("; ".join(bounded(self.problems)))


def bounded(problems: Sequence[str]) -> Sequence[str]:
    """Return the first 20 problems, and how many more there are."""
    more = len(problems) - MAX_PROBLEMS
    return problems if more <= 0 else (*problems[:MAX_PROBLEMS], f"and {more:,} more")


def problem_message(value: Value, allowed: str) -> str:
    """Return the sentence that says where the value was written, what it is (masked if secret) and what is allowed."""
    if not value.is_set:
        return f"{value.origin} is not set; {allowed}"
    masked = value.referenced or value.secret is not None
    shown = "'***'" if masked else "PEM text" if is_pem(value.text) else abbreviated_repr(value.text)
    return f"{value.origin} is {shown}; {allowed}"


def abbreviated_repr(value: object) -> str:
    """Return the repr of a value that a user wrote, cut to 80 characters."""
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN_CHARACTERS else f"{text[:_MAX_SHOWN_CHARACTERS]}..."


def display_name(name: str) -> str:
    """Return an unknown name for a sentence: as it is if it could be a name, else its repr."""
    return name if name.isidentifier() and len(name) <= _MAX_SHOWN_CHARACTERS else abbreviated_repr(name)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of a sentence about an unknown name: the most similar known one, or the known ones."""
    # Imported late: only a misspelling needs it, and it would slow every cold start.
    from difflib import get_close_matches  # noqa: PLC0415

    names, word = list(known), word[:_MAX_SHOWN_CHARACTERS].lower()
    by_lower_case = {name.lower(): name for name in names}
    if len(names) > _MAX_COMPARED_NAMES:
        by_lower_case = {low: name for low, name in by_lower_case.items() if low[:1] == word[:1]}
    suggestion = get_close_matches(word, list(by_lower_case)[:_MAX_COMPARED_NAMES])
    if suggestion:
        return f"did you mean {by_lower_case[suggestion[0]]}?"
    return f"allowed: {', '.join(names[:_MAX_SHOWN_NAMES])}{', ...' if len(names) > _MAX_SHOWN_NAMES else ''}"
