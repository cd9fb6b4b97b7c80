"""The table of changes that no test can notice, in equivalent.toml: each with its reason, found by what it changes."""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tests.mutation.mutations import Mutant

TABLE: Final = Path(__file__).with_name("equivalent.toml")


def read(area: str) -> dict[tuple[str, str, str], str]:
    """Return the reasons of an area's equivalent changes by their keys."""
    entries = tomllib.loads(TABLE.read_text()).get(area, [])
    return {(entry["scope"], entry["before"], entry["after"]): entry["reason"] for entry in entries}


def stale(keys: Iterable[tuple[str, str, str]], mutants: Iterable[Mutant]) -> list[tuple[str, str, str]]:
    """Return the keys that no mutant has any more."""
    existing = {mutant.key for mutant in mutants}
    return [key for key in keys if key not in existing]
