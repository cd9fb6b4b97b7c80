"""The bill of materials (CycloneDX) of the built artifact, and what scanners see in it."""

import importlib.metadata
import json
from typing import Any

import pytest

import connect_canary
from infra.build.check_artifact import host_architecture
from infra.build.sbom import bill_of_materials
from infra.invoke.programs import ARTIFACT

NAMES = {"aws-lambda-powertools", "awscrt", "awsiotsdk", "jmespath", "typing-extensions"}


@pytest.fixture(scope="module")
def bill() -> dict[str, Any]:
    """The bill of materials."""
    return json.loads(json.dumps(bill_of_materials(ARTIFACT, host_architecture())))  # type: ignore[no-any-return]  # JSON


def test_scanner_sees_the_packages() -> None:
    """`pip-audit --path` reads what importlib.metadata finds there."""
    seen = {each.metadata["Name"].replace("_", "-") for each in importlib.metadata.distributions(path=[str(ARTIFACT)])}
    assert seen == NAMES


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
