"""Reads which modules a module imports from its source."""

import ast
from collections.abc import Iterator


def imported_names(tree: ast.AST, packages: frozenset[str] | set[str]) -> Iterator[str]:
    """Yield the dotted name of every imported module, also in functions and for type checkers.

    `packages` are the dotted names of packages whose modules are imported with `from package import module`.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module in packages:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield f"{'.' * node.level}{node.module or ''}"
