"""The targets document: JSON, or one SSM parameter for each target."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from connect_canary.config.problems import abbreviated_repr, did_you_mean, display_name, problem_message
from connect_canary.config.settings import BY_KEY, TARGET_KEYS
from connect_canary.config.values import Value, is_encodable, strip_value

NAME_PATTERN = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_PATH = re.compile(r"ssm:(/\S*)?/")


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetEntry:
    """One entry of a targets document: its own settings, the place that its problems name, and those found so far.

    One with problems is read on only to find all of them, and not at all when it is `unreadable`.
    """

    place: str
    values: Mapping[str, Value]
    problems: tuple[str, ...] = ()
    unreadable: bool = False

    @property
    def name(self) -> str | None:
        """The target's name, None for an entry that should have one and has none that can be used."""
        if "name" in self.values:
            return self.values["name"].text
        return None if self.place else DEFAULT_TARGET

    def over(self, base: Mapping[str, Value]) -> dict[str, Value]:
        """Return this item's settings over those of `base`: what nobody has set is missing here, in the document."""
        inherited = {key: value for key, value in base.items() if key in TARGET_KEYS}
        if self.place:
            unset = [key for key, value in inherited.items() if not value.text]
            inherited |= {key: Value(text="", origin=f"{self.place}.{key}") for key in unset}
        return {**inherited, **self.values}


DEFAULT_TARGET = "default"


def read_document(text: str, origin: str) -> tuple[list[TargetEntry], list[str]]:
    """Return a targets document's entries and a sentence for each mistake around them; raise ValueError."""
    document = _parse(text, origin)
    if not isinstance(document, dict) or not isinstance(document.get("targets"), list) or not document["targets"]:
        raise ValueError(f'{origin} is no targets document; allowed: {{"targets": [{{"name": "...", ...}}, ...]}}')
    problems = [
        f"{origin} has the unknown key {abbreviated_repr(key)}; allowed: targets, $schema"
        for key in document
        if key not in {"targets", "$schema"}
    ]
    items = [_read_entry(entry, f"targets[{index}]") for index, entry in enumerate(document["targets"])]
    return _reject_duplicate_names(items), problems


def read_parameters(found: Mapping[str, str], origin: str) -> list[TargetEntry]:
    """Return the entries below a parameter path, `found` by names from there on; raise ValueError when there is none.

    The last part of a parameter's name is the target's.
    """
    if not found:
        raise ValueError(f"{origin} holds no parameter; allowed: one parameter a target below it")
    return _reject_duplicate_names(
        [_read_parameter(name.rpartition("/")[2], text, f"{origin}{name}") for name, text in sorted(found.items())]
    )


def _read_parameter(name: str, text: str, place: str) -> TargetEntry:
    """Return the entry that one parameter holds, which has the parameter's name."""
    try:
        entry = _parse(text, place)
    except ValueError as error:
        return _unparsable_entry(place, str(error), name)
    if not isinstance(entry, dict) or entry.get("name", name) == name:
        return _read_entry({"name": name, **entry} if isinstance(entry, dict) else entry, place)
    item = _read_entry({**entry, "name": name}, place)
    wrong = f"{place}.name is {abbreviated_repr(entry['name'])}; allowed: {name!r}, the parameter's own, or none"
    return replace(item, problems=(wrong, *item.problems))


def _parse(text: str, origin: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return what the JSON `text` holds; raise ValueError with a sentence that shows none of it."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{origin} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except (ValueError, RecursionError):
        raise ValueError(f"{origin} is JSON that is too deep or holds too long a number") from None


def _read_entry(entry: object, place: str) -> TargetEntry:
    """Return the entry with a sentence for each mistake that can be seen without the settings that it inherits."""
    if not isinstance(entry, dict):
        return _unparsable_entry(
            place, f"{place} is a JSON {_json_type(entry)}; allowed: an object with a name and settings"
        )
    values: dict[str, Value] = {}
    problems: list[str] = []
    if "name" not in entry:
        problems.append(f"{place}.name is not set; {_NAME_ALLOWED}")
    for key, written in entry.items():
        mistake = _entry_problem(key, written, f"{place}.{display_name(key)}")
        if mistake is None:
            values[key] = Value(text=strip_value(BY_KEY[key], str(written)), origin=f"{place}.{key}")
        else:
            problems.append(mistake)
    return TargetEntry(place=place, values=values, problems=tuple(problems))


def _unparsable_entry(place: str, mistake: str, name: str | None = None) -> TargetEntry:
    """Return an entry of which nothing but its name can be used."""
    named = {} if name is None else {"name": Value(text=name, origin=f"{place}.name")}
    return TargetEntry(place=place, values=named, problems=(mistake,), unreadable=True)


_NAME_ALLOWED = "allowed: 1 to 64 of A-Z a-z 0-9 _ . -"


def _entry_problem(key: str, written: object, where: str) -> str | None:
    """Return what is wrong with one member of an entry by itself."""
    if key != "name" and key not in TARGET_KEYS:
        return f"{where} is no setting of a target; {did_you_mean(key, ('name', *TARGET_KEYS))}"
    if isinstance(written, bool) or not isinstance(written, str | int | float):
        return f"{where} is a JSON {_json_type(written)}; allowed: a string or a number"
    if not is_encodable(str(written)):
        return problem_message(BY_KEY[key], Value(text=str(written), origin=where), "allowed: valid Unicode text")
    if key == "name" and not NAME_PATTERN.fullmatch(str(written)):
        return f"{where} is {abbreviated_repr(written)}; {_NAME_ALLOWED}"
    return None


def _json_type(value: object) -> str:
    names = {bool: "boolean", dict: "object", list: "array", str: "string", int: "number", float: "number"}
    return names.get(type(value), "null")


def _reject_duplicate_names(items: Iterable[TargetEntry]) -> list[TargetEntry]:
    """Return the items, the second one of a name with a sentence that says so."""
    first: dict[str, TargetEntry] = {}
    checked: list[TargetEntry] = []
    for item in items:
        holder = item if item.name is None else first.setdefault(item.name, item)
        taken = f"{item.place}.name is {item.name!r}; {holder.place} has that name already"
        checked.append(item if holder is item else replace(item, problems=(*item.problems, taken)))
    return checked


def is_path_reference(text: str) -> bool:
    """Tell whether `text` refers to every parameter below a path."""
    return _PATH.fullmatch(text) is not None
