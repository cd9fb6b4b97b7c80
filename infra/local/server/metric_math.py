"""CloudWatch metric math, as far as alarms that add up metrics need it. Pure functions.

A series is a list of datapoints, one a period, None where there is none. From the CloudWatch user guide, "Using math
expressions with CloudWatch metrics": an operation on two series has a value where both have one; SUM, MIN, MAX and AVG
of an array of series have one where any has; FILL replaces missing ones. Not documented is FILL of a series without any
datapoint: it stays empty here. Whatever else an expression says is an error.
"""

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Points: TypeAlias = list[float | None]

_Operation: TypeAlias = Callable[[float, float], float | None]


@dataclass(frozen=True, slots=True)
class _Array:
    series: list[Points]


_Value: TypeAlias = float | Points | _Array

_OPERATIONS: Mapping[type[ast.operator], _Operation] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b if b else None,
}
_AGGREGATES: Mapping[str, Callable[[Sequence[float]], float]] = {
    "SUM": sum,
    "MIN": min,
    "MAX": max,
    "AVG": lambda values: sum(values) / len(values),
}


class MathError(ValueError):
    """An expression is not understood here; the message names the part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calculator:
    """Calculates expressions over `metrics`, which METRICS() stands for, and over the results in `expressions`."""

    metrics: Mapping[str, Points]
    expressions: Mapping[str, Points]

    def calculate(self, expression: str) -> Points:
        """Return the series that an expression is, or raise `MathError`."""
        try:
            tree = ast.parse(expression.strip(), mode="eval")
        except SyntaxError as error:
            raise MathError(f"Metric math {expression!r} is not understood.") from error
        return self._series(tree.body)

    def _value(self, node: ast.expr) -> _Value:
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return float(number)
            case ast.Name(id=name) if name in self.metrics or name in self.expressions:
                return list(self.metrics[name] if name in self.metrics else self.expressions[name])
            case ast.List(elts=elements):
                return _Array([self._series(element) for element in elements])
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _OPERATIONS:
                return _combine(_OPERATIONS[type(operator)], self._value(left), self._value(right), node)
            case ast.Call(func=ast.Name(id="METRICS"), args=[]):
                return _Array([list(points) for points in self.metrics.values()])
            case ast.Call(func=ast.Name(id="FILL"), args=[filled, ast.Constant(value=int() | float() as number)]):
                return self._filled(filled, float(number))
            case ast.Call(func=ast.Name(id=name), args=[array]) if name in _AGGREGATES:
                return _across(_AGGREGATES[name], self._array(array))
        raise MathError(f"Metric math {ast.unparse(node)!r} is not understood.")

    def _series(self, node: ast.expr) -> Points:
        value = self._value(node)
        if isinstance(value, list):
            return value
        raise MathError(f"Metric math {ast.unparse(node)!r} is not a single series.")

    def _array(self, node: ast.expr) -> list[Points]:
        value = self._value(node)
        if isinstance(value, _Array):
            return value.series
        raise MathError(f"Metric math {ast.unparse(node)!r} is no array of series, as METRICS() and [m1, m2] are.")

    def _filled(self, node: ast.expr, number: float) -> _Value:
        value = self._value(node)
        if isinstance(value, _Array):
            return _Array([_fill(points, number) for points in value.series])
        return _fill(self._series(node), number)


def _fill(points: Points, number: float) -> Points:
    if all(point is None for point in points):
        return points
    return [number if point is None else point for point in points]


def _combine(operation: _Operation, left: _Value, right: _Value, node: ast.expr) -> _Value:
    match left, right:
        case float(), list():
            return [None if point is None else operation(left, point) for point in right]
        case list(), float():
            return [None if point is None else operation(point, right) for point in left]
        case list(), list():
            pairs = zip(left, right, strict=True)
            return [None if a is None or b is None else operation(a, b) for a, b in pairs]
    raise MathError(f"Metric math {ast.unparse(node)!r} needs a series on one side, and no array.")


def _across(aggregate: Callable[[Sequence[float]], float], array: list[Points]) -> Points:
    present = ([point for point in column if point is not None] for column in zip(*array, strict=True))
    return [aggregate(values) if values else None for values in present]
