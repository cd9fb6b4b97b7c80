"""Clears process-wide caches after every test, so that no test depends on an earlier one."""

import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

_PACKAGES = ("connect_canary", "infra")


@pytest.fixture(autouse=True)
def _caches_of_its_own() -> Iterator[None]:
    """Clear every `functools` cache of the product after the test."""
    yield
    clear_caches()


def clear_caches() -> None:
    """Clear every cache that a loaded module of the product holds."""
    for module in _product_modules():
        for value in vars(module).values():
            if hasattr(type(value), "cache_clear"):
                value.cache_clear()


def _product_modules() -> list[ModuleType]:
    return [module for name, module in list(sys.modules.items()) if name.partition(".")[0] in _PACKAGES]
