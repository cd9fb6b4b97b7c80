"""Runs the tools of the AWS SAM environment, which has its own interpreter."""

import os
import subprocess
from pathlib import Path

from tests.template.cloudformation import ROOT


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
