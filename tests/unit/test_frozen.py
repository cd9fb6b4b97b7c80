"""`frozen` makes of a class what `dataclass(frozen=True, slots=True, kw_only=True)` does, but for the cost."""

import copy
import pickle
from dataclasses import dataclass, field, fields, replace
from typing import Any
from unittest.mock import ANY

import pytest

from connect_canary.model.frozen import frozen


@frozen
class Ours:
    """A class with a hidden field and a default."""

    name: str
    secret: str = field(default="", repr=False)
    values: tuple[int, ...] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True, kw_only=True)
class Theirs:
    """The same class by the standard library."""

    name: str
    secret: str = field(default="", repr=False)
    values: tuple[int, ...] = field(default_factory=tuple)


@frozen
class Other:
    """Another class with the same first field."""

    name: str


SAME = [
    lambda cls: repr(cls(name="a", secret="hidden", values=(1, 2))).removeprefix(cls.__name__),
    lambda cls: hash(cls(name="a", secret="b")),
    lambda cls: (cls(name="a") == cls(name="a"), cls(name="a") == cls(name="b"), cls(name="a") == "a"),
    lambda cls: cls(name="a", secret="b") == cls(name="a", secret="c"),
    lambda cls: [one.name for one in fields(cls)],
    lambda cls: replace(cls(name="a", secret="b"), name="c") == cls(name="c", secret="b"),
    lambda cls: copy.deepcopy(cls(name="a", values=(1,))) == cls(name="a", values=(1,)),
    lambda cls: pickle.loads(pickle.dumps(cls(name="a"))) == cls(name="a"),  # noqa: S301 - our own bytes
    lambda cls: (hasattr(cls(name="a"), "__dict__"), sorted(cls.__slots__)),
]


@pytest.mark.parametrize("of", SAME)
def test_class_behaves_like_a_frozen_data_class(of: Any) -> None:
    """In repr, equality, hash, fields, replacement, copies and slots."""
    assert of(Ours) == of(Theirs)


def test_field_is_set_again_only_against_the_type_checker() -> None:
    """An ignored error that is none would be one for mypy; there is no room for another attribute at all."""
    instance = Ours(name="a")
    instance.name = "b"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        instance.nickname = "b"  # type: ignore[attr-defined]
    assert instance == Ours(name="b")


@pytest.mark.parametrize("cls", [Ours, Theirs])
@pytest.mark.parametrize(("arguments", "keywords"), [(("a",), {}), ((), {}), ((), {"name": "a", "nick": "b"})])
def test_wrong_arguments_are_refused(cls: Any, arguments: Any, keywords: Any) -> None:
    """Fields are given by their names, all that have no default, and no others."""
    with pytest.raises(TypeError):
        cls(*arguments, **keywords)


def test_classes_with_equal_fields_differ() -> None:
    """What is compared with any object may still say that it equals it."""
    others: list[Any] = [Other(name="a"), ANY]
    assert [Ours(name="a") == other for other in others] == [False, True]
