"""The decorator of immutable classes: data classes whose methods are not compiled for each of them."""

from dataclasses import dataclass, field, fields
from typing import TypeVar, dataclass_transform

_Class = TypeVar("_Class")


class _Methods:
    """What data classes have beside __init__, for any fields."""

    def __eq__(self, other: object) -> bool:
        return _values(self) == _values(other) if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash(_values(self))

    def __repr__(self) -> str:
        shown = (f"{one.name}={getattr(self, one.name)!r}" for one in fields(self) if one.repr)  # type: ignore[arg-type]
        return f"{type(self).__qualname__}({', '.join(shown)})"


def _values(instance: object) -> tuple[object, ...]:
    return tuple(getattr(instance, one.name) for one in fields(instance))  # type: ignore[arg-type]


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def frozen(cls: type[_Class]) -> type[_Class]:
    """Make `cls` a data class with slots and keywords whose fields type checkers do not allow to be set again.

    Nothing prevents that at run time. Such a class is made in a quarter of the time that
    `dataclass(frozen=True, slots=True, kw_only=True)` takes, and a cold start makes thirty (docs/decisions.md).
    """
    for name in ("__eq__", "__hash__", "__repr__"):
        setattr(cls, name, vars(_Methods)[name])
    return dataclass(slots=True, kw_only=True, eq=False, repr=False, match_args=False)(cls)
