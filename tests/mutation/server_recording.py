"""Lets the local AWS, whose process takes over none of the caller's variables, measure coverage in a sandbox too."""

from pathlib import Path
from typing import Final

TESTS: Final = "tests/local/"
# Three times what a process takes to see that another test has begun.
PAUSE_S: Final = 0.03
_VARIABLE: Final = "LOCAL_AWS_PYTHON"
_SCRIPT: Final = """#!/bin/sh
PYTHONPATH={sandbox} exec {python} "$@"
"""


def variables(sandbox: Path) -> dict[str, str]:
    """Return what the tests need to start the local AWS with the sandbox's `sitecustomize`."""
    python = sandbox / ".venv-local" / "bin" / "python"
    if not python.exists():
        return {}
    script = sandbox / ".mutants" / "python"
    script.write_text(_SCRIPT.format(sandbox=sandbox, python=python))
    script.chmod(0o700)
    return {_VARIABLE: str(script)}
