"""Single changes of a Python module that its tests should notice."""

import ast
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

_COMPARISONS: Final[dict[type[ast.cmpop], str]] = {
    ast.Lt: "<=",
    ast.LtE: "<",
    ast.Gt: ">=",
    ast.GtE: ">",
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.Is: "is not",
    ast.IsNot: "is",
    ast.In: "not in",
    ast.NotIn: "in",
}
_OPERATORS: Final[dict[type[ast.operator], str]] = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "//",
    ast.FloorDiv: "*",
    ast.Div: "*",
}
_CALLS: Final = {"min": "max", "max": "min", "all": "any", "any": "all"}
_LOGGING: Final = frozenset({"debug", "info", "warning", "error", "exception", "critical"})
# Not behaviour: what only a type checker, a debugger or an import system reads.
_SKIPPED_CALLS: Final = frozenset({"cast", "TypeVar", "NewType", "assert_never", "super", "dataclass"})
_SKIPPED_NAMES: Final = frozenset({"__repr__", "__all__", "__slots__"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One change of one file: the bytes from `start` to `end` become `replacement`."""

    path: str
    start: int
    end: int
    replacement: str
    scope: str
    lines: tuple[int, int]
    before: str
    after: str
    runs_at_import: bool = False
    group: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """What identifies the change wherever its module and its line are."""
        return self.scope, self.before, self.after

    def applied(self, source: bytes) -> bytes:
        """Return the changed file."""
        return source[: self.start] + self.replacement.encode() + source[self.end :]


@dataclass(slots=True)
class Source:
    """The text of a file, which finds lines and offsets in it."""

    path: str
    text: bytes
    starts: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.starts = [0]
        for line in self.text.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))

    def mutant(
        self, start: int, end: int, replacement: str, *, scope: str, lines: tuple[int, int], **more: object
    ) -> Mutant:
        """Return the change of these bytes with the whole lines before and after it, white space normalized."""
        first = self.text.rfind(b"\n", 0, start) + 1
        last = self.text.find(b"\n", end)
        last = len(self.text) if last < 0 else last
        before = self.text[first:last]
        after = self.text[first:start] + replacement.encode() + self.text[end:last]
        return Mutant(
            path=self.path,
            start=start,
            end=end,
            replacement=replacement,
            scope=scope,
            lines=lines,
            before=_normalized(before.decode()),
            after=_normalized(after.decode()),
            **more,  # type: ignore[arg-type]  # group or runs_at_import
        )


def _normalized(lines: str) -> str:
    """Return text on one line without comments."""
    return " ".join(" ".join(line.partition("  # ")[0] for line in lines.splitlines()).split())


def python_mutants(path: str, text: bytes) -> list[Mutant]:
    """Return every change of a Python module that still compiles, in the order of the text."""
    source = Source(path, text)
    visitor = _Visitor(source)
    visitor.visit(ast.parse(text))
    return [mutant for mutant in visitor.mutants if _compiles(mutant.applied(text))]


def _compiles(text: bytes) -> bool:
    try:
        compile(text, "mutant", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


class _Visitor(ast.NodeVisitor):
    """Walks a module and collects changes; keeps the scope and the statement that it is in."""

    def __init__(self, source: Source) -> None:
        self.mutants: list[Mutant] = []
        self._source = source
        self._scope: list[str] = []
        self._functions = 0
        self._lines = (1, 1)

    # -- where it is ---------------------------------------------------------------------------------------------

    def visit(self, node: ast.AST) -> None:
        if not isinstance(node, ast.stmt):
            self._mutate(node)
            super().visit(node)
            return
        if _is_skipped(node):
            return
        outside, self._lines = self._lines, _header_lines(node)
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            self._mutate(node)
        super().visit(node)
        self._lines = outside

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None:
                self._inside(node.name, [default])
        self._inside(node.name, node.body, functions=1)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._inside(node.name, node.body)

    def _inside(self, name: str, nodes: list[ast.expr] | list[ast.stmt], functions: int = 0) -> None:
        self._scope.append(name)
        self._functions += functions
        for node in nodes:
            self.visit(node)
        self._functions -= functions
        self._scope.pop()

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Leave f-strings alone: they are text for people, and Python 3.11 does not know where their parts stand."""

    def visit_keyword(self, node: ast.keyword) -> None:
        """Leave alone what help shows for a value: one word, but text for people too."""
        if node.arg != "metavar":
            self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = _name(node.func)
        if name in _SKIPPED_CALLS:
            return
        if name in _LOGGING and node.args:
            for part in (node.func, *node.args[1:], *node.keywords):
                self.visit(part)
            return
        self.generic_visit(node)

    # -- what it changes -----------------------------------------------------------------------------------------

    def _mutate(self, node: ast.AST) -> None:
        for part, replacement in _replacements(node):
            start, end = self._offsets(part)
            mutant = self._source.mutant(
                start,
                end,
                replacement,
                scope=".".join(self._scope) or "<module>",
                lines=self._lines,
                runs_at_import=not self._functions,
            )
            self.mutants.append(mutant)

    def _offsets(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        starts = self._source.starts
        return starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset


def _header_lines(node: ast.stmt) -> tuple[int, int]:
    """Return the lines of a statement without those of the statements in it."""
    body = getattr(node, "body", None)
    last = body[0].lineno - 1 if body else node.end_lineno
    return node.lineno, max(node.lineno, last or node.lineno)


def _is_skipped(node: ast.stmt) -> bool:
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)  # a docstring or an ellipsis
    if isinstance(node, ast.If):
        return "TYPE_CHECKING" in ast.unparse(node.test) or "__name__" in ast.unparse(node.test)
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", node)]
    names = {getattr(node, "name", ""), *(getattr(target, "id", "") for target in targets)}
    return bool(names & _SKIPPED_NAMES)


def _name(function: ast.expr) -> str:
    return getattr(function, "attr", getattr(function, "id", ""))


Replacements = Iterator[tuple[ast.expr | ast.stmt, str]]


def _replacements(node: ast.AST) -> Replacements:
    """Yield each part of a node that is changed on its own, and what it becomes."""
    match node:
        case ast.expr():
            yield from _expressions(node)
        case ast.If():
            yield from ((node.test, word) for word in ("True", "False"))
        case ast.While() if ast.unparse(node.test) != "True":
            yield node.test, "False"
        case ast.comprehension():
            yield from ((test, "True") for test in node.ifs)
        case ast.ExceptHandler() if node.type is not None:
            yield node.type, "()"
        case ast.stmt():
            yield from _statements(node)


def _expressions(node: ast.expr) -> Replacements:
    match node:
        case ast.Compare():
            yield from _comparisons(node)
        case ast.BoolOp():
            yield node, f" {'or' if isinstance(node.op, ast.And) else 'and'} ".join(map(_operand, node.values))
        case ast.UnaryOp(op=ast.Not()):
            yield node, _operand(node.operand)
        case ast.Constant():
            yield from _constants(node)
        case ast.BinOp() if type(node.op) in _OPERATORS and not _is_text(node.left) and not _is_text(node.right):
            yield node, f"{_operand(node.left)} {_OPERATORS[type(node.op)]} {_operand(node.right)}"
        case ast.Call():
            yield from _calls(node)
        case ast.Slice():
            sides = [side for side in (node.lower, node.upper) if side is not None and _is_expression(side)]
            yield from ((side, f"({ast.unparse(side)}) + 1") for side in sides)
        case ast.IfExp():
            yield from ((node.test, word) for word in ("True", "False"))


def _statements(node: ast.stmt) -> Replacements:
    match node:
        case ast.Return(value=ast.expr()) if ast.unparse(node) != "return None":
            yield node, "return None"
        case ast.Raise() | ast.Expr(value=ast.Call() | ast.Await()):
            yield node, "pass"
        case ast.AugAssign() if type(node.op) in _OPERATORS and not _is_text(node.value):
            yield node, f"{ast.unparse(node.target)} {_OPERATORS[type(node.op)]}= {ast.unparse(node.value)}"


def _comparisons(node: ast.Compare) -> Replacements:
    for place, operator in enumerate(node.ops):
        text = _operand(node.left)
        for other, (each, right) in enumerate(zip(node.ops, node.comparators, strict=True)):
            same = ast.unparse(ast.Compare(ast.Name("x"), [each], [ast.Name("x")]))[2:-2]
            text += f" {_COMPARISONS[type(operator)] if other == place else same} {_operand(right)}"
        yield node, text


def _constants(node: ast.Constant) -> Replacements:
    value = node.value
    if isinstance(value, bool):
        yield node, repr(not value)
    elif isinstance(value, int | float) and math.isfinite(value):
        yield node, repr(value + 1)
        if value not in (0, 1):
            yield node, repr(value * 10)
    elif isinstance(value, str) and len(value.split()) == 1:
        yield node, repr(value + "X")  # words and keys; sentences are text for people
    elif isinstance(value, bytes) and value:
        yield node, repr(value + b"X")


def _calls(node: ast.Call) -> Replacements:
    name = _name(node.func)
    if name in _CALLS and isinstance(node.func, ast.Name):
        yield node.func, _CALLS[name]
    if name == "suppress" and node.args:
        yield node, f"{ast.unparse(node.func)}()"
    if name[:1].isupper() or name == "field":
        return  # data need all of their members
    for keyword in node.keywords:
        if keyword.arg not in (None, "strict"):
            others = [each for each in node.keywords if each is not keyword]
            yield node, ast.unparse(ast.Call(node.func, node.args, others))


def _operand(node: ast.expr) -> str:
    text = ast.unparse(node)
    simple = isinstance(node, ast.Name | ast.Attribute | ast.Constant | ast.Call | ast.Subscript)
    return text if simple else f"({text})"


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str | bytes))


def _is_expression(bound: ast.expr) -> bool:
    """Return whether a slice's bound is an expression; numbers are mutated as constants."""
    return not any(isinstance(part, ast.Constant) for part in (bound, getattr(bound, "operand", None)))
