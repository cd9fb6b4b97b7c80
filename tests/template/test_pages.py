"""Pages that people write: their links lead somewhere, and the commands that they show can be run."""

import itertools
import os
import re
import shlex
import subprocess
import sys

import pytest

from tests.template.cloudformation import ROOT
from tests.template.pages import GENERATED, WRITTEN, Page
from tests.template.sam_tools import run_sam
from tests.template.test_parameters import PARAMETERS

WIDTH = 120
TARGETS = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
COMMANDS = sorted({command for name in WRITTEN for command in Page(name).commands})
PRINTING = {"infra.cost", "infra.shards"}
every_page = pytest.mark.parametrize("name", WRITTEN)


@every_page
def test_links(name: str) -> None:
    """Links inside the repository lead to a file, and to a heading in it."""
    for link in Page(name).links:
        path, _, fragment = link.partition("#")
        if path.startswith("https:"):
            continue
        linked = ((ROOT / name).parent / path).resolve() if path else ROOT / name
        assert linked.exists(), link
        if fragment:
            assert fragment in Page(str(linked.relative_to(ROOT))).anchors, link


@every_page
def test_paths(name: str) -> None:
    """Paths in backticks exist."""
    for path in re.findall(r"`((?:infra|events|docs|tests|function)/[\w./-]*)`", Page(name).text):
        assert (ROOT / path).exists(), path


@every_page
def test_lines_fit(name: str) -> None:
    """Prose has at most 120 columns; a table's row, or a picture with what it shows, cannot be broken."""
    lines = [line for line in Page(name).text.splitlines() if not line.lstrip().startswith(("|", "!["))]
    assert [line for line in lines if len(line) > WIDTH] == []


@every_page
def test_make_targets_exist(name: str) -> None:
    """Every target that a page names exists."""
    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", Page(name).text, re.MULTILINE)) <= TARGETS


def test_make_targets_described() -> None:
    """docs/development.md has every target in its table."""
    cells = " ".join(row[0] for row in Page("docs/development.md").rows("## Commands"))
    assert set(re.findall(r"`make ([a-z-]+)", cells)) == TARGETS - {"help"}


def test_parameters_given() -> None:
    """Parameters in commands exist in the template that they are for."""
    code = {"CodeS3Bucket", "CanaryCodeS3Key", "PagerCodeS3Key", "StatusWidgetCodeS3Key"}
    declared = PARAMETERS.keys() | code | {"FunctionName"}
    values = {key for command in COMMANDS for key in re.findall(r"(?<![-\w])([A-Z][a-z]\w+)=(?!')", command)}
    assert values
    assert values <= declared


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    # The endpoint where a command would use the account's own.
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "function"),
        "AWS_REGION": "eu-west-1",
        "CANARY_ENDPOINT": "iot.example.com",
    }
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=60)


def _commands(beginning: str) -> list[str]:
    """Return the commands that begin so, without their beginning and what a shell makes of the rest."""
    commands = [re.split(r" > | \| ", command)[0] for command in COMMANDS if command.startswith(beginning)]
    assert commands, beginning
    return [command.removeprefix(beginning) for command in commands]


@pytest.mark.parametrize("arguments", [each for each in _commands(".venv/bin/connect-canary ") if "report" in each])
def test_report_commands(arguments: str) -> None:
    """Every flag of `report` exists and takes what it is given; its input needs a canary that ran."""
    words = shlex.split(re.split(" < ", arguments)[0])
    done = _run("connect_canary", *words, "missing.json")
    assert done.returncode == 2
    assert done.stderr in {
        "connect-canary: the file 'missing.json' cannot be read: No such file or directory\n",
        "connect-canary: the results are either from a file or from --log-group, not from both\n",
    }


@pytest.mark.parametrize("arguments", [each for each in _commands(".venv/bin/connect-canary ") if "report" not in each])
def test_command_line_commands(arguments: str) -> None:
    """Every flag exists and takes what it is given; `check` stands in for `connect`, which would need an endpoint."""
    words = ["check" if word == "connect" else word for word in shlex.split(arguments)]
    if "." in words[0]:  # a host, whose command is `connect`
        words.insert(0, "check")
    done = _run("connect_canary", *(word.replace("HOST", "iot.example.com") for word in words))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("arguments", _commands(".venv/bin/python -m "))
def test_module_commands(arguments: str) -> None:
    """Every module has a command line that knows the flags; what only prints is run as it is shown."""
    module, *words = shlex.split(arguments)
    if module in PRINTING:
        assert _run(module, *words).returncode == 0
    help_text = _run(module, "--help").stdout
    assert [word for word in words if word.startswith("--") and word not in help_text] == []
    assert "usage:" in help_text


def _command(words: list[str]) -> list[str]:
    return list(itertools.takewhile(str.islower, words))[: 2 if words[0] in {"local", "remote"} else 1]


def test_sam_commands() -> None:
    """AWS SAM knows the flags."""
    shown = [shlex.split(arguments) for arguments in _commands(".venv-sam/bin/sam ")]
    assert shown
    commands = [[*_command(words), "--help"] for words in shown]
    for words, (code, help_text) in zip(shown, run_sam(commands), strict=True):
        assert code == 0, help_text
        assert [word for word in words if word.startswith("--") and word not in help_text] == []


def test_generated_pages_say_how() -> None:
    """A generated page names its command."""
    for name in GENERATED:
        assert "Written by `" in Page(name).text
