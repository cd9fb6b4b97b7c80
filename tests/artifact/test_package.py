"""What `make package` writes: zips that depend on their content alone, a plain template, and checksums."""

import json
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import connect_canary
from infra.build.archive import write_zip
from tests.template.cloudformation import ROOT, read
from tests.template.packages import write_package
from tests.template.sam_tools import run_tool

VERSION = connect_canary.__version__
ARCHITECTURES = ("arm64", "x86_64")


def _tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of two builds, which differ in the canary's code only."""
    root = tmp_path_factory.mktemp("package")
    builds = {
        architecture: _tree(
            root / architecture,
            {
                "CanaryFunction/native.so": architecture,
                "CanaryFunction/connect_canary/__init__.py": f'__version__ = "{VERSION}"\n',
                "PagerFunction/pager/handler.py": "# the same for both\n",
                "StatusWidgetFunction/widget.py": "# this too\n",
            },
        )
        for architecture in ARCHITECTURES
    }
    return write_package(root / "dist", builds)


@pytest.fixture(scope="module")
def plain(package: Path) -> dict[str, Any]:
    """The plain template."""
    return dict(json.loads(package.read_text()))


def test_files(package: Path) -> None:
    """A zip for each architecture, one where they do not differ, the template and the checksums."""
    assert {path.name for path in package.parent.iterdir()} == {
        f"iot-connect-canary-{VERSION}-arm64.zip",
        f"iot-connect-canary-{VERSION}-x86_64.zip",
        f"iot-connect-canary-{VERSION}-arm64.cdx.json",
        f"iot-connect-canary-{VERSION}-x86_64.cdx.json",
        f"iot-connect-canary-pager-{VERSION}.zip",
        f"iot-connect-canary-status-widget-{VERSION}.zip",
        f"iot-connect-canary-{VERSION}.template.json",
        "SHA256SUMS",
    }


def test_zip_holds_the_build(package: Path) -> None:
    """The zip of an architecture has the files of its build."""
    with zipfile.ZipFile(package.parent / f"iot-connect-canary-{VERSION}-arm64.zip") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            "connect_canary/__init__.py": f'__version__ = "{VERSION}"\n'.encode(),
            "native.so": b"arm64",
        }


def test_checksums(package: Path) -> None:
    """`sha256sum --check` finds every file and takes it, and notices one that changed."""
    copy = shutil.copytree(package.parent, package.parent.parent / "downloaded")
    command = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == len(list(copy.iterdir())) - 1
    (copy / package.name).write_text("{}")
    assert subprocess.run(command, cwd=copy, capture_output=True, check=False).returncode == 1


def test_zip_depends_on_content_alone(tmp_path: Path) -> None:
    """Times, modes, the umask and the order of creation have no say."""
    files = {"b/handler.py": "b", "a.so": "a", "b/c.txt": "c"}
    one = _tree(tmp_path / "one", files)
    other = _tree(tmp_path / "other", dict(reversed(files.items())))
    os.utime(other / "a.so", (1_000_000_000, 1_000_000_000))
    (other / "b" / "handler.py").chmod(0o600)
    (other / "empty").mkdir()
    write_zip(one, tmp_path / "one.zip")
    write_zip(other, tmp_path / "other.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "other.zip").read_bytes()


def test_unpacked_code_can_be_read_by_all(tmp_path: Path) -> None:
    """Lambda unpacks as root and runs as another user; it needs a time that a zip can hold, and readable files."""
    write_zip(_tree(tmp_path / "code", {"handler.py": "h"}), tmp_path / "code.zip")
    with zipfile.ZipFile(tmp_path / "code.zip") as archive:
        (entry,) = archive.infolist()
    assert (entry.external_attr >> 16) & 0o555 == 0o555
    assert entry.date_time == (1980, 1, 1, 0, 0, 0)
    assert entry.compress_type == zipfile.ZIP_DEFLATED


def test_template_is_plain(plain: dict[str, Any]) -> None:
    """No transform, and no resource that needs one."""
    assert "Transform" not in plain
    types = {made["Type"] for made in plain["Resources"].values()}
    assert not any(kind.startswith("AWS::Serverless") for kind in types)


def test_plain_template_is_the_template(plain: dict[str, Any]) -> None:
    """Parameters, rules, conditions, outputs and own resources are those of template.yaml, and the code's besides."""
    source = read("template.yaml")
    code = {"CodeS3Bucket", "CanaryCodeS3Key", "PagerCodeS3Key", "StatusWidgetCodeS3Key"}
    assert plain["Parameters"].keys() == source["Parameters"].keys() | code
    assert all("Default" not in plain["Parameters"][name] for name in code)
    for section in ("Mappings", "Rules", "Conditions", "Outputs"):
        assert plain[section].keys() == source[section].keys()
    assert source["Resources"].keys() <= plain["Resources"].keys()


def test_code_is_a_parameter(plain: dict[str, Any]) -> None:
    """Each function's code is what its parameters say, and Metadata says which file that is."""
    functions = {n: made for n, made in plain["Resources"].items() if made["Type"] == "AWS::Lambda::Function"}
    assert {name: made["Properties"]["Code"] for name, made in functions.items()} == {
        "CanaryFunction": {"S3Bucket": {"Ref": "CodeS3Bucket"}, "S3Key": {"Ref": "CanaryCodeS3Key"}},
        "PagerFunction": {"S3Bucket": {"Ref": "CodeS3Bucket"}, "S3Key": {"Ref": "PagerCodeS3Key"}},
        "StatusWidgetFunction": {"S3Bucket": {"Ref": "CodeS3Bucket"}, "S3Key": {"Ref": "StatusWidgetCodeS3Key"}},
    }
    pager, widget = (f"iot-connect-canary-{kind}-{VERSION}.zip" for kind in ("pager", "status-widget"))
    assert plain["Metadata"]["IoTConnectCanary"] == {
        "Version": VERSION,
        "Code": {
            "CanaryCodeS3Key": {name: f"iot-connect-canary-{VERSION}-{name}.zip" for name in ARCHITECTURES},
            "PagerCodeS3Key": dict.fromkeys(ARCHITECTURES, pager),
            "StatusWidgetCodeS3Key": dict.fromkeys(ARCHITECTURES, widget),
        },
    }


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _strings(each)


def test_template_is_for_every_region_and_partition(plain: dict[str, Any]) -> None:
    """The transform's own region is nowhere in it, and no ARN names a partition."""
    used = [text for part in ("Resources", "Outputs", "Conditions", "Mappings") for text in _strings(plain[part])]
    assert [text for text in used if re.search(r"us-east-1|arn:aws", text)] == []


def test_cfn_lint_plain_template(package: Path) -> None:
    """cfn-lint has nothing to say."""
    done = run_tool("cfn-lint", str(package))
    assert (done.returncode, done.stdout) == (0, "")


def test_make_package_builds_both_architectures() -> None:
    """`make package` builds each architecture aside from `make build`, and the Python package too."""
    command = ["make", "--dry-run", "--assume-old=.venv/.ready", "--assume-old=.venv-sam/.ready", "package"]
    recipe = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "hatchling build --directory dist/python" in recipe
    for architecture in ARCHITECTURES:
        assert f"{architecture}=.aws-sam/package/{architecture}" in recipe
