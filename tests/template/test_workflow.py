"""CI, dependabot, pre-commit and the forms: least permissions, pinned actions, the promised Pythons, one gate."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import connect_canary
from infra.build.package import CHECKSUMS
from tests.foreign.node_packages import INSTALL
from tests.template.cloudformation import ROOT, read

WORKFLOWS = sorted(str(path.relative_to(ROOT)) for path in (ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted(path for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")
PUBLISHES = {"contents": "write", "id-token": "write", "attestations": "write"}
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
    """Nothing by default; a job reads the repository, and keeps no token for later steps; one publishes."""
    workflow = _yaml(path)
    assert workflow["permissions"] == {}
    for name, job in workflow["jobs"].items():
        assert job["permissions"] == (PUBLISHES if name == "publish" else {"contents": "read"})
    checkouts = [step for step in _steps(path) if "actions/checkout@" in step.get("uses", "")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@every_workflow
def test_jobs_end(path: str) -> None:
    """Each job has a time limit; a newer push ends an older run, except of a release, which would be half done."""
    workflow = _yaml(path)
    assert all(0 < job["timeout-minutes"] <= 60 for job in workflow["jobs"].values())
    assert workflow["concurrency"]["cancel-in-progress"] is not path.endswith("release.yml")


@every_workflow
def test_scripts_hold_no_expression(path: str) -> None:
    """A value that is put into a script's text could be code: scripts read variables."""
    scripts = [step["run"] for step in _steps(path) if "run" in step]
    assert scripts
    assert [script for script in scripts if "${{" in script] == []


def test_release_builds_without_a_right_to_write() -> None:
    """What runs the requirements' code cannot publish, and what publishes runs no code of the repository."""
    jobs = _yaml(".github/workflows/release.yml")["jobs"]
    assert jobs["publish"]["needs"] == "build"
    assert not [step for step in jobs["publish"]["steps"] if "checkout" in step.get("uses", "")]
    assert not [step for step in jobs["publish"]["steps"] if "make " in step.get("run", "")]
    built = [step["run"] for step in jobs["build"]["steps"] if "make package" in step.get("run", "")]
    assert built[0] == "make package"
    assert "make package && cmp dist/SHA256SUMS" in built[1]
    assert len(built) == 2


def test_release_is_attested_before_it_is_published() -> None:
    """Provenance covers every file that has a checksum, and only then they are attached."""
    steps = _yaml(".github/workflows/release.yml")["jobs"]["publish"]["steps"]
    attested = [number for number, step in enumerate(steps) if "attest-build-provenance@" in step.get("uses", "")]
    published = [number for number, step in enumerate(steps) if "gh release create" in step.get("run", "")]
    assert len(attested) == len(published) == 1
    assert attested < published
    assert steps[attested[0]]["with"]["subject-checksums"].endswith(f"/{CHECKSUMS}")


def test_release_is_of_the_codes_version() -> None:
    """A tag that names another version stops the build."""
    steps = [step.get("run", "") for step in _yaml(".github/workflows/release.yml")["jobs"]["build"]["steps"]]
    (check,) = [step for step in steps if "GITHUB_REF_NAME" in step]
    for tag, code in {f"v{connect_canary.__version__}": 0, "v9.9.9": 1, connect_canary.__version__: 1}.items():
        done = subprocess.run(
            ["sh", "-c", check], cwd=ROOT, env={"GITHUB_REF_NAME": tag, "PATH": "/bin:/usr/bin"}, check=False
        )
        assert done.returncode == code, tag


@pytest.mark.parametrize(("owner", "code"), [("OWNER", 1), ("someone", 0), ("someone-else", 1)])
def test_release_links_to_its_own_repository(owner: str, code: int, tmp_path: Path) -> None:
    """Without a link to the repository that releases, as with the placeholder, the build stops with one sentence."""
    steps = [step.get("run", "") for step in _yaml(".github/workflows/release.yml")["jobs"]["build"]["steps"]]
    (check,) = [step for step in steps if "GITHUB_REPOSITORY" in step]
    assert steps.index(check) < steps.index("make package")
    text, links = re.subn(r"github\.com/[\w-]+/", f"github.com/{owner}/", (ROOT / "pyproject.toml").read_text())
    assert links
    (tmp_path / "pyproject.toml").write_text(text)
    environ = {"GITHUB_REPOSITORY": "someone/iot-connect-canary", "PATH": "/bin:/usr/bin"}
    done = subprocess.run(["sh", "-c", check], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, "")
    sentence = "Replace OWNER in the links of pyproject.toml: they lead elsewhere than someone/iot-connect-canary."
    assert done.stdout == (f"::error::{sentence}\n" if code else "")


def test_audit_is_tried() -> None:
    """Known vulnerabilities and faults of the workflows are looked for at each push and each week."""
    workflow = _yaml(".github/workflows/ci.yml")
    assert {"run": "make audit"} in workflow["jobs"]["audit"]["steps"]
    # YAML reads the key `on` as a truth value.
    assert workflow[True]["schedule"]  # type: ignore[index]


def test_every_lock_is_audited() -> None:
    """`make audit` and `make lock` go through every file of locked requirements."""
    makefile = (ROOT / "Makefile").read_text()
    (locks,) = re.findall(r"^LOCKS := (.+)$", makefile, re.MULTILINE)
    assert {f"{lock}.in" for lock in locks.split()} == {str(path.relative_to(ROOT)) for path in ROOT.glob("*/*.in")}
    assert makefile.count("for name in $(LOCKS)") == 2


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
    # The runner brings it, and its engine runs.
    programs.remove("docker")
    # What comes with another program.
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
    # A version that is a week old has been looked at by others.
    assert all(update["cooldown"]["default-days"] >= 7 for update in updates.values())


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
