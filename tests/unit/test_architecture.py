"""The house keeps its order: who may import whom, and which room alone deals with which package."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "function" / "connect_canary"

# From the ground up: a module imports only modules of the lines before its own.
FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"settings", "failures", "threads"}),
    frozenset({"outcome", "targets", "dialling", "references"}),
    frozenset({"authentication", "trust", "certificate", "flights", "proxies", "metrics", "logs"}),
    frozenset({"connections", "tunnel", "plan"}),
    frozenset({"diagnosis"}),
    frozenset({"attempt"}),
    frozenset({"canary"}),
    frozenset({"handler", "flags", "screen"}),
    frozenset({"cli"}),
    frozenset({"__main__"}),
)
# Packages and the modules that may import them; every other module has the standard library only.
THIRD_PARTY = {
    "awscrt": {"attempt", "authentication", "connections", "diagnosis", "trust"},
    "awsiot": {"connections"},
    "aws_lambda_powertools": {"canary", "logs", "metrics", "references"},
    "boto3": {"references"},
    "botocore": {"references"},
    "rich": {"screen"},
}
MODULES = sorted(path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__")


def _imports(module: str) -> Iterator[str]:
    """Yield every dotted name that the module imports, wherever it does so, also for type checkers."""
    for node in ast.walk(ast.parse((PACKAGE / f"{module}.py").read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""] if node.module != "connect_canary" else []
            yield from names or (f"connect_canary.{alias.name}" for alias in node.names)


def _rooms(module: str) -> set[str]:
    return {name.split(".")[1] for name in _imports(module) if name.startswith("connect_canary.")}


def test_every_module_has_a_floor() -> None:
    """A new module says where it belongs."""
    assert sorted(module for floor in FLOORS for module in floor) == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_downwards(module: str) -> None:
    """A module imports only what stands below it, so nothing imports the handler or the command line."""
    floor = next(number for number, modules in enumerate(FLOORS) if module in modules)
    below = frozenset[str]().union(*FLOORS[:floor])
    assert _rooms(module) <= below


@pytest.mark.parametrize("module", MODULES)
def test_third_parties_have_their_rooms(module: str) -> None:
    """Each package is imported where its job is done, and nowhere else."""
    imported = {name.split(".")[0] for name in _imports(module)}
    assert {package for package in imported if package in THIRD_PARTY} == {
        package for package, modules in THIRD_PARTY.items() if module in modules
    }


@pytest.mark.parametrize("module", MODULES)
def test_environment_is_read_at_the_entries(module: str) -> None:
    """Only an entry knows os.environ; everything below is given what it needs."""
    source = (PACKAGE / f"{module}.py").read_text()
    assert ("os.environ" in source) is (module in {"handler", "cli"})
