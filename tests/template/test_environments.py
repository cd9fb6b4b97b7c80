"""The environments that make sets up."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.template.cloudformation import ROOT


@pytest.mark.parametrize("name", ["audit", "checkov"])
def test_linked_environment_is_not_cleared(tmp_path: Path, name: str) -> None:
    """An environment that is a link is left alone, with what it leads to, and make says what to do."""
    tree, shared = tmp_path / "tree", tmp_path / "shared"
    (tree / "requirements").mkdir(parents=True)
    shared.mkdir()
    (shared / "kept").touch()
    shutil.copy(ROOT / "Makefile", tree)
    shutil.copy(ROOT / "requirements" / f"{name}.txt", tree / "requirements")
    (tree / f".venv-{name}").symlink_to(shared)
    command = ["make", "--directory", str(tree), f"PYTHON={sys.executable}", f".venv-{name}/.ready"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert f".venv-{name} is a link, and what it leads to is not rebuilt from here. Remove the link" in done.stdout
    assert [path.name for path in shared.iterdir()] == ["kept"]
