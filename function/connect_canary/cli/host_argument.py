"""HOST: the endpoint as the word that belongs to no flag."""

import re
from collections.abc import Sequence

from connect_canary.config.settings import BY_KEY
from connect_canary.config.values import Value, new_value

ORIGIN = "HOST"
_HOST = re.compile(r"[^@/-]\S*(\.\S|:[0-9]+/?$)\S*")
_STRAY = (
    "a value belongs to no flag; each follows its own (--endpoint HOST), in quotes when it holds spaces, and HOST "
    "follows the command"
)


def looks_like_host(word: str) -> bool:
    """Return whether `word` has a dot or a port, as no command has."""
    return _HOST.fullmatch(word) is not None


def read_host(words: Sequence[str], arguments: Sequence[str], values: dict[str, Value]) -> None:
    """Set the endpoint among `values` to HOST; raise ValueError with a sentence, which shows none of the `words`.

    `words` are those of the `arguments` that belong to no flag. One could be the rest of a secret after a space, so
    only what follows the command is HOST in any case; elsewhere it must look like one and not follow a secret's value.
    """
    if not words:
        return
    word = words[0]
    if len(words) > 1 or not (word == arguments[1] or (looks_like_host(word) and not _follows_secret(word, arguments))):
        raise ValueError(_STRAY)
    if "endpoint" in values:
        raise ValueError("HOST and --endpoint both name the endpoint; one of them is enough")
    values["endpoint"] = new_value(BY_KEY["endpoint"], word, ORIGIN)


def _follows_secret(word: str, arguments: Sequence[str]) -> bool:
    before = [arguments[:place][-2:] for place, argument in enumerate(arguments) if argument == word]
    flags = {argument.partition("=")[0].removeprefix("--") for pair in before for argument in pair}
    return any(BY_KEY[flag].secret or BY_KEY[flag].may_hold_secrets for flag in flags & BY_KEY.keys())
