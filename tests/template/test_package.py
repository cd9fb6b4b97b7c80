"""What a release consists of: the zip, its bill of materials, and checksums."""

import hashlib
import importlib.metadata
import json
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

import connect_canary
from infra.build.check_artifact import host_architecture
from infra.build.package import CHECKSUMS, pack
from infra.invoke.programs import ARTIFACT

NAMES = {"aws-lambda-powertools", "awscrt", "awsiotsdk", "jmespath", "typing-extensions"}


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """The built artifact's zip, bill of materials and checksums."""
    archive, bill, checksums = pack(ARTIFACT, host_architecture(), tmp_path_factory.mktemp("package"))
    return archive, bill, checksums


@pytest.fixture(scope="module")
def bill(packed: tuple[Path, Path, Path]) -> dict[str, Any]:
    """The bill of materials."""
    return json.loads(packed[1].read_text())  # type: ignore[no-any-return]  # JSON


def test_zip_is_the_artifact(packed: tuple[Path, Path, Path], tmp_path: Path) -> None:
    """Every file with its bytes, readable by everyone, as Lambda's user is another one."""
    with zipfile.ZipFile(packed[0]) as archive:
        entries = archive.infolist()
        archive.extractall(tmp_path)
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    assert {entry.external_attr >> 16 & 0o777 for entry in entries} == {0o644}
    files = {path.relative_to(ARTIFACT): path.read_bytes() for path in ARTIFACT.rglob("*") if path.is_file()}
    assert {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == files


def test_scanner_sees_the_packages_in_the_unpacked_zip(packed: tuple[Path, Path, Path], tmp_path: Path) -> None:
    """`pip-audit --path` reads what importlib.metadata finds there."""
    with zipfile.ZipFile(packed[0]) as archive:
        archive.extractall(tmp_path)
    seen = {each.metadata["Name"].replace("_", "-") for each in importlib.metadata.distributions(path=[str(tmp_path)])}
    assert seen == NAMES


def test_same_artifact_makes_the_same_files(packed: tuple[Path, Path, Path], tmp_path: Path) -> None:
    """Zip and bill of materials hold no time of day and no name of this machine."""
    again = pack(ARTIFACT, host_architecture(), tmp_path)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in packed]


def test_checksums(packed: tuple[Path, Path, Path]) -> None:
    """`sha256sum --check` agrees; the checksums cover the zip and the bill of materials."""
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", CHECKSUMS],
        cwd=packed[0].parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in packed[2].read_text().splitlines()]
    assert {name: digest for digest, name in lines} == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in packed[:2]
    }


def test_checksums_cover_both_architectures(tmp_path: Path) -> None:
    """Packing the second one keeps the first."""
    for architecture in ("arm64", "x86_64"):
        pack(ARTIFACT, architecture, tmp_path)
    names = [line.split()[1] for line in (tmp_path / CHECKSUMS).read_text().splitlines()]
    stem = f"iot-connect-canary-{connect_canary.__version__}"
    assert names == [f"{stem}-{rest}" for rest in ("arm64.cdx.json", "arm64.zip", "x86_64.cdx.json", "x86_64.zip")]


def test_bill_names_every_package(bill: dict[str, Any]) -> None:
    """Name, version, package URL and license of each, as the artifact's metadata has them."""
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    component = bill["metadata"]["component"]
    assert (component["name"], component["version"]) == ("iot-connect-canary", connect_canary.__version__)
    metadata = {each.metadata["Name"]: each.version for each in importlib.metadata.distributions(path=[str(ARTIFACT)])}
    versions = {name.replace("_", "-"): version for name, version in metadata.items()}
    assert {each["name"]: each["version"] for each in bill["components"]} == versions
    assert versions.keys() == NAMES
    assert all(each["purl"] == f"pkg:pypi/{each['name']}@{each['version']}" for each in bill["components"])
    assert all(each["licenses"] for each in bill["components"])


def test_bill_says_what_needs_what(bill: dict[str, Any]) -> None:
    """References lead to components, and the SDK needs its native library."""
    needs = {each["ref"]: set(each["dependsOn"]) for each in bill["dependencies"]}
    known = {each["bom-ref"] for each in bill["components"]}
    assert needs.keys() == known | {bill["metadata"]["component"]["bom-ref"]}
    assert set().union(*needs.values()) == known
    (sdk,) = [ref for ref in known if ref.startswith("pkg:pypi/awsiotsdk@")]
    assert [ref.partition("@")[0] for ref in needs[sdk]] == ["pkg:pypi/awscrt"]
