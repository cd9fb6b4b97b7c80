"""Clears process-wide caches after every test, so that no test depends on an earlier one.

The garbage collector leaves out what was collected for all tests, which is most of what it would look at again.
"""

import gc
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType

import pytest

_PACKAGES = ("connect_canary", "infra")


def pytest_collection_finish() -> None:
    """Take the modules and tests that are known by now out of the garbage collector's sight."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _caches_of_its_own() -> Iterator[None]:
    """Clear every `functools` cache of the product after the test."""
    yield
    clear_caches()


def clear_caches() -> None:
    """Clear every cache that a loaded module of the product holds."""
    for name in _product_modules():
        if module := sys.modules.get(name):
            for clear in _clearing(name, module):
                clear()


@dataclass(frozen=True, slots=True)
class _Searched:
    """A module when it had so many names, and what clears its caches: thousands of tests need not search it again."""

    module: ModuleType
    names: int
    clearing: list[Callable[[], None]]


_searched: dict[str, _Searched] = {}
_known: set[str] = set()
_of_the_product: list[str] = []


def _clearing(name: str, module: ModuleType) -> list[Callable[[], None]]:
    names, searched = vars(module), _searched.get(name)
    if searched is None or searched.module is not module or searched.names != len(names):
        clearing = [value.cache_clear for value in names.values() if hasattr(type(value), "cache_clear")]
        searched = _searched[name] = _Searched(module, len(names), clearing)
    return searched.clearing


def _product_modules() -> list[str]:
    new = sys.modules.keys() - _known
    _known.update(new)
    _of_the_product.extend(name for name in new if name.partition(".")[0] in _PACKAGES)
    return _of_the_product
