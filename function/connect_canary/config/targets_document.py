"""The targets document: JSON, or one SSM parameter for each target."""

import itertools
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from connect_canary.config.problems import abbreviated_repr, did_you_mean, display_name, problem_message
from connect_canary.config.settings import BY_KEY, TARGET_KEYS
from connect_canary.config.sources.table import SOURCES
from connect_canary.config.values import Value, is_encodable, new_value
from connect_canary.model.frozen import frozen
from connect_canary.model.secret import Secret

DEFAULT_TARGET = "default"
MAX_TARGETS = 2000
MAX_DOCUMENT_BYTES = 256 * 1024
# Of so many members of an entry the problems are told.
_MAX_MEMBERS = 100
NAME_PATTERN = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_NAME_ALLOWED = "allowed: 1 to 64 of A-Z a-z 0-9 _ . -"
_PATH_SCHEMES = "|".join(source.scheme for source in SOURCES.values() if source.get_by_path)
_PATH = re.compile(rf"({_PATH_SCHEMES}):(/\S*)?/")
_JSON_TYPES = {bool: "boolean", dict: "object", list: "array", str: "string", int: "number", float: "number"}


@frozen
class TargetEntry:
    """One entry of a targets document and the problems found so far; `location` names it in them.

    An entry with problems is still validated, so that all are reported, unless it is `unparsable`. The entry of a
    canary without a document has an empty `location`.
    """

    location: str
    values: Mapping[str, Value]
    problems: tuple[str, ...] = ()
    unparsable: bool = False

    @property
    def name(self) -> str | None:
        """The target's name, None if the entry needs one and has none that can be used."""
        if "name" in self.values:
            return self.values["name"].text
        return None if self.location else DEFAULT_TARGET

    def merged_with(self, base: Mapping[str, Value]) -> dict[str, Value]:
        """Return the settings of this entry over those of `base`; the origin of an unset one is this entry."""
        inherited = {key: value for key, value in base.items() if key in TARGET_KEYS}
        if self.location:
            unset = [key for key, value in inherited.items() if not value.is_set]
            inherited |= {key: Value(origin=f"{self.location}.{key}") for key in unset}
        return {**inherited, **self.values}


def read_document(text: str, origin: str) -> tuple[list[TargetEntry], list[str]]:
    """Return the entries of a targets document and the problems of the document itself.

    Raises ValueError with a sentence if `text` is no targets document.
    """
    if len(text.encode(errors="replace")) > MAX_DOCUMENT_BYTES:
        raise ValueError(f"{origin} is too long; allowed: at most {MAX_DOCUMENT_BYTES // 1024} KB")
    document = _parse(text, origin)
    if not isinstance(document, dict) or not isinstance(document.get("targets"), list) or not document["targets"]:
        raise ValueError(f'{origin} is no targets document; allowed: {{"targets": [{{"name": "...", ...}}, ...]}}')
    _require_at_most(MAX_TARGETS, len(document["targets"]), f"{origin} has")
    problems = [
        f"{origin} has the unknown key {abbreviated_repr(key)}; allowed: targets, $schema"
        for key in document
        if key not in {"targets", "$schema"}
    ]
    entries = [_read_entry(entry, f"targets[{index}]") for index, entry in enumerate(document["targets"])]
    return _reject_duplicate_names(entries), problems


def read_parameters(parameters: Mapping[str, Secret], path: str) -> list[TargetEntry]:
    """Return the entries in `parameters`, given by their names below `path`; raise ValueError if there is none.

    The last part of a parameter's name is the target's.
    """
    if not parameters:
        raise ValueError(f"{path} holds no parameter; allowed: one parameter a target below it")
    _require_at_most(MAX_TARGETS, len(parameters), f"{path} holds")
    return _reject_duplicate_names(
        _read_parameter(name.rpartition("/")[2], text.reveal(), f"{path}{name}")
        for name, text in sorted(parameters.items())
    )


def _require_at_most(limit: int, count: int, where: str) -> None:
    if count > limit:
        raise ValueError(f"{where} {count:,} targets; allowed: at most {limit:,}")


def _read_parameter(name: str, text: str, location: str) -> TargetEntry:
    try:
        document = _parse(text, location)
    except ValueError as error:
        return _unparsable_entry(location, str(error), name)
    if not isinstance(document, dict) or document.get("name", name) == name:
        return _read_entry({"name": name, **document} if isinstance(document, dict) else document, location)
    entry = _read_entry({**document, "name": name}, location)
    shown = abbreviated_repr(document["name"])
    problem = f"{location}.name is {shown}; allowed: {name!r}, the parameter's own, or none"
    return replace(entry, problems=(problem, *entry.problems))


def _parse(text: str, origin: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return what the JSON `text` holds; raise ValueError with a sentence that shows none of it."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{origin} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except (ValueError, RecursionError):
        raise ValueError(f"{origin} is JSON that is too deep or holds too long a number") from None


def _read_entry(document: object, location: str) -> TargetEntry:
    """Return the entry with the problems that are seen without the settings it inherits."""
    if not isinstance(document, dict):
        kind = _json_type(document)
        return _unparsable_entry(location, f"{location} is a JSON {kind}; allowed: an object with a name and settings")
    values: dict[str, Value] = {}
    problems: list[str] = []
    if "name" not in document:
        problems.append(f"{location}.name is not set; {_NAME_ALLOWED}")
    if len(document) > _MAX_MEMBERS:
        problems.append(f"{location} has {len(document):,} members; allowed: a name and settings")
    for key, member in itertools.islice(document.items(), _MAX_MEMBERS):
        problem = _entry_problem(key, member, f"{location}.{display_name(key)}")
        if problem is None:
            values[key] = new_value(BY_KEY[key], str(member), f"{location}.{key}")
        else:
            problems.append(problem)
    return TargetEntry(location=location, values=values, problems=tuple(problems))


def _unparsable_entry(location: str, problem: str, name: str | None = None) -> TargetEntry:
    """Return an entry of which at most the name can be used."""
    values = {} if name is None else {"name": Value(text=name, origin=f"{location}.name")}
    return TargetEntry(location=location, values=values, problems=(problem,), unparsable=True)


def _entry_problem(key: str, member: object, origin: str) -> str | None:
    """Return the problem of one member of an entry by itself."""
    if key != "name" and key not in TARGET_KEYS:
        return f"{origin} is no setting of a target; {did_you_mean(key, ('name', *TARGET_KEYS))}"
    if isinstance(member, bool) or not isinstance(member, str | int | float):
        return f"{origin} is a JSON {_json_type(member)}; allowed: a string or a number"
    if not is_encodable(str(member)):
        return problem_message(new_value(BY_KEY[key], str(member), origin), "allowed: valid Unicode text")
    if key == "name" and not NAME_PATTERN.fullmatch(str(member)):
        return f"{origin} is {abbreviated_repr(member)}; {_NAME_ALLOWED}"
    return None


def _json_type(value: object) -> str:
    return _JSON_TYPES.get(type(value), "null")


def _reject_duplicate_names(entries: Iterable[TargetEntry]) -> list[TargetEntry]:
    """Return the entries; the second one of a name gets a problem."""
    owner_by_name: dict[str, TargetEntry] = {}
    checked: list[TargetEntry] = []
    for entry in entries:
        owner = entry if entry.name is None else owner_by_name.setdefault(entry.name, entry)
        problem = f"{entry.location}.name is {entry.name!r}; {owner.location} has that name already"
        checked.append(entry if owner is entry else replace(entry, problems=(*entry.problems, problem)))
    return checked


def is_path_reference(text: str) -> bool:
    """Return whether `text` refers to every parameter below a path."""
    return _PATH.fullmatch(text) is not None
