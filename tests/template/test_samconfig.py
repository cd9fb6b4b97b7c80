"""samconfig.toml in the eyes of the commands that read it."""

import json
import tomllib
from typing import Any

import pytest

from tests.template.cloudformation import ROOT
from tests.template.sam_tools import run_tool

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


def test_sections_are_known() -> None:
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
def test_keys_are_known(options: dict[str, list[str]], command: str) -> None:
    """Every key is an option of its command; sam ignores others without a word."""
    # What is global is meant for `deploy`; a command without such an option passes over it.
    sections = {command, "global"} if command == "deploy" else {command}
    written = [_config()["default"].get(section, {}) for section in sections]
    keys = {key for section in written for key in section.get("parameters", {})}
    assert keys
    assert keys <= set(options[COMMANDS[command]])
