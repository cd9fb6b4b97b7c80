"""The pager is small and alone: standard library and the runtime's SDK, imports in one direction."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.unit.module_imports import imported_names

ROOT = Path(__file__).parents[2]
FUNCTION = ROOT / "infra" / "pager" / "function"
MODULES = sorted(path.stem for path in (FUNCTION / "pager").glob("*.py") if path.stem != "__init__")
# The modules that do more than compute: wait, read the clock, the environment or AWS, write the log, open connections.
IMPURE = {
    "handler": {"boto3", "botocore", "os", "time"},
    "log_reader": {"time"},
    "service": {"time"},
}
EFFECTS = {"boto3", "botocore", "os", "time", "socket", "subprocess", "random", "threading"}


def _imports(module: str) -> set[str]:
    return set(imported_names(ast.parse((FUNCTION / "pager" / f"{module}.py").read_text()), {"pager"}))


def _top_level(module: str) -> set[str]:
    return {name.partition(".")[0] for name in _imports(module)}


def test_pager_has_nothing_else() -> None:
    """A new module is looked at here."""
    assert {module: _top_level(module) & EFFECTS for module in MODULES if _top_level(module) & EFFECTS} == {
        module: effects & EFFECTS for module, effects in IMPURE.items() if effects & EFFECTS
    }


@pytest.mark.parametrize("module", MODULES)
def test_imports(module: str) -> None:
    """Nothing of the canary, and no package that Lambda's runtime does not have."""
    assert _top_level(module) - sys.stdlib_module_names <= {"pager", "boto3", "botocore"}


def test_imports_have_one_direction() -> None:
    """No cycle, and nothing imports the handler."""
    graph = {
        module: {name.partition(".")[2] for name in _imports(module) if name.startswith("pager.")} for module in MODULES
    }
    TopologicalSorter(graph).prepare()
    assert not any("handler" in others for others in graph.values())
    assert set().union(*graph.values()) == set(MODULES) - {"handler"}


def test_artifact(tmp_path: Path) -> None:
    """The build copies the package and nothing else, and the copy can be imported without the repository."""
    command = ["make", "--silent", "--directory", str(FUNCTION), "build-PagerFunction", f"ARTIFACTS_DIR={tmp_path}"]
    subprocess.run(command, check=True)
    assert {path.name for path in tmp_path.iterdir()} == {"pager"}
    assert {path.stem for path in (tmp_path / "pager").glob("*")} == {*MODULES, "__init__"}
    code = "import sys; sys.dont_write_bytecode = True; sys.path.insert(0, sys.argv[1]); import pager.handler"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, cwd=tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*")) < 200_000
