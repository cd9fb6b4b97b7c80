"""The templates and samconfig.toml in the eyes of the tools that use them."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from infra.shards import split, template
from tests.template.cloudformation import ROOT
from tests.template.sam_tools import run_sam, run_tool

TEMPLATES = ("template.yaml", "infra/authorizer/template.yaml")
# Where samcli keeps the commands that samconfig.toml has sections for.
COMMANDS = {
    "validate": "samcli.commands.validate.validate",
    "deploy": "samcli.commands.deploy.command",
    "local_invoke": "samcli.commands.local.invoke.cli",
}
_PRINT_OPTIONS = """
import importlib, json, sys
commands = {module: importlib.import_module(module).cli for module in sys.argv[1:]}
print(json.dumps({module: [option.name for option in command.params] for module, command in commands.items()}))
"""


def _config() -> dict[str, Any]:
    return tomllib.loads((ROOT / "samconfig.toml").read_text())


def test_cfn_lint_templates() -> None:
    """cfn-lint has nothing to say, not even a hint."""
    done = run_tool("cfn-lint", "-c", "I", "--", *TEMPLATES)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.fixture(scope="module")
def validated() -> dict[str, tuple[int, str]]:
    """Exit code and output of `sam validate --lint` for each template."""
    commands = [["validate", "--lint", "--region", "us-east-1", "--template", path] for path in TEMPLATES]
    return dict(zip(TEMPLATES, run_sam(commands), strict=True))


@pytest.mark.parametrize("path", TEMPLATES)
def test_sam_validate_template(validated: dict[str, tuple[int, str]], path: str) -> None:
    """`sam validate --lint` accepts the template."""
    code, output = validated[path]
    assert code == 0, output
    assert "is a valid SAM Template" in output


def test_cfn_lint_shards(tmp_path: Path) -> None:
    """A template of shards is as clean as one written by hand."""
    shards = split([{"name": f"target-{number}"} for number in range(7)], max_targets=3)
    path = tmp_path / "shards.json"
    path.write_text(json.dumps(template("fleet", shards)))
    done = run_tool("cfn-lint", "-c", "I", "--", str(path))
    assert (done.returncode, done.stdout) == (0, "")


def test_samconfig_sections_known() -> None:
    """samconfig.toml has sections only for commands whose options the next test knows."""
    document = _config()
    assert document["version"] == 0.1
    assert document["default"].keys() <= {"global", *COMMANDS}


@pytest.fixture(scope="module")
def options() -> dict[str, list[str]]:
    """The options of each command, by its module."""
    done = run_tool("python", "-c", _PRINT_OPTIONS, *COMMANDS.values())
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]  # JSON


@pytest.mark.parametrize("command", COMMANDS)
def test_samconfig_keys_known(options: dict[str, list[str]], command: str) -> None:
    """Every key is an option of its command; sam ignores others without a word."""
    # What is global is meant for `deploy`; a command without such an option passes over it.
    sections = {command, "global"} if command == "deploy" else {command}
    written = [_config()["default"].get(section, {}) for section in sections]
    keys = {key for section in written for key in section.get("parameters", {})}
    assert keys
    assert keys <= set(options[COMMANDS[command]])
