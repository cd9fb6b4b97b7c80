"""A copy of the working tree in a temporary directory, which may be changed."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
# Made by make; not changed by tests.
_LINKED: Final = (".venv", ".venv-sam", ".venv-local", ".venv-runtime", ".aws-sam")


def files() -> list[str]:
    """Return the paths of all files that are, or could be, under version control."""
    result = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    names = sorted(set(result.stdout.decode().split("\0")) - {""})
    return [name for name in names if (ROOT / name).is_file()]


def digest() -> str:
    """Return what identifies the content of all files but the runner's own."""
    total = hashlib.sha256()
    for name in files():
        if Path(name).is_relative_to("tests/mutation"):
            continue
        total.update(f"{name} {hashlib.sha256((ROOT / name).read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()[:16]


@contextmanager
def sandbox() -> Iterator[Path]:
    """Yield a copy, and remove it in the end."""
    directory = Path(tempfile.mkdtemp(prefix="mutants-")).resolve()
    copy = directory / "copy"
    try:
        temporary(copy).mkdir()
        for name in files():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
        for name in _LINKED:
            if (ROOT / name).exists():
                (copy / name).symlink_to((ROOT / name).resolve())
        yield copy
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def temporary(copy: Path) -> Path:
    """Return where what runs in a copy puts its temporary files, which are removed with the copy."""
    return copy.parent / "tmp"


def environment(copy: Path, **more: str) -> dict[str, str]:
    """Return the environment of a process that imports from the copy, not from the working tree."""
    packages = os.pathsep.join((str(copy), str(copy / "function")))
    return {**os.environ, "PYTHONPATH": packages, "PYTHONHASHSEED": "0", "TMPDIR": str(temporary(copy)), **more}
