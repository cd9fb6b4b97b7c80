"""The rooms of `infra` keep their order, and each third-party package has its modules."""

import ast
import functools
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

from tests.unit.module_imports import imported_names

PACKAGE = Path(__file__).parents[2] / "infra"

# From the ground up: a room imports only itself and rooms of the lines before its own.
ORDER: tuple[frozenset[str], ...] = (
    frozenset(
        {
            *("architecture_diagram", "authorizer", "build", "cost", "dashboard", "marked_text", "pager"),
            *("secret", "shard_deployment", "targets_schema"),
        }
    ),
    frozenset({"shards"}),
    # The server runs in MiniStack's environment, so neither side imports the other.
    frozenset({"local.client", "local.server"}),
    frozenset({"invoke", "local.demo"}),
    frozenset({"verify_account"}),
)
# The modules that import the function; the others know it only by its template and its responses.
IMPORTS_FUNCTION = {"dashboard.body", "dashboard.queries", "shard_deployment", "shards", "targets_schema"}
# Third-party packages and the modules that import them; every other module uses the standard library only.
THIRD_PARTY = {
    "boto3": {
        *("local.client.local_aws", "pager.function.pager.handler", "secret"),
        *("verify_account.__main__", "verify_account.account"),
    },
    "botocore": {
        *("invoke.credentials", "pager.function.pager.handler", "secret"),
        *("local.client.local_aws", "local.client.stacks"),
        *("local.demo.break_command", "local.demo.demo", "local.demo.drill"),
        *("verify_account.__main__", "verify_account.account", "verify_account.cleanup"),
    },
    "cryptography": {"local.demo.demo_targets", "local.server.token_signatures"},
    "yaml": {"invoke.env_file"},
    "hypercorn": {"local.server.main"},
    "samtranslator": {"build.package", "build.plain_template"},
    "rich": {"local.demo.display", "local.demo.screen"},
}
# MiniStack is imported by name, through the table of patches.
IMPORTS_BY_NAME = {"local.server.ministack_patches"}
READS_ENVIRONMENT = {
    *("authorizer.function.sample_authorizer", "local.client.process", "local.server.main"),
    "pager.function.pager.handler",
    "invoke.emulator",
    "invoke.sam",
    # The transform wants a region in it.
    "build.plain_template",
}
MAX_MODULE_LINES, MAX_FUNCTION_LINES = 300, 30


def _name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


MODULES = sorted(_name(path) for path in PACKAGE.rglob("*.py") if path.stem != "__init__")
PACKAGES = {"infra", *(f"infra.{_name(path.parent)}" for path in PACKAGE.glob("*/**/__init__.py"))}


def _source(module: str) -> str:
    return (PACKAGE / f"{module.replace('.', '/')}.py").read_text()


@functools.cache
def _imports(module: str) -> frozenset[str]:
    return frozenset(imported_names(ast.parse(_source(module)), PACKAGES))


def _own_modules(module: str) -> set[str]:
    """Return the modules of `infra` that `module` imports."""
    return {name.removeprefix("infra.") for name in _imports(module) if name.partition(".")[0] == "infra"}


def _room(module: str) -> str:
    """Return `local.server`, `local.client` or `local.demo`, or the first part of any other name."""
    first, _, rest = module.partition(".")
    return f"{first}.{rest.partition('.')[0]}" if first == "local" else first


def test_every_room_has_its_place() -> None:
    """A new room, or a module beside the rooms, says where it belongs."""
    assert {room for rooms in ORDER for room in rooms} == {_room(module) for module in MODULES}


def test_names_are_imported_from_their_modules() -> None:
    """No package re-exports names and no import is relative, so the order below covers every import."""
    assert {module: foreign for module in MODULES if (foreign := _own_modules(module) - set(MODULES))} == {}
    assert [module for module in MODULES if any(name.startswith(".") for name in _imports(module))] == []


def test_imports_run_downwards() -> None:
    """No room imports one above it or beside it."""
    assert {module: upwards for module in MODULES if (upwards := _imports_upwards(module))} == {}


def _imports_upwards(module: str) -> set[str]:
    place = next(number for number, rooms in enumerate(ORDER) if _room(module) in rooms)
    return {_room(name) for name in _own_modules(module)}.difference({_room(module)}, *ORDER[:place])


def test_modules_have_no_cycle() -> None:
    """Within a room too, imports have one direction."""
    TopologicalSorter({module: _own_modules(module) for module in MODULES}).prepare()


def test_function_is_imported_where_it_is_needed() -> None:
    """Only what is generated from the settings imports the function."""
    importing = {module for module in MODULES if "connect_canary" in _top_level_packages(module)}
    assert importing == IMPORTS_FUNCTION


def test_third_party_packages_have_their_modules() -> None:
    """Each package is imported where its job is done, and nowhere else."""
    own = sys.stdlib_module_names | {"infra", "connect_canary", "pager"}
    imported = {module: _top_level_packages(module) - own for module in MODULES}
    assert imported == {module: {name for name, users in THIRD_PARTY.items() if module in users} for module in MODULES}


def test_modules_are_imported_by_name_in_one_place() -> None:
    """Only the table of patches imports by name, which the tests above cannot see."""
    imported = {module: _imports(module) - {"importlib.metadata"} for module in MODULES}
    by_name = {module for module, names in imported.items() if any(name.startswith("importlib") for name in names)}
    assert by_name == IMPORTS_BY_NAME


def _top_level_packages(module: str) -> set[str]:
    return {name.partition(".")[0] for name in _imports(module)}


def test_environment_is_read_at_the_entry_points() -> None:
    """Only these modules read os.environ; every other one gets what it needs as arguments."""
    assert {module for module in MODULES if "os.environ" in _source(module)} == READS_ENVIRONMENT


def test_module_and_its_functions_are_short() -> None:
    """A module has at most 300 lines, a function at most 30."""
    assert [module for module in MODULES if len(_source(module).splitlines()) > MAX_MODULE_LINES] == []
    lengths = [(module, name, lines) for module in MODULES for name, lines in _function_lengths(module)]
    assert [each for each in lengths if each[-1] > MAX_FUNCTION_LINES] == []


def _function_lengths(module: str) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(_source(module))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1
