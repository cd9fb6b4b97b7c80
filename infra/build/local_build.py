"""Build every function of template.yaml as `sam build` does, by its own makefile, without AWS SAM."""

import argparse
import platform
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_FUNCTION = re.compile(
    r"^  (?P<name>\w+):\n    Type: AWS::Serverless::Function\n(?:(?: {4,}.*)?\n)*?(?P<key> +CodeUri: )(?P<path>\S+)$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionCode:
    """A function's logical id and the directory of its code."""

    name: str
    directory: str


def functions(template: str) -> list[FunctionCode]:
    """Return the functions of a template's text, in its order."""
    return [FunctionCode(name=match["name"], directory=match["path"]) for match in _FUNCTION.finditer(template)]


def built_template(template: str) -> str:
    """Return the template with each function's artifact as its code."""

    def with_artifact(match: re.Match[str]) -> str:
        return match[0].removesuffix(match["path"]) + match["name"]

    return _FUNCTION.sub(with_artifact, template)


def machine() -> str:
    """Return this machine's architecture by Lambda's name."""
    return "arm64" if platform.machine() in {"aarch64", "arm64"} else "x86_64"


def _build(code: FunctionCode, target: Path, variables: list[str]) -> None:
    artifact = (target / code.name).resolve()
    artifact.mkdir()
    make = ["make", "--silent", "--no-print-directory", "-C", code.directory, f"build-{code.name}"]
    subprocess.run([*make, f"ARTIFACTS_DIR={artifact}", f"ARCHITECTURE={machine()}", *variables], check=True)


def main() -> int:
    """Build into an empty directory; return 1 if a makefile fails, which has said why."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", type=Path, help="empty directory that gets the artifacts and template.yaml")
    parser.add_argument("--uv", default="", help="path of uv, which then installs the packages")
    parser.add_argument("--python", type=Path, default=Path(sys.executable), help="interpreter with pip")
    options = parser.parse_args()
    template = Path("template.yaml").read_text()
    # The path of an environment's interpreter is a link, which must not be followed.
    variables = [f"BUILD_UV={options.uv}", f"BUILD_PYTHON={options.python.absolute()}"]
    try:
        for code in functions(template):
            _build(code, options.target, variables)
    except subprocess.CalledProcessError:
        return 1
    (options.target / "template.yaml").write_text(built_template(template))
    return 0


if __name__ == "__main__":
    sys.exit(main())
