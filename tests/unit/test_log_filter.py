"""Filter patterns for JSON events, as a table."""

from __future__ import annotations

import json
from typing import Final

import pytest

from infra.local.server.log_filter import PatternError, is_json_pattern, json_matcher

EVENT: Final = {
    "message": "connect attempt finished",
    "target": "a-1",
    "ok": False,
    "up": True,
    "none": None,
    "ms": 12.5,
    "count": 3,
    "name.with": "dot",
    "phases": {"tls": 4, "all": ["dns", "tls"]},
}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ('{ $.message = "connect attempt finished" }', True),
        ('{$.message="connect attempt finished"}', True),
        ('{ $.message = "connect attempt" }', False),
        ('{ $.message = "connect *" }', True),
        ('{ $.message = "*finished" }', True),
        ('{ $.message = "[c]onnect*" }', False),
        ('{ $.message != "other" }', True),
        ('{ $.message != "connect*" }', False),
        ("{ $.target = a-1 }", True),
        ("{ $.target = a-* }", True),
        # Absent keys are unequal to nothing.
        ('{ $.absent != "other" }', False),
        ("{ $.absent NOT EXISTS }", True),
        ("{ $.message NOT EXISTS }", False),
        ("{ $.none IS NULL }", True),
        ("{ $.absent IS NULL }", False),
        ("{ $.ok IS FALSE }", True),
        ("{ $.ok IS TRUE }", False),
        ("{ $.up IS TRUE }", True),
        ("{ $.count = 3 }", True),
        ("{ $.count != 3 }", False),
        ("{ $.ms > 12 }", True),
        ("{ $.ms > 12.5 }", False),
        ("{ $.ms < 13 }", True),
        ("{ $.ms >= 13 }", False),
        ("{ $.ms <= 12 }", False),
        ("{ $.ms >= 12.5 }", True),
        ("{ $.ms < 12.5 }", False),
        ("{ $.ms <= 12.5 }", True),
        ("{ $.up = 1 }", False),
        ("{ $.phases.tls = 4 }", True),
        ('{ $.phases.all[1] = "tls" }', True),
        ('{ $.phases.all[2] = "tls" }', False),
        ("{ $['name.with'] = dot }", True),
        ('{ $.count = 3 && $.target = "b*" }', False),
        ('{ $.count = 4 || $.target = "a*" }', True),
        ("{ $.count = 4 && $.count = 3 || $.ok IS FALSE }", True),
        ("{ $.count = 4 && ($.count = 3 || $.ok IS FALSE) }", False),
    ],
)
def test_pattern(pattern: str, *, expected: bool) -> None:
    """Comparisons of text with wildcards, of numbers, of absence, joined and in parentheses."""
    assert is_json_pattern(pattern)
    assert json_matcher(pattern)(json.dumps(EVENT)) is expected


@pytest.mark.parametrize("message", ["START RequestId: 1", "", "[1]", '"text"', "{broken"])
def test_event_that_is_not_an_object(message: str) -> None:
    """Lines that Lambda writes never match, not even what is absent."""
    assert not json_matcher("{ $.absent NOT EXISTS }")(message)


@pytest.mark.parametrize(
    "pattern",
    [
        "{",
        "{}",
        "{ $.a }",
        "{ $.a = }",
        "{ a = 1 }",
        '{ $.a > "text" }',
        "{ $.a < text }",
        "{ $.a = 1 } more",
        "{ $.a = 1 && }",
        "{ ($.a = 1 }",
        "{ $.a = 1 $.b = 2 }",
        "{ $.a IS }",
        '{ $.a = "unclosed }',
    ],
)
def test_pattern_that_is_none(pattern: str) -> None:
    """It is refused instead of matching everything."""
    with pytest.raises(PatternError, match="Invalid filter pattern"):
        json_matcher(pattern)


@pytest.mark.parametrize("pattern", ["", "ERROR", '"connect attempt"', "[a, b]"])
def test_pattern_for_text(pattern: str) -> None:
    """Patterns for other events are left to MiniStack."""
    assert not is_json_pattern(pattern)
