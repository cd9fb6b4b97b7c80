"""Stands in for the names of MiniStack that the local AWS touches, where its own environment is not there."""

import sys
from collections.abc import Callable
from types import ModuleType

import pytest

from infra.local.server.ministack_patches import Patch

PutInPlace = Callable[[Patch, object], None]


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> PutInPlace:
    """Return what gives a name of MiniStack a value, for the time of the test."""

    def put_in_place(patch: Patch, value: object) -> None:
        if patch.module not in sys.modules:
            monkeypatch.setitem(sys.modules, patch.module, ModuleType(patch.module))
        monkeypatch.setattr(sys.modules[patch.module], patch.name, value, raising=False)

    return put_in_place


class Requests:
    """A request handler of MiniStack that keeps what it is asked, and answers what a test wants."""

    def __init__(self, status: int = 200, body: bytes = b"{}") -> None:
        self.asked: list[tuple[object, ...]] = []
        self.status = status
        self.body = body

    async def __call__(self, *request: object) -> tuple[int, dict[str, str], bytes]:
        """Answer at once."""
        self.asked.append(request)
        return self.status, {"x": "original"}, self.body
