"""Metrics Insights queries: what is understood, which metrics a query selects, and the series that it makes of them."""

from __future__ import annotations

from typing import Any, Final

import pytest

from infra.local.server.alarm_rules import MetricSample
from infra.local.server.metrics_insights import Condition, Query, QueryError, Series, is_query, parse_query, select

FULL: Final = (
    'SELECT MIN(ConnectSuccess) FROM SCHEMA("IoTConnectCanary", Canary, Target) '
    "WHERE Canary = 'my canary' AND Target != 'x' GROUP BY Target, Canary ORDER BY MIN() DESC LIMIT 20"
)

MINIMUM: Final = "SELECT MIN(M) FROM {}"


def test_whole_query() -> None:
    """Every clause is read; keywords and functions are of either case, names and values as they are written."""
    query = Query(
        statistic="Minimum",
        metric="ConnectSuccess",
        namespace="IoTConnectCanary",
        schema=frozenset({"Canary", "Target"}),
        conditions=(Condition(key="Canary", value="my canary"), Condition(key="Target", value="x", equal=False)),
        group_by=("Target", "Canary"),
        order_by="Minimum",
        descending=True,
        limit=20,
    )
    assert parse_query(FULL) == query
    assert parse_query(FULL.replace("SELECT MIN", "select\n  min").replace("GROUP BY", "group by") + " ; ") == query


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT AVG(a) FROM AWS/RDS", {"statistic": "Average", "namespace": "AWS/RDS", "schema": None}),
        ('SELECT COUNT(a) FROM "b c"', {"statistic": "SampleCount", "namespace": "b c"}),
        ("SELECT MAX(a) FROM SCHEMA(b)", {"statistic": "Maximum", "schema": frozenset()}),
        ("SELECT SUM(a) FROM b ORDER BY MAX()", {"statistic": "Sum", "order_by": "Maximum", "descending": False}),
        ("SELECT SUM(a) FROM b ORDER BY MAX() ASC", {"order_by": "Maximum", "descending": False, "limit": 500}),
        ("SELECT SUM(a) FROM b", {"conditions": (), "group_by": (), "order_by": None}),
    ],
)
def test_parts_of_a_query(text: str, expected: dict[str, Any]) -> None:
    """Clauses may be missing, and functions are statistics."""
    query = parse_query(text)
    assert {name: getattr(query, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "ends too early"),
        ("SELECT", "ends too early"),
        ("SUM(a)", "SUM"),
        ("SELECT MEDIAN(a) FROM b", "MEDIAN"),
        ("SELECT AVG(a) FROM SCHEMA(b, c", "ends too early"),
        ("SELECT AVG(a) b", "b"),
        ("SELECT AVG(a) FROM b WHERE c = d", "'d'"),
        ("SELECT AVG(a) FROM b WHERE c 'd'", "'d'"),
        ("SELECT AVG(a) FROM b WHERE c = 'd' OR e = 'f'", "OR e"),
        ("SELECT AVG(a) FROM b GROUP Target", "Target"),
        ("SELECT AVG(a) FROM b ORDER BY AVG(a)", "a"),
        ("SELECT AVG(a) FROM b ORDER BY AVG() DESC ASC", "ASC"),
        ("SELECT AVG(a) FROM b LIMIT 501", "501"),
        ("SELECT AVG(a) FROM b LIMIT 0", "0"),
        ("SELECT AVG(a) FROM b LIMIT few", "few"),
        ("SELECT AVG(a) FROM b ~", "~"),
        ("SELECT AVG(a) FROM b LIMIT 5 GROUP BY c", "GROUP BY c"),
    ],
)
def test_text_that_is_no_query(text: str, where: str) -> None:
    """The error quotes the text from the first word on that is not understood."""
    with pytest.raises(QueryError) as error:
        parse_query(text)
    assert where in str(error.value)


@pytest.mark.parametrize(
    ("expression", "expected"), [(FULL, True), (" select AVG(a) FROM b", True), ("m1 + m2", False), ("SELECTED", False)]
)
def test_query_or_math(expression: str, *, expected: bool) -> None:
    """A query begins with SELECT; anything else is metric math."""
    assert is_query(expression) is expected


def _series(value: float, namespace: str = "N", name: str = "M", **dimensions: str) -> Series:
    samples = [MetricSample(timestamp=0, value=value)]
    return Series(namespace=namespace, name=name, dimensions=dimensions, samples=samples)


METRICS: Final = [
    _series(1, Canary="c", Target="a"),
    _series(0, Canary="c", Target="b"),
    _series(2, Canary="c", Target="a", Failure="F"),
    _series(3, Canary="other", Target="a"),
    _series(4, Canary="c"),
    _series(5, namespace="other", Canary="c", Target="a"),
    _series(6, name="other", Canary="c", Target="a"),
]


def _values(text: str, metrics: list[Series] | None = None) -> list[tuple[dict[str, str], list[float]]]:
    groups = select(parse_query(text), METRICS if metrics is None else metrics)
    return [(dict(group.attributes), [sample.value for sample in group.samples]) for group in groups]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        # SCHEMA wants exactly these dimensions, a namespace any.
        ("SCHEMA(N, Canary, Target)", [[1, 0, 3]]),
        ("SCHEMA(N, Target, Canary)", [[1, 0, 3]]),
        ("SCHEMA(N, Canary)", [[4]]),
        ("SCHEMA(N)", []),
        ("N", [[1, 0, 2, 3, 4]]),
        ("N WHERE Canary = 'c'", [[1, 0, 2, 4]]),
        ("N WHERE Canary != 'c'", [[3]]),
        ("N WHERE Canary = 'c' AND Target = 'a'", [[1, 2]]),
        # A metric without the dimension does not have this value.
        ("N WHERE Target != 'a'", [[0, 4]]),
    ],
)
def test_metrics_of_a_query(source: str, expected: list[list[float]]) -> None:
    """Namespace, name, dimensions and conditions select the metrics; without GROUP BY they are one series."""
    assert [values for _, values in _values(MINIMUM.format(source))] == expected


def test_series_by_dimension() -> None:
    """GROUP BY makes a series for each value; metrics without the dimension are one more, called Other."""
    assert _values("SELECT MIN(M) FROM N WHERE Canary = 'c' GROUP BY Target ORDER BY MIN() ASC") == [
        ({"Target": "b"}, [0]),
        ({"Target": "a"}, [1, 2]),
        ({"Target": "Other"}, [4]),
    ]


@pytest.mark.parametrize(
    ("order", "expected"),
    [("", ["a", "b", "c"]), ("ORDER BY MIN()", ["b", "a", "c"]), ("ORDER BY MAX() DESC", ["c", "a", "b"])],
)
def test_order_of_series(order: str, expected: list[str]) -> None:
    """Series come in the order of their statistic, and without one by name."""
    metrics = [_series(value, Target=name) for name, value in (("c", 3), ("b", 1), ("a", 2))]
    groups = _values(MINIMUM.format(f"N GROUP BY Target {order}"), metrics)
    assert [attributes["Target"] for attributes, _ in groups] == expected


def test_metric_without_samples() -> None:
    """What has no samples makes no series."""
    empty = Series(namespace="N", name="M", dimensions={"Target": "a"}, samples=[])
    assert _values("SELECT MIN(M) FROM N GROUP BY Target", [empty]) == []
