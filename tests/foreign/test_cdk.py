"""The CDK construct, synthesised by the CDK: the plain template, unchanged but for its code."""

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.foreign.programs import program
from tests.template.cloudformation import ROOT
from tests.template.packages import Package, host_package

INSTALL = ".venv-cdk/bin/python -m pip install --no-deps --require-hashes --requirement requirements/cdk.txt"
CDK_PYTHON = ROOT / ".venv-cdk" / "bin" / "python"
SECONDS = 300


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """The package of the built artifact."""
    return host_package(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def assembly(package: Package, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the CDK makes of an app with one canary; skips where the CDK or Node.js is missing."""
    node = Path(program("node"))
    if not CDK_PYTHON.is_file():
        pytest.skip(f"aws-cdk-lib is not installed; `python3 -m venv .venv-cdk && {INSTALL}` installs it")
    output = tmp_path_factory.mktemp("cdk")
    app = Path(__file__).with_name("cdk_app.py")
    command = map(str, [CDK_PYTHON, app, ROOT / "deploy" / "cdk", package.path, package.architecture, output])
    environ = {"PATH": f"{node.parent}:/usr/bin:/bin", "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1"}
    done = subprocess.run([*command], env=environ, capture_output=True, text=True, check=False, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    return output


@pytest.fixture
def synthesised(assembly: Path) -> dict[str, Any]:
    """The template that the CDK would deploy."""
    return dict(json.loads((assembly / "Canary.template.json").read_text()))


def test_resources_are_those_of_the_plain_template(synthesised: dict[str, Any], package: Package) -> None:
    """Every resource is as the plain template has it, with the same logical id; only the place of code differs."""
    expected = package.template["Resources"]
    assert synthesised["Resources"].keys() == expected.keys()
    for name, made in synthesised["Resources"].items():
        if made["Type"] == "AWS::Lambda::Function":
            made["Properties"]["Code"] = expected[name]["Properties"]["Code"]
        assert made == expected[name]


def test_other_sections_stay(synthesised: dict[str, Any], package: Package) -> None:
    """Conditions, mappings and outputs stay, and so do the rules; the CDK adds a rule and an output of the app."""
    for section in ("Conditions", "Mappings"):
        assert synthesised[section] == package.template[section]
    for section in ("Rules", "Outputs"):
        assert package.template[section].items() <= synthesised[section].items()


def test_parameters_have_the_values_as_defaults(synthesised: dict[str, Any], package: Package) -> None:
    """What the app says is the default, the code has no parameter any more, and all else stays."""
    expected = package.template["Parameters"]
    for name in ("CodeS3Bucket", *package.code):
        del expected[name]
    for name, value in {"Name": "prod", "EveryMinutes": "5", "Architecture": package.architecture}.items():
        expected[name]["Default"] = value
    del synthesised["Parameters"]["BootstrapVersion"]
    assert synthesised["Parameters"] == expected


def test_code_is_uploaded_as_an_asset(synthesised: dict[str, Any], assembly: Path, package: Package) -> None:
    """The assets are the zips, byte for byte, and each function's code is one of them."""
    assets = {path.name.removeprefix("asset."): path.read_bytes() for path in assembly.glob("asset.*.zip")}
    assert {hashlib.sha256(content).digest() for content in assets.values()} == {
        hashlib.sha256(path.read_bytes()).digest() for path in package.code.values()
    }
    functions = [made for made in synthesised["Resources"].values() if made["Type"] == "AWS::Lambda::Function"]
    assert {made["Properties"]["Code"]["S3Key"] for made in functions} == assets.keys()


def test_app_can_refer_to_resources(synthesised: dict[str, Any]) -> None:
    """The app reaches a resource by its logical id, for a subscription of its own."""
    assert synthesised["Outputs"]["OwnSubscription"]["Value"] == {"Ref": "PageTopic"}
