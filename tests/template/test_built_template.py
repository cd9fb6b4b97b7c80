"""The built template carries the architecture that was built, which `make build` and `make deploy` choose."""

import platform
import re
import subprocess

import pytest

from infra.build.built_template import ARCHITECTURES, with_architecture
from infra.build.check_artifact import MACHINES, host_architecture
from tests.template.cloudformation import ROOT, read

TEMPLATE = ".aws-sam/build/template.yaml"


def _architecture_built(target: str, *variables: str) -> str:
    """Return the architecture that make would build for, without building."""
    command = ["make", "--dry-run", target, *variables]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (built,) = re.findall(r" ARCHITECTURE=(\S+) \S+/sam build", printed)
    return str(built)


def test_built_template_is_for_this_machine() -> None:
    """`sam local invoke` finds the artifact's architecture without a parameter."""
    parameter = read(TEMPLATE)["Parameters"]["Architecture"]
    assert parameter["Default"] == host_architecture()
    assert parameter["AllowedValues"] == ["arm64", "x86_64"]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_only_the_default_changes(architecture: str) -> None:
    """Every other line of the built template stays."""
    before = (ROOT / TEMPLATE).read_text()
    after = with_architecture(before, architecture)
    different = [line for old, line in zip(before.splitlines(), after.splitlines(), strict=True) if old != line]
    assert different == ([] if architecture == host_architecture() else [f"    Default: {architecture}"])


@pytest.mark.parametrize("template", ["", "Parameters:\n  Architecture:\n    Type: String\n  Name:\n    Default: a\n"])
def test_template_without_the_parameter(template: str) -> None:
    """It is an error, not a template that names another architecture than was built."""
    with pytest.raises(ValueError, match="no parameter Architecture"):
        with_architecture(template, "arm64")


def test_architectures_are_those_of_the_artifact() -> None:
    """The two scripts of the build know the same ones."""
    assert sorted(ARCHITECTURES) == sorted(MACHINES)


def test_build_is_for_this_machine_unless_told() -> None:
    """What is built by hand is meant to run here."""
    assert _architecture_built("build") == host_architecture()
    assert _architecture_built("build", "ARCHITECTURE=arm64") == "arm64"
    assert host_architecture() == ("arm64" if platform.machine() in {"aarch64", "arm64"} else "x86_64")


def test_deploy_is_for_arm64_unless_told() -> None:
    """The template's own default, which costs less."""
    assert _architecture_built("deploy") == read("template.yaml")["Parameters"]["Architecture"]["Default"] == "arm64"
    assert _architecture_built("deploy", "ARCHITECTURE=x86_64") == "x86_64"
