"""The build without AWS SAM: which functions it finds in the template, and what it makes of it."""

from typing import Any

import pytest
import yaml

from infra.build.local_build import built_template, functions
from infra.local.client.process import REPOSITORY

TEMPLATE = (REPOSITORY / "template.yaml").read_text()


class _Loader(yaml.SafeLoader):
    """Reads a template, whose short forms (!Ref and others) become None."""


_Loader.add_multi_constructor("!", lambda *_: None)


def _functions(text: str) -> dict[str, dict[str, Any]]:
    resources = yaml.load(text, Loader=_Loader)["Resources"]  # noqa: S506 - a SafeLoader
    return {name: each for name, each in resources.items() if each["Type"] == "AWS::Serverless::Function"}


def test_every_function_is_found() -> None:
    """Those that the template has, each with its directory, which has a makefile with the function's target."""
    found = {code.name: code.directory for code in functions(TEMPLATE)}
    assert found == {name: each["Properties"]["CodeUri"] for name, each in _functions(TEMPLATE).items()}
    for name, directory in found.items():
        assert f"\nbuild-{name}:\n" in (REPOSITORY / directory / "Makefile").read_text()


def test_built_template_names_the_artifacts() -> None:
    """Each function's code is its artifact; nothing else is changed."""
    built = built_template(TEMPLATE)
    assert {name: each["Properties"]["CodeUri"] for name, each in _functions(built).items()} == {
        name: name for name in _functions(TEMPLATE)
    }
    changed = [(a, b) for a, b in zip(TEMPLATE.splitlines(), built.splitlines(), strict=True) if a != b]
    assert all("CodeUri: " in before and "CodeUri: " in after for before, after in changed)
    assert len(changed) == len(_functions(TEMPLATE))


@pytest.mark.parametrize("name", ["function/Makefile"])
def test_makefile_quotes_its_paths(name: str) -> None:
    """A clone may stand in a path with spaces."""
    text = (REPOSITORY / name).read_text()
    for variable in ("$(BUILD_PYTHON)", "$(BUILD_UV)", "$(ARTIFACTS_DIR)"):
        used = [line for line in text.splitlines() if variable in line and "ARTIFACTS_DIR only" not in line]
        assert used
        assert all(f'"{variable}' in line or f"$(if {variable}" in line for line in used), variable
