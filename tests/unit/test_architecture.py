"""The rooms of the function keep their order, and each third-party package has its modules."""

import ast
import functools
import re
from graphlib import TopologicalSorter
from pathlib import Path

from tests.unit.module_imports import imported_names

PACKAGE = Path(__file__).parents[2] / "function" / "connect_canary"

# From the ground up: a room imports only itself and rooms of the lines before its own.
ORDER: tuple[frozenset[str], ...] = (
    frozenset({"model"}),
    frozenset({"network", "pages"}),
    frozenset({"reporting"}),
    frozenset({"config"}),
    frozenset({"probe"}),
    frozenset({"run"}),
    frozenset({"handler", "status_widget", "cli"}),
    frozenset({"__main__"}),
)
# Third-party packages and the modules that import them; every other module uses the standard library only.
THIRD_PARTY = {
    "awscrt": {
        "probe.attempt",
        "probe.auth.authorizer_fields",
        "probe.auth.connect_auth",
        "probe.auth.placement",
        "probe.auth.sigv4",
        "probe.clients.client",
        "probe.clients.mqtt311",
        "probe.clients.mqtt5",
        "probe.diagnosis",
        "probe.tls_trust",
        "probe.verdict",
    },
    "awsiot": {"probe.clients.client"},
    "aws_lambda_powertools": {
        "config.sources.secrets_manager",
        "config.sources.service_call",
        "config.sources.ssm_provider",
        "reporting.log",
        "reporting.metrics",
        "reporting.table",
        "run",
    },
    "shtab": {"cli.completion"},
    "boto3": {"cli.log_source", "config.sources.account_endpoint", "status_widget"},
    "botocore": {"cli.aws_credentials", "cli.log_source", "config.sources.service_call", "config.sources.ssm_provider"},
    "rich": {"cli.console_report", "cli.console_tables"},
}
READS_ENVIRONMENT = {"handler", "status_widget", "cli.main"}
MAX_LINES = 300


def _name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


MODULES = sorted(_name(path) for path in PACKAGE.rglob("*.py") if path.stem != "__init__")
PACKAGES = {"connect_canary", *(f"connect_canary.{_name(path.parent)}" for path in PACKAGE.glob("*/**/__init__.py"))}


def _source(module: str) -> str:
    return (PACKAGE / f"{module.replace('.', '/')}.py").read_text()


@functools.cache
def _imports(module: str) -> frozenset[str]:
    """Return the dotted name of every module that is imported, in functions and for type checkers too."""
    return frozenset(imported_names(ast.parse(_source(module)), PACKAGES))


def _own_modules(module: str) -> set[str]:
    """Return the modules of the function that `module` imports."""
    return {name.removeprefix("connect_canary.") for name in _imports(module) if name.startswith("connect_canary.")}


def _top_level_packages(module: str) -> set[str]:
    return {name.partition(".")[0] for name in _imports(module)}


def _room(module: str) -> str:
    return module.partition(".")[0]


def test_every_room_has_its_place() -> None:
    """Every package and top-level module has a place in the order."""
    assert {room for rooms in ORDER for room in rooms} == {_room(module) for module in MODULES}


def test_names_are_imported_from_their_modules() -> None:
    """No package re-exports names, so the order below sees every import."""
    assert {module: foreign for module in MODULES if (foreign := _own_modules(module) - set(MODULES))} == {}


def test_imports_run_downwards() -> None:
    """No package imports one of its own level or above."""
    assert {module: upwards for module in MODULES if (upwards := _imports_upwards(module))} == {}


def _imports_upwards(module: str) -> set[str]:
    place = next(number for number, rooms in enumerate(ORDER) if _room(module) in rooms)
    return {_room(name) for name in _own_modules(module)}.difference({_room(module)}, *ORDER[:place])


def test_modules_have_no_cycle() -> None:
    """Within a room too, imports have one direction."""
    TopologicalSorter({module: _own_modules(module) for module in MODULES}).prepare()


def test_third_party_packages_have_their_modules() -> None:
    """Each package is imported where its job is done, and nowhere else."""
    imported = {module: _top_level_packages(module) & THIRD_PARTY.keys() for module in MODULES}
    assert imported == {module: {name for name, users in THIRD_PARTY.items() if module in users} for module in MODULES}


def test_environment_is_read_at_the_entry_points() -> None:
    """Only an entry point reads os.environ; everything below is given what it needs."""
    assert {module for module in MODULES if "os.environ" in _source(module)} == READS_ENVIRONMENT


def test_module_is_short() -> None:
    """A module has one job, for which 300 lines are enough."""
    assert [module for module in MODULES if len(_source(module).splitlines()) > MAX_LINES] == []


def test_immutable_classes_are_quick_to_make() -> None:
    """`frozen` makes them; `@dataclass(frozen=True)` takes three times as long, at each cold start."""
    assert [module for module in MODULES if re.search(r"@dataclass\([^)]*frozen=True", _source(module))] == []
