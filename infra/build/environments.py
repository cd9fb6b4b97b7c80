"""What `make` sets up: virtual environments from locked requirements, and the artifact that `make run` deploys."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

# The artifact as the makefile builder makes it, without AWS SAM.
LOCAL_BUILD = ".aws-sam/local"
# An environment for pip alone, where there is no uv to build the artifact with.
_PIP_ENVIRONMENT = ".aws-sam/pip"
READY = ".ready"

Command = list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """The interpreter of the new environments, and the path of uv or the empty string."""

    uv: str
    python: str = sys.executable


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A directory that is set up by commands, anew when one of its sources is newer."""

    directory: str
    purpose: str
    sources: tuple[str, ...]
    commands: Callable[[Tools], list[Command]]

    def is_ready(self, repository: Path) -> bool:
        """Return whether it was set up completely, after the last change of its sources."""
        ready = repository / self.directory / READY
        if not ready.is_file():
            return False
        made = ready.stat().st_mtime_ns
        return all(path.stat().st_mtime_ns <= made for path in self._files(repository))

    def _files(self, repository: Path) -> Iterator[Path]:
        for pattern in self.sources:
            yield from (path for path in repository.glob(pattern) if "__pycache__" not in path.parts)


def _environment(directory: str, requirements: str, tools: Tools, *, has_pip: bool = False) -> list[Command]:
    """Return the commands that make a virtual environment and install locked requirements into it."""
    python = f"{directory}/bin/python"
    locked = ["--no-deps", "--require-hashes", "--requirement", requirements]
    if tools.uv:
        seed = ["--seed"] if has_pip else []
        return [
            [tools.uv, "venv", "--quiet", "--no-project", "--python", tools.python, *seed, directory],
            [tools.uv, "pip", "install", "--quiet", "--python", python, *locked],
        ]
    return [[tools.python, "-m", "venv", directory], [*pip_install(python), *locked]]


def pip_install(python: str) -> Command:
    """Return the beginning of pip's command; compiling what is never imported would take half of its time."""
    return [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]


def _development(tools: Tools) -> list[Command]:
    python = ".venv/bin/python"
    install = [tools.uv, "pip", "install", "--quiet", "--python", python] if tools.uv else pip_install(python)
    return [
        *_environment(".venv", "requirements/dev.txt", tools),
        [*install, "--no-deps", "--no-build-isolation", "--editable", "."],
    ]


def _sam(tools: Tools) -> list[Command]:
    return _environment(".venv-sam", "requirements/sam.txt", tools, has_pip=True)


def _local(tools: Tools) -> list[Command]:
    return _environment(".venv-local", "requirements/local.txt", tools)


def _local_build(tools: Tools) -> list[Command]:
    build = [tools.python, "-m", "infra.build.local_build", LOCAL_BUILD]
    if tools.uv:
        return [[*build, "--uv", tools.uv]]
    return [
        [tools.python, "-m", "venv", "--clear", _PIP_ENVIRONMENT],
        [*build, "--python", f"{_PIP_ENVIRONMENT}/bin/python"],
    ]


PARTS = {
    part.directory: part
    for part in (
        Part(
            directory=".venv",
            purpose="the function with its tests and command line",
            sources=("requirements/dev.txt", "pyproject.toml"),
            commands=_development,
        ),
        Part(
            directory=".venv-sam",
            purpose="the AWS SAM command line",
            sources=("requirements/sam.txt",),
            commands=_sam,
        ),
        Part(
            directory=".venv-local",
            purpose="the local AWS",
            sources=("requirements/local.txt",),
            commands=_local,
        ),
        Part(
            directory=LOCAL_BUILD,
            purpose="the Lambda artifact for the local AWS",
            sources=(
                "template.yaml",
                "function/Makefile",
                "function/requirements.txt",
                "function/connect_canary/**/*.py",
                "infra/*/function/**/*",
                "infra/build/local_build.py",
            ),
            commands=_local_build,
        ),
    )
}
