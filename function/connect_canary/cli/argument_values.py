"""The values of flags: as they are, from a file, from standard input or a prompt."""

import getpass
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from connect_canary.config.problems import problem_message
from connect_canary.config.settings import BY_KEY, Setting
from connect_canary.config.sources.schemes import is_reference
from connect_canary.config.sources.table import SOURCES
from connect_canary.config.values import Value, is_encodable, new_value
from connect_canary.model.pem import is_der

_MAX_FILE_BYTES = 4_000_000
_STANDARD_INPUT = "-"


def read_values(arguments: Mapping[str, object]) -> tuple[dict[str, Value], list[str]]:
    """Return the settings among parsed `arguments`, and the problems of those that cannot be used."""
    values: dict[str, Value] = {}
    problems: list[str] = []
    written = {key: text for key in BY_KEY if isinstance(text := arguments.get(key), str)}
    from_input = [
        f"--{key}" for key, text in written.items() if _may_hold_secrets(BY_KEY[key]) and text == _STANDARD_INPUT
    ]
    if len(from_input) > 1:
        return {}, [f"{' and '.join(from_input)} cannot both be read from standard input"]
    for key, text in written.items():
        try:
            values[key] = _value(BY_KEY[key], text)
        except ValueError as error:
            problems.append(str(error))
    return values, problems


def _may_hold_secrets(setting: Setting) -> bool:
    return setting.secret or setting.may_hold_secrets


def _value(setting: Setting, written: str) -> Value:
    """Return the setting's value; raise ValueError with a sentence."""
    flag = f"--{setting.key}"
    text, origin = written, flag
    if _may_hold_secrets(setting) and written and not is_reference(written.strip()):
        if written == _STANDARD_INPUT:
            text, origin = _from_standard_input(flag), f"{flag} (standard input)"
        elif written.startswith("@"):
            text, origin = _from_file(flag, written[1:]), f"{flag} ({written})"
        elif setting.secret or not _document_has_no_secret(written):
            raise ValueError(_plain_secret_problem(setting))
    value = new_value(setting, text, origin)
    if not is_encodable(text):
        raise ValueError(problem_message(value, "allowed: text in UTF-8"))
    return value


def _document_has_no_secret(text: str) -> bool:
    """Return whether every member of a targets document is known and no secret, or a reference to one."""
    try:
        document = json.loads(text, object_pairs_hook=_reject_duplicate_keys)
        members = [member for entry in document["targets"] for member in entry.items()]
        return document.keys() <= {"targets", "$schema"} and all(_is_not_secret(*member) for member in members)
    except (ValueError, RecursionError, TypeError, AttributeError, KeyError):  # no document, or a misspelt key
        return False


def _reject_duplicate_keys(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    """Return the members of an object; raise ValueError if a key comes twice."""
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a member comes twice")
    return members


def _is_not_secret(key: str, value: object) -> bool:
    if isinstance(value, dict | list):
        return False
    text = str(value)
    return not BY_KEY[key].secret or not text or (is_reference(text) and re.search(r"\s", text) is None)


def _plain_secret_problem(setting: Setting) -> str:
    what = "a secret" if setting.secret else "a document that may hold secrets"
    references = ", ".join(f"{scheme}:..." for scheme in SOURCES)
    return (
        f"--{setting.key} is '***'; {what} must not be an argument, which every process here can read; allowed: "
        f"{references}, @FILE, - for standard input, or the variable {setting.variable}"
    )


def _from_file(flag: str, name: str) -> str:
    # The name is not repeated: it may be a secret that begins with @.
    where = f"{flag} names a file, which"
    try:
        with Path(name).open("rb") as file:
            return _decode(file.read(_MAX_FILE_BYTES + 1), where)
    except OSError as error:
        raise ValueError(f"{where} cannot be read: {error.strerror}") from None


def _from_standard_input(flag: str) -> str:
    where = f"{flag} is read from standard input, which"
    if sys.stdin is None:
        raise ValueError(f"{where} is closed")
    if sys.stdin.isatty():
        try:
            return getpass.getpass(f"{flag.removeprefix('--')}: ")
        except EOFError:
            raise ValueError(f"{where} holds nothing") from None
    return _decode(sys.stdin.buffer.read(_MAX_FILE_BYTES + 1), where)


def _decode(data: bytes, where: str) -> str:
    """Return `data` as text, without the line end that editors and `echo` append; raise ValueError."""
    if len(data) > _MAX_FILE_BYTES:
        raise ValueError(f"{where} holds too much; allowed: {_MAX_FILE_BYTES} bytes")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        der = "; it is binary (DER), allowed: PEM" if is_der(data) else ""
        raise ValueError(f"{where} holds no text in UTF-8{der}") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text.strip():
        raise ValueError(f"{where} holds nothing")
    return text
