"""Runs the tools of the AWS SAM environment, which has its own interpreter."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.template.cloudformation import ROOT

# Importing sam takes most of a command's time, so many commands share one process.
_RUN_COMMANDS = """
import json, sys
from click.testing import CliRunner
from samcli.cli.main import cli
results = [CliRunner().invoke(cli, command, prog_name="sam") for command in json.loads(sys.argv[1])]
print(json.dumps([[result.exit_code, result.output] for result in results]))
"""


def _tool(name: str) -> Path:
    tool = ROOT / ".venv-sam" / "bin" / name
    assert tool.is_file(), f"{tool} is missing: `make test` and `make check` set it up."
    return tool


def run_tool(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Return what a tool of `.venv-sam` printed, and its exit code."""
    # A machine without AWS settings must do.
    own = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "PYTHON"))}
    environ = {**own, "SAM_CLI_TELEMETRY": "0", "AWS_EC2_METADATA_DISABLED": "true"}
    return subprocess.run(
        [_tool(name), *arguments], cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=120
    )


def run_sam(commands: Sequence[Sequence[str]]) -> list[tuple[int, str]]:
    """Return exit code and output of each `sam` command."""
    done = run_tool("python", "-c", _RUN_COMMANDS, json.dumps(commands))
    assert done.returncode == 0, done.stderr
    return [(code, output) for code, output in json.loads(done.stdout.splitlines()[-1])]
