"""The Python package: what its sdist and wheel hold, and that the installed command works."""

import email
import os
import re
import socket
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from email.message import Message
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from trove_classifiers import classifiers

import connect_canary

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PACKAGE = ROOT / "function" / "connect_canary"
# Nobody's keys, in the environment so that no others are looked for.
ENVIRON = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example", "AWS_REGION": "eu-west-1"}
DEADLINE_S = 120


def _run(*command: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, env={**ENVIRON, **environ}, capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )


def _build(source: Path, output: Path, target: str) -> Path:
    """Build one distribution with the locked build backend, without a network, and return its path."""
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(output), "--target", target]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = output.iterdir()
    return built


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution, built from the repository."""
    return _build(ROOT, tmp_path_factory.mktemp("sdist"), "sdist")


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source distribution alone."""
    unpacked = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(unpacked, filter="data")
    (source,) = unpacked.iterdir()
    return _build(source, tmp_path_factory.mktemp("wheel"), "wheel")


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel, and beside it the locked packages that it depends on."""
    environment = tmp_path_factory.mktemp("installed")
    venv.create(environment, with_pip=True, symlinks=True)
    python = environment / "bin" / "python"
    done = _run(python, "-m", "pip", "install", "--disable-pip-version-check", "--no-index", "--no-deps", "-qq", wheel)
    assert done.returncode == 0, done.stderr
    (packages,) = environment.glob("lib/python*/site-packages")
    # A path in a .pth file is searched, but its own .pth files, as that of the editable install, are not read.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return environment


def _metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [each for each in archive.namelist() if each.endswith(".dist-info/METADATA")]
        return email.message_from_bytes(archive.read(name))


def _modules() -> set[str]:
    kept = [path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {path.relative_to(PACKAGE.parent).as_posix() for path in kept}


def test_sdist_is_lean(sdist: Path) -> None:
    """It has the package, licence, README and what builds it; no tests, templates or documents."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    around = {"LICENSE", "README.md", "pyproject.toml", "PKG-INFO", ".gitignore"}
    assert names == around | {f"function/{name}" for name in _modules()}


def test_wheel_holds_the_package(wheel: Path) -> None:
    """Every module is in it, the marker of its type hints too, and nothing beside it but metadata."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    metadata = {name for name in names if ".dist-info/" in name}
    assert names - metadata == _modules()
    assert "connect_canary/py.typed" in names
    assert {Path(name).name for name in metadata} == {"METADATA", "WHEEL", "RECORD", "LICENSE", "entry_points.txt"}


def test_builds_are_reproducible(sdist: Path, wheel: Path, tmp_path: Path) -> None:
    """Built once more, the bytes are the same; a wheel from the repository is that from the sdist."""
    assert _build(ROOT, tmp_path / "sdist", "sdist").read_bytes() == sdist.read_bytes()
    assert _build(ROOT, tmp_path / "wheel", "wheel").read_bytes() == wheel.read_bytes()


def test_version_has_one_source(wheel: Path) -> None:
    """The distribution's version is that of the package; it is written nowhere else."""
    assert _metadata(wheel)["Version"] == connect_canary.__version__
    assert "version" not in PROJECT
    assert PROJECT["dynamic"] == ["version"]


def test_classifiers_are_known(wheel: Path) -> None:
    """PyPI refuses an unknown classifier; the Pythons are those that CI tries."""
    own = _metadata(wheel).get_all("Classifier") or []
    assert set(own) <= set(classifiers)
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    tried = workflow["jobs"]["check-and-test"]["strategy"]["matrix"]["python"]
    prefix = "Programming Language :: Python :: "
    assert [each.removeprefix(prefix) for each in own if re.fullmatch(prefix + r"3\.\d+", each)] == tried


def test_links_lead_to_one_repository(wheel: Path) -> None:
    """Source, documentation, changelog and issues have a link each, all of one repository."""
    links = dict(link.split(", ") for link in _metadata(wheel).get_all("Project-URL") or [])
    assert links.keys() == {"Source", "Documentation", "Changelog", "Issues"}
    assert all(link.startswith(links["Source"]) for link in links.values())


def test_ranges_hold_what_is_locked(wheel: Path) -> None:
    """Each dependency has a lower and an upper bound, and the locked version, which the tests have, is within."""
    requirements = [Requirement(each) for each in _metadata(wheel).get_all("Requires-Dist") or []]
    assert {each.name for each in requirements} == {"aws-lambda-powertools", "awsiotsdk", "boto3", "rich", "shtab"}
    for requirement in requirements:
        assert {each.operator for each in requirement.specifier} == {">=", "<"}
        assert requirement.specifier.contains(_locked(requirement.name))


def _locked(name: str) -> str:
    (version,) = re.findall(rf"^{name}==(\S+)", (ROOT / "requirements" / "dev.txt").read_text(), re.MULTILINE)
    return str(version)


def test_artifact_has_exact_versions() -> None:
    """What Lambda gets is locked with hashes, and within the ranges of the package."""
    lines = (ROOT / "function" / "requirements.txt").read_text().splitlines()
    packages = [line for line in lines if line and not line.startswith((" ", "#"))]
    assert packages
    assert all(re.match(r"[\w-]+==\S+ \\$", line) for line in packages)
    ranges = {each.name: each.specifier for each in map(Requirement, PROJECT["dependencies"])}
    locked = {line.split("==")[0]: line.split("==")[1].split()[0] for line in packages}
    assert {name for name in locked if name in ranges} == {"aws-lambda-powertools", "awsiotsdk"}
    assert all(ranges[name].contains(version) for name, version in locked.items() if name in ranges)


def test_installed_package_is_imported_from_there(installed: Path) -> None:
    """What the next tests run is the wheel, not the repository."""
    done = _run(installed / "bin" / "python", "-c", "import connect_canary; print(connect_canary.__file__)")
    assert Path(done.stdout.strip()).is_relative_to(installed)


def test_installed_command_has_help(installed: Path) -> None:
    """`pip install` gives the command."""
    done = _run(installed / "bin" / "connect-canary", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: connect-canary")


def test_installed_command_connects(installed: Path) -> None:
    """A connect to a closed port is an unhealthy target, drawn with what the package depends on: exit code 1."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{closed.getsockname()[1]}"
        done = _run(installed / "bin" / "connect-canary", "connect", "--endpoint", endpoint)
    assert (done.returncode, done.stderr) == (1, "")
    assert "TcpRefused" in done.stdout


def test_installed_command_asks_for_the_endpoint(installed: Path) -> None:
    """Without an endpoint it asks the account's own, with the boto3 that the package depends on."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        done = _run(installed / "bin" / "connect-canary", "check", AWS_ENDPOINT_URL=url, PATH=os.defpath)
    assert done.returncode == 2
    assert "iot:DescribeEndpoint failed" in done.stderr
