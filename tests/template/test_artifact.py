"""The Lambda artifact: for the right architecture, self-contained, and without unused files."""

import shutil
import subprocess
from pathlib import Path

import pytest

from infra.build.check_artifact import MACHINES, host_architecture, problems, size_mb, widget_problems

ROOT = Path(__file__).parents[2]
BUILT = ROOT / ".aws-sam" / "build" / "CanaryFunction"
MOST_MB = 16


@pytest.fixture(scope="module", params=sorted(MACHINES))
def artifact(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return an artifact made by the build method, and its requested architecture."""
    made = tmp_path_factory.mktemp(request.param)
    command = [
        "make",
        "--silent",
        "--directory",
        str(ROOT / "function"),
        "build-CanaryFunction",
        f"ARTIFACTS_DIR={made}",
    ]
    python = ROOT / ".venv-sam" / "bin" / "python"
    subprocess.run([*command, f"ARCHITECTURE={request.param}", f"BUILD_PYTHON={python}"], check=True)
    return made, request.param


def test_artifact_is_for_the_architecture_asked_for(artifact: tuple[Path, str]) -> None:
    """The native library fits, on a host of either architecture."""
    assert problems(*artifact) == []


def test_artifact_holds_what_is_used_only(artifact: tuple[Path, str]) -> None:
    """No command line, no metadata, no bytecode of the host, no package that Lambda provides."""
    made, _ = artifact
    assert {path.name for path in made.iterdir()} == {
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
    assert not list(made.rglob("__pycache__"))
    assert size_mb(made) < MOST_MB


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
