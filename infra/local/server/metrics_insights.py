"""CloudWatch Metrics Insights: parses a query, and groups the metrics that it selects into series. Pure functions.

The grammar is that of the CloudWatch user guide, "Query components and syntax", without OR, parentheses and tags,
which a query for an alarm of this project does not need; what is not understood is an error.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from infra.local.server.alarm_rules import MetricSample, statistic_of

# A query returns at most 500 series (user guide, "Metrics Insights service quotas").
MAX_SERIES = 500

_STATISTICS = {"AVG": "Average", "COUNT": "SampleCount", "MAX": "Maximum", "MIN": "Minimum", "SUM": "Sum"}
_TOKEN = re.compile(r"""\s*(?:(?P<name>"[^"]+"|[A-Za-z0-9_/.:#-]+)|(?P<text>'[^']*')|(?P<mark>!=|[=(),;]))""")
_ABSENT = "Other"


class QueryError(ValueError):
    """A text is not a query that is understood here; the message says where it stops to be one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A metric: its namespace, name, dimensions and samples."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    samples: Sequence[MetricSample]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A dimension that must be, or must not be, of a value."""

    key: str
    value: str
    equal: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A parsed query; `schema` is None where the query names only a namespace, so that any dimensions match."""

    statistic: str
    metric: str
    namespace: str
    schema: frozenset[str] | None = None
    conditions: tuple[Condition, ...] = ()
    group_by: tuple[str, ...] = ()
    order_by: str | None = None
    descending: bool = False
    limit: int = MAX_SERIES


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One series that a query returns: the values of its GROUP BY keys, and the samples of all its metrics."""

    attributes: Mapping[str, str]
    samples: Sequence[MetricSample]


def is_query(expression: str) -> bool:
    """Return whether an expression is a query, as opposed to metric math."""
    return expression.lstrip()[:7].upper().rstrip() == "SELECT"


def parse_query(text: str) -> Query:
    """Return the parsed query, or raise `QueryError`."""
    return _Parser(text).query()


def select(query: Query, metrics: Iterable[Series]) -> list[Group]:
    """Return every series of a query in its order, without those that have no samples; LIMIT is for the caller."""
    groups: dict[tuple[str, ...], list[MetricSample]] = defaultdict(list)
    for series in metrics:
        if series.samples and _is_selected(query, series):
            groups[tuple(series.dimensions.get(key, _ABSENT) for key in query.group_by)].extend(series.samples)
    ordered = sorted(groups.items())
    if query.order_by:
        statistic = query.order_by
        ordered.sort(key=lambda item: statistic_of(item[1], statistic), reverse=query.descending)
    return [Group(attributes=dict(zip(query.group_by, key, strict=True)), samples=s) for key, s in ordered]


def _is_selected(query: Query, series: Series) -> bool:
    if (series.namespace, series.name) != (query.namespace, query.metric):
        return False
    if query.schema is not None and query.schema != series.dimensions.keys():
        return False
    return all((series.dimensions.get(c.key) == c.value) is c.equal for c in query.conditions)


class _Parser:
    """Reads a query token by token."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self._tokens = list(self._split())

    def _split(self) -> Iterable[tuple[str, str, int]]:
        at = 0
        while self._text[at:].strip():
            match = _TOKEN.match(self._text, at)
            if match is None:
                raise QueryError(f"Not a Metrics Insights query: cannot read {self._text[at:].strip()[:30]!r}.")
            kind = str(match.lastgroup)
            yield kind, match[kind], match.start(kind)
            at = match.end()

    def query(self) -> Query:
        self._keyword("SELECT")
        statistic, metric = self._function()
        self._keyword("FROM")
        namespace, schema = self._source()
        conditions = self._conditions() if self._has("WHERE") else ()
        group_by = self._names_after("BY") if self._has("GROUP") else ()
        order_by, descending = self._order() if self._has("ORDER") else (None, False)
        limit = self._limit() if self._has("LIMIT") else MAX_SERIES
        self._take_mark(";")
        if self._at < len(self._tokens):
            self._fail()
        return Query(
            statistic=statistic,
            metric=metric,
            namespace=namespace,
            schema=schema,
            conditions=conditions,
            group_by=group_by,
            order_by=order_by,
            descending=descending,
            limit=limit,
        )

    def _function(self, *, of_metric: bool = True) -> tuple[str, str]:
        function = self._name().upper()
        if function not in _STATISTICS:
            self._fail(back=1)
        self._mark("(")
        metric = self._name() if of_metric else ""
        self._mark(")")
        return _STATISTICS[function], metric

    def _source(self) -> tuple[str, frozenset[str] | None]:
        name = self._name()
        if name != "SCHEMA" or not self._take_mark("("):
            return name, None
        namespace, keys = self._name(), set[str]()
        while self._take_mark(","):
            keys.add(self._name())
        self._mark(")")
        return namespace, frozenset(keys)

    def _conditions(self) -> tuple[Condition, ...]:
        found = []
        while True:
            key, equal = self._name(), not self._take_mark("!=")
            if equal:
                self._mark("=")
            found.append(Condition(key=key, value=self._text_value(), equal=equal))
            if not self._has("AND"):
                return tuple(found)

    def _names_after(self, keyword: str) -> tuple[str, ...]:
        self._keyword(keyword)
        names = [self._name()]
        while self._take_mark(","):
            names.append(self._name())
        return tuple(names)

    def _order(self) -> tuple[str, bool]:
        self._keyword("BY")
        statistic, _ = self._function(of_metric=False)
        descending = self._has("DESC")
        if not descending:
            self._has("ASC")
        return statistic, descending

    def _limit(self) -> int:
        number = self._name()
        if not number.isdigit() or not 1 <= int(number) <= MAX_SERIES:
            self._fail(back=1)
        return int(number)

    def _take(self, kind: str) -> str:
        if self._at == len(self._tokens) or self._tokens[self._at][0] != kind:
            self._fail()
        self._at += 1
        return self._tokens[self._at - 1][1]

    def _name(self) -> str:
        return self._take("name").strip('"')

    def _text_value(self) -> str:
        return self._take("text")[1:-1]

    def _has(self, keyword: str) -> bool:
        found = self._at < len(self._tokens) and self._tokens[self._at][1].upper() == keyword
        self._at += found
        return found

    def _keyword(self, keyword: str) -> None:
        if not self._has(keyword):
            self._fail()

    def _take_mark(self, mark: str) -> bool:
        found = self._at < len(self._tokens) and self._tokens[self._at][:2] == ("mark", mark)
        self._at += found
        return found

    def _mark(self, mark: str) -> None:
        if not self._take_mark(mark):
            self._fail()

    def _fail(self, *, back: int = 0) -> None:
        at = self._at - back
        rest = self._text[self._tokens[at][2] :] if at < len(self._tokens) else ""
        where = f"cannot read {rest[:30]!r}" if rest else "it ends too early"
        raise QueryError(f"Not a Metrics Insights query: {where}.")
