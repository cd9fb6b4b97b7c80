"""The Lambda artifact: for the right architecture, self-contained, and without unused files."""

import hashlib
import importlib.metadata
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from infra.build.check_artifact import (
    MACHINES,
    RUNTIME,
    has_bytecode,
    host_architecture,
    main,
    problems,
    size_mb,
    widget_problems,
)
from tests.template.cloudformation import ROOT, read

BUILT = ROOT / ".aws-sam" / "build" / "CanaryFunction"
MOST_MB = 16
TAG = f"cpython-{RUNTIME.replace('.', '')}"
# Where this machine has a Python of the runtime's version; empty where it has none.
RUNTIME_PYTHON = subprocess.run(
    ["sh", ROOT / "infra" / "build" / "find_python.sh", RUNTIME], capture_output=True, text=True, check=True
).stdout.strip()


@pytest.fixture(scope="module", params=sorted(MACHINES))
def artifact(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return an artifact made by the build method, and its requested architecture."""
    made = tmp_path_factory.mktemp(request.param)
    _build(made, request.param)
    return made, request.param


def _build(made: Path, architecture: str, *, runtime_python: str = RUNTIME_PYTHON) -> None:
    command = [
        "make",
        "--silent",
        "--directory",
        str(ROOT / "function"),
        "build-CanaryFunction",
        f"ARTIFACTS_DIR={made}",
    ]
    python = ROOT / ".venv-sam" / "bin" / "python"
    variables = (f"ARCHITECTURE={architecture}", f"BUILD_PYTHON={python}", f"RUNTIME_PYTHON={runtime_python}")
    subprocess.run([*command, *variables], check=True)


def _hashes(made: Path) -> dict[str, str]:
    """Return the digest of each file, by its path in the artifact."""
    files = sorted(path for path in made.rglob("*") if path.is_file())
    return {str(path.relative_to(made)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_artifact_is_for_the_architecture_asked_for(artifact: tuple[Path, str]) -> None:
    """The native library fits, on a host of either architecture."""
    assert problems(*artifact) == []


def test_artifact_holds_what_is_used_only(artifact: tuple[Path, str]) -> None:
    """No command line, no package that Lambda provides, no bytecode but the runtime's."""
    made, _ = artifact
    packages = {path.name for path in made.iterdir() if path.suffix != ".dist-info"} - {"__pycache__"}
    assert packages == {
        "_awscrt.abi3.so",
        "aws_lambda_powertools",
        "awscrt",
        "awsiot",
        "connect_canary",
        "jmespath",
        "typing_extensions.py",
    }
    inside = {path.relative_to(made / "connect_canary").parts[0] for path in (made / "connect_canary").iterdir()}
    assert not {"cli", "pages", "__main__.py", "status_widget.py"} & inside
    assert {"".join(path.suffixes[-2:]) for path in made.rglob("*.pyc")} <= {f".{TAG}.pyc"}
    assert size_mb(made) < MOST_MB


def test_scanners_see_the_packages(artifact: tuple[Path, str]) -> None:
    """Each package of the requirements has its metadata with its version, as `pip-audit --path` reads it."""
    made, _ = artifact
    locked = re.findall(r"^([\w-]+)==(\S+)", (ROOT / "function" / "requirements.txt").read_text(), re.MULTILINE)
    seen = {each.metadata["Name"].lower(): each.version for each in importlib.metadata.distributions(path=[str(made)])}
    assert {name.replace("_", "-"): version for name, version in seen.items()} == dict(locked)
    with_license = {path.parent.parent if path.parent.name == "licenses" else path.parent for path in _licenses(made)}
    # The wheel of awsiotsdk brings none; its metadata names the license.
    assert {path.name.partition("-")[0] for path in made.glob("*.dist-info")} == {
        *(path.name.partition("-")[0] for path in with_license),
        "awsiotsdk",
    }


def _licenses(made: Path) -> list[Path]:
    return [path for path in made.glob("*.dist-info/**/*") if path.name.startswith(("LICENSE", "LICENCE", "NOTICE"))]


def test_same_inputs_make_the_same_bytes(artifact: tuple[Path, str], tmp_path: Path) -> None:
    """Another build in another folder differs in no file, time or mode: whoever rebuilds can compare."""
    made, architecture = artifact
    _build(tmp_path, architecture)
    assert _hashes(tmp_path) == _hashes(made)
    stats = [(path.stat().st_mtime, path.stat().st_mode) for path in (*made.rglob("*"), *tmp_path.rglob("*"))]
    assert len(set(stats)) == 2, "one for files, one for folders"
    texts = [path for path in tmp_path.rglob("*") if path.is_file() and str(tmp_path).encode() in path.read_bytes()]
    assert texts == []


def test_bytecode_is_the_runtimes(artifact: tuple[Path, str]) -> None:
    """With a Python of the runtime's version every module has bytecode, else none has."""
    made, _ = artifact
    runtime = read("template.yaml")["Resources"]["CanaryFunction"]["Properties"]["Runtime"]
    assert runtime == f"python{RUNTIME}"
    assert len(list(made.rglob("*.pyc"))) == (len(list(made.rglob("*.py"))) if RUNTIME_PYTHON else 0)
    assert has_bytecode(made) is bool(RUNTIME_PYTHON)


def test_artifact_without_the_runtimes_python(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It works, and the build says what is missing and how to name one."""
    _build(tmp_path, host_architecture(), runtime_python="")
    assert problems(tmp_path, host_architecture()) == []
    assert _checked(tmp_path) == 0
    printed = capsys.readouterr().out
    assert "without bytecode of Python 3.13" in printed
    assert "make build RUNTIME_PYTHON=/path/to/python3.13" in printed


def _checked(made: Path) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["check_artifact.py", str(made), host_architecture()])
        return main()


def test_bytecode_that_is_not_whole_is_a_sentence(artifact: tuple[Path, str], tmp_path: Path) -> None:
    """A module without bytecode, or with the host's own, is found before it is deployed."""
    made, architecture = artifact
    broken = shutil.copytree(made, tmp_path / "broken")
    cache = broken / "connect_canary" / "__pycache__"
    cache.mkdir(exist_ok=True)
    (cache / "run.cpython-399.pyc").write_bytes(bytes(16))
    assert "run.cpython-399.pyc shows" in problems(broken, architecture)[0]


def test_wrong_architecture_is_a_sentence(artifact: tuple[Path, str]) -> None:
    """An artifact that Lambda could not load is found before it is deployed."""
    made, architecture = artifact
    other = next(name for name in MACHINES if name != architecture)
    assert problems(made, other) == [f"{made / '_awscrt.abi3.so'} is for {architecture}, the template says {other}"]


def test_missing_package_is_a_sentence(artifact: tuple[Path, str], tmp_path: Path) -> None:
    """An artifact that is not self-contained is detected, although the host has the package."""
    made, architecture = artifact
    if architecture != host_architecture():
        assert problems(made, architecture) == []
        return
    broken = shutil.copytree(made, tmp_path / "broken")
    shutil.rmtree(broken / "jmespath")
    assert "No module named 'jmespath'" in problems(broken, architecture)[0]


def test_built_artifact_is_good() -> None:
    """What `sam build` left is what the local AWS and the tests run."""
    assert problems(BUILT, host_architecture()) == []


@pytest.fixture(scope="module")
def widget(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the status widget's artifact, made by the build method."""
    made = tmp_path_factory.mktemp("widget")
    command = ["make", "--silent", "--directory", str(ROOT / "function"), "build-StatusWidgetFunction"]
    subprocess.run([*command, f"ARTIFACTS_DIR={made}"], check=True)
    return made


def test_widget_needs_no_package(widget: Path) -> None:
    """It is a few modules of ours, imported with the standard library alone."""
    assert widget_problems(widget) == []
    assert {path.name for path in widget.iterdir()} == {"connect_canary"}
    inside = {path.name for path in (widget / "connect_canary").iterdir()}
    assert inside == {"__init__.py", "status_widget.py", "model", "pages"}
    assert not list(widget.rglob("__pycache__"))
    assert size_mb(widget) < 0.2


def test_widget_that_needs_more_is_a_sentence(widget: Path, tmp_path: Path) -> None:
    """A module that it imports and does not bring along is found before it is deployed."""
    broken = shutil.copytree(widget, tmp_path / "broken")
    shutil.rmtree(broken / "connect_canary" / "model")
    assert "the status widget cannot be imported from the artifact alone" in widget_problems(broken)[0]


def test_built_widget_is_good() -> None:
    """What `sam build` left is what the local AWS runs."""
    assert widget_problems(BUILT.parent / "StatusWidgetFunction") == []
