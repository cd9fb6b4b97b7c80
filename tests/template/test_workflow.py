"""CI, dependabot, pre-commit and the forms: least permissions, pinned actions, the promised Pythons, one gate."""

import re
import tomllib
from typing import Any

import pytest
import yaml

from tests.foreign.node_packages import INSTALL
from tests.template.cloudformation import ROOT, read

WORKFLOWS = sorted(str(path.relative_to(ROOT)) for path in (ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted(path for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")
every_workflow = pytest.mark.parametrize("path", WORKFLOWS)


def _yaml(path: str) -> dict[str, Any]:
    document = yaml.safe_load((ROOT / path).read_text())
    assert isinstance(document, dict)
    return document


def _steps(path: str) -> list[dict[str, Any]]:
    return [step for job in _yaml(path)["jobs"].values() for step in job["steps"]]


@every_workflow
def test_actions_are_pinned(path: str) -> None:
    """Each action is a commit, with its version in a comment: a tag can be moved to another commit."""
    used = re.findall(r"uses: (.+)", (ROOT / path).read_text())
    assert used
    assert [action for action in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)] == []


@every_workflow
def test_permissions_are_least(path: str) -> None:
    """Nothing by default; a job reads the repository, and keeps no token for later steps."""
    workflow = _yaml(path)
    assert workflow["permissions"] == {}
    assert [job["permissions"] for job in workflow["jobs"].values()] == [{"contents": "read"}] * len(workflow["jobs"])
    checkouts = [step for step in _steps(path) if "actions/checkout@" in step.get("uses", "")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@every_workflow
def test_jobs_end(path: str) -> None:
    """Each job has a time limit, and a newer push ends an older run."""
    workflow = _yaml(path)
    assert all(0 < job["timeout-minutes"] <= 60 for job in workflow["jobs"].values())
    assert workflow["concurrency"]["cancel-in-progress"] is True


def test_promised_pythons_are_tried() -> None:
    """The oldest is that of `requires-python`, and the Lambda runtime's is among them."""
    job = _yaml(".github/workflows/ci.yml")["jobs"]["check-and-test"]
    versions = job["strategy"]["matrix"]["python"]
    oldest = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    runtime = read("template.yaml")["Resources"]["CanaryFunction"]["Properties"]["Runtime"]
    assert f">={versions[0]}" == oldest
    assert runtime.removeprefix("python") in versions
    assert versions == sorted(versions, key=lambda version: [int(part) for part in version.split(".")])
    assert {"python-version": "${{ matrix.python }}"} in [step.get("with") for step in job["steps"]]


def test_gate_is_the_same_everywhere() -> None:
    """CI runs .ci/run, which runs what people run; pre-commit runs its quick half."""
    assert {"run": ".ci/run"} in _steps(".github/workflows/ci.yml")
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-2:] == ["make check", "make test"]
    (repository,) = _yaml(".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    assert [hook["entry"] for hook in repository["hooks"]] == ["make check"]


def test_command_line_is_tried_on_other_systems() -> None:
    """On macOS and Windows it is installed, imported and run; the unit tests run on macOS."""
    job = _yaml(".github/workflows/ci.yml")["jobs"]["other-systems"]
    assert [system.partition("-")[0] for system in job["strategy"]["matrix"]["system"]] == ["macos", "windows"]
    assert job["runs-on"] == "${{ matrix.system }}"
    commands = {step["run"]: step.get("if") for step in job["steps"] if "run" in step}
    assert commands["python -m pytest tests/unit/test_portability.py"] is None
    assert commands["python -m pytest tests/unit"] == "runner.os == 'macOS'"


def test_foreign_servers_are_installed_where_they_are_tested() -> None:
    """The job installs every program that the tests of foreign servers look for, and the SDK for Node.js as locked."""
    steps = [step.get("run", "") for step in _yaml(".github/workflows/ci.yml")["jobs"]["foreign-servers"]["steps"]]
    sources = [path.read_text() for path in (ROOT / "tests" / "foreign").glob("*.py")]
    programs = {name for source in sources for name in re.findall(r'\bprogram\("([\w-]+)"\)', source)}
    assert len(programs) > 3
    # What the runner brings, and what comes with another program.
    bundled = {"node": "npm", "mosquitto_passwd": "mosquitto"}
    assert [name for name in programs if not any(bundled.get(name, name) in step.split() for step in steps)] == []
    assert steps[-2:] == [INSTALL, "make test-foreign"]


def test_dependabot_watches_every_lock() -> None:
    """Every folder with locked requirements or packages is watched, and the actions."""
    updates = {update["package-ecosystem"]: update for update in _yaml(".github/dependabot.yml")["updates"]}
    locked = {f"/{path.parent.relative_to(ROOT)}" for path in ROOT.glob("*/*.in")}
    assert set(updates["pip"]["directories"]) == locked
    assert "github-actions" in updates
    (package_lock,) = (ROOT / "tests").glob("*/*/package-lock.json")
    assert updates["npm"]["directory"] == f"/{package_lock.parent.relative_to(ROOT)}"
    assert all(update["groups"] for update in updates.values())


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_forms(path: Any) -> None:
    """A form has a name, a description and fields with unique ids; a bug needs its log record."""
    form = yaml.safe_load(path.read_text())
    assert form["name"]
    assert form["description"]
    fields = {field["id"]: field for field in form["body"] if field["type"] != "markdown"}
    assert len(fields) == len([field for field in form["body"] if field["type"] != "markdown"])
    if path.stem == "bug":
        assert fields["record"]["validations"]["required"] is True
