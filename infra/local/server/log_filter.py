"""CloudWatch Logs filter patterns for JSON events, such as `{ $.message = "connect attempt finished" }`. Pure.

From the CloudWatch Logs user guide, "Filter pattern syntax": selectors, string and number comparisons with `*`,
IS NULL, NOT EXISTS, TRUE and FALSE, joined by && and || with parentheses. An event that is not JSON never matches.
"""

import json
import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

Matcher: TypeAlias = Callable[[str], bool]
_Test: TypeAlias = Callable[[Any], bool]

_TOKEN = re.compile(
    r"""\s*(?:(?P<mark>&&|\|\||!=|>=|<=|[=<>(){}])|(?P<selector>\$(?:\.[A-Za-z_][\w-]*|\[\d+\]|\[['"][^'"]+['"]\])+)"""
    r"""|(?P<text>"(?:[^"\\]|\\.)*")|(?P<word>[^\s&|=<>!(){}"]+))"""
)
_STEP = re.compile(r"""\.([A-Za-z_][\w-]*)|\[(\d+)\]|\[['"]([^'"]+)['"]\]""")
_ABSENT = object()
_KEYWORDS: dict[tuple[str, ...], _Test] = {
    ("IS", "NULL"): lambda value: value is None,
    ("IS", "TRUE"): lambda value: value is True,
    ("IS", "FALSE"): lambda value: value is False,
    ("NOT", "EXISTS"): lambda value: value is _ABSENT,
}
_NUMBERS: dict[str, Callable[[float, float], bool]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
}


class PatternError(ValueError):
    """A text is not a filter pattern that is understood here."""


def is_json_pattern(pattern: str) -> bool:
    """Return whether a pattern is one for JSON events."""
    return pattern.strip().startswith("{")


def json_matcher(pattern: str) -> Matcher:
    """Return what tells whether an event's message matches, or raise `PatternError`."""
    test = _Parser(pattern).pattern()

    def matches(message: str) -> bool:
        try:
            document = json.loads(message)
        except ValueError:
            return False
        return isinstance(document, dict) and test(document)

    return matches


class _Parser:
    def __init__(self, pattern: str) -> None:
        self._pattern, self._tokens = pattern, list[tuple[str, str]]()
        at = 0
        while pattern[at:].strip():
            match = _TOKEN.match(pattern, at)
            if match is None:
                raise PatternError(f"Invalid filter pattern: {pattern}")
            self._tokens.append((str(match.lastgroup), str(match[str(match.lastgroup)])))
            at = match.end()

    def pattern(self) -> _Test:
        self._mark("{")
        test = self._either()
        self._mark("}")
        if self._tokens:
            self._fail()
        return test

    def _either(self) -> _Test:
        tests = [self._both()]
        while self._takes(("mark", "||")):
            tests.append(self._both())
        return lambda document: any(test(document) for test in tests)

    def _both(self) -> _Test:
        tests = [self._operand()]
        while self._takes(("mark", "&&")):
            tests.append(self._operand())
        return lambda document: all(test(document) for test in tests)

    def _operand(self) -> _Test:
        if self._takes(("mark", "(")):
            test = self._either()
            self._mark(")")
            return test
        path = _STEP.findall(self._take("selector"))
        test = self._condition()
        return lambda document: test(_select(document, path))

    def _condition(self) -> _Test:
        for words, test in _KEYWORDS.items():
            if [(kind, text.upper()) for kind, text in self._tokens[: len(words)]] == [("word", w) for w in words]:
                del self._tokens[: len(words)]
                return test
        operator = self._take("mark")
        if operator not in _NUMBERS:
            self._fail()
        if self._tokens and self._tokens[0][0] == "text":
            return _text_test(operator, str(json.loads(self._take("text"))), self._fail)
        return _word_test(operator, self._take("word"), self._fail)

    def _takes(self, token: tuple[str, str]) -> bool:
        found = self._tokens[:1] == [token]
        del self._tokens[: int(found)]
        return found

    def _take(self, kind: str) -> str:
        if not self._tokens or self._tokens[0][0] != kind:
            self._fail()
        return self._tokens.pop(0)[1]

    def _mark(self, mark: str) -> None:
        if not self._takes(("mark", mark)):
            self._fail()

    def _fail(self) -> None:
        raise PatternError(f"Invalid filter pattern: {self._pattern}")


def _select(document: Any, path: list[tuple[str, str, str]]) -> Any:  # noqa: ANN401 - JSON is of any type
    for name, index, quoted in path:
        if index and isinstance(document, list) and int(index) < len(document):
            document = document[int(index)]
        elif not index and isinstance(document, dict) and (name or quoted) in document:
            document = document[name or quoted]
        else:
            return _ABSENT
    return document


def _word_test(operator: str, word: str, fail: Callable[[], None]) -> _Test:
    try:
        number = float(word)
    except ValueError:
        return _text_test(operator, word, fail)
    compare = _NUMBERS[operator]
    return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and compare(value, number)


def _text_test(operator: str, text: str, fail: Callable[[], None]) -> _Test:
    if operator not in {"=", "!="}:
        fail()
    wanted = re.sub(r"([\[?])", r"[\1]", text)
    return lambda value: isinstance(value, str) and fnmatchcase(value, wanted) is (operator == "=")
