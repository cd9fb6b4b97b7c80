"""Draw the imports between parts of the function: `python -m infra.architecture_diagram --write docs/development.md`.

Reads the imports with `ast` and writes a Mermaid flowchart, which GitHub renders, between two markers of a Markdown
file. A part is a module or a sub-package directly below `connect_canary`.
"""

import argparse
import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "function" / "connect_canary"
BEGIN = "<!-- architecture: written by `make pictures` -->"
END = "<!-- architecture: end -->"
# Third-party packages that are shown in the label of a part that imports them.
THIRD_PARTY = ("awscrt", "awsiot", "aws_lambda_powertools", "boto3", "botocore", "rich", "shtab")

Imports = Mapping[str, frozenset[str]]


class ArchitectureError(ValueError):
    """The diagram cannot be drawn, or the file lacks its markers."""


def parts(package: Path) -> Imports:
    """Return the dotted names of all modules that each part of `package` imports."""
    imported: dict[str, set[str]] = {}
    for path in sorted(package.rglob("*.py")):
        names = path.relative_to(package).with_suffix("").parts
        if names != ("__init__",):
            imported.setdefault(names[0], set()).update(_imports(path, package.name))
    return {part: frozenset(names) for part, names in imported.items()}


def _imports(path: Path, package: str) -> Iterator[str]:
    """Yield every dotted name that a module imports, also in functions and for type checkers."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            raise ArchitectureError(f"{path} has a relative import in line {node.lineno}; allowed: absolute ones")
        elif isinstance(node, ast.ImportFrom) and node.module == package:
            yield from (f"{package}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)


def edges(imports: Imports, package: str) -> Imports:
    """Return the other parts that each part imports; raise ArchitectureError for a cycle."""
    graph = {
        part: frozenset(name.split(".")[1] for name in names if name.startswith(f"{package}.")) & imports.keys()
        for part, names in imports.items()
    }
    graph = {part: others - {part} for part, others in graph.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise ArchitectureError(f"imports run in a circle: {' -> '.join(error.args[1])}") from error
    return graph


def without_shortcuts(graph: Imports) -> Imports:
    """Return the transitive reduction of the graph: no edges that others imply."""
    below: dict[str, frozenset[str]] = {}
    for part in TopologicalSorter(graph).static_order():
        below[part] = graph[part].union(*(below[other] for other in graph[part]))
    return {
        part: frozenset(other for other in others if not any(other in below[between] for between in others))
        for part, others in graph.items()
    }


def mermaid(package: Path) -> str:
    """Return the flowchart: an edge from each part to those it imports, third-party packages in its label."""
    imports = parts(package)
    graph = without_shortcuts(edges(imports, package.name))
    nodes = [f'    {part}["{_label(part, imports[part])}"]' for part in graph]
    arrows = [f"    {part} --> {other}" for part, others in graph.items() for other in sorted(others)]
    return "\n".join(["```mermaid", "flowchart TD", *nodes, *arrows, "```"])


def _label(part: str, names: frozenset[str]) -> str:
    packages = {name.split(".")[0] for name in names}
    return "<br/>".join([f"<b>{part}</b>", *(package for package in THIRD_PARTY if package in packages)])


def rewritten(text: str, diagram: str) -> str:
    """Return the Markdown text with the diagram between its markers; raise ArchitectureError if it has none."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ArchitectureError(f"the file has no lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{diagram}\n{END}{after}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the diagram, or write it into a file, and return the exit code, 2 for a problem."""
    parser = argparse.ArgumentParser(prog="python -m infra.architecture_diagram", description=__doc__)
    parser.add_argument("--write", type=Path, metavar="FILE", help="Markdown file to write it into")
    parsed = parser.parse_args(arguments)
    try:
        diagram = mermaid(PACKAGE)
        if parsed.write is None:
            print(diagram)
        else:
            parsed.write.write_text(rewritten(parsed.write.read_text(), diagram))
    except (ArchitectureError, OSError) as error:
        print(f"infra.architecture_diagram: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
