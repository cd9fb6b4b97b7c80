"""Write what is released: zips, bills of materials (CycloneDX), a plain template, and their checksums.

.venv-sam/bin/python -m infra.build.package dist arm64=.aws-sam/package/arm64 x86_64=.aws-sam/package/x86_64
"""

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.build.archive import write_zip
from infra.build.plain_template import CodeFiles, Template, functions, plain_template
from infra.build.sbom import bill_of_materials

REPOSITORY = Path(__file__).resolve().parents[2]
NAME = "iot-connect-canary"
CHECKSUMS = "SHA256SUMS"
_CANARY = "canary"
_WITH_PACKAGES = "CanaryFunction"


def version() -> str:
    """Return the version of the source."""
    source = (REPOSITORY / "function" / "connect_canary" / "__init__.py").read_text()
    (found,) = re.findall(r'^__version__ = "(.+)"$', source, re.MULTILINE)
    return str(found)


def write_package(output: Path, builds: Mapping[str, Path]) -> list[Path]:
    """Write everything for these build directories by architecture; return the paths written, checksums last."""
    output.mkdir(parents=True, exist_ok=True)
    template = _read_template()
    code = {function: _write_code(output, function, builds) for function in functions(template)}
    path = output / f"{NAME}-{version()}.template.json"
    path.write_text(json.dumps(plain_template(template, version(), code), indent=1) + "\n")
    names = {name for files in code.values() for name in files.values()}
    bills = [_write_bill(output, architecture, build / _WITH_PACKAGES) for architecture, build in builds.items()]
    return [*(output / name for name in sorted(names)), *bills, path, write_checksums(output)]


def _read_template() -> Template:
    # Of the environment of AWS SAM, which alone has the transform.
    from samtranslator.yaml_helper import yaml_parse  # noqa: PLC0415

    return dict(yaml_parse((REPOSITORY / "template.yaml").read_text()))


def _write_code(output: Path, function: str, builds: Mapping[str, Path]) -> CodeFiles:
    """Write a function's zips and return their names; one for all architectures where they do not differ."""
    files = {}
    for architecture, build in builds.items():
        files[architecture] = f"{_base_name(function)}-{architecture}.zip"
        write_zip(build / function, output / files[architecture])
    if len(builds) > 1 and len({(output / name).read_bytes() for name in files.values()}) == 1:
        common = f"{_base_name(function)}.zip"
        for name in files.values():
            (output / name).replace(output / common)
        return dict.fromkeys(files, common)
    return files


def _write_bill(output: Path, architecture: str, artifact: Path) -> Path:
    """Write the bill of materials of the function that has packages in it, and return its path."""
    path = output / f"{NAME}-{version()}-{architecture}.cdx.json"
    path.write_text(f"{json.dumps(bill_of_materials(artifact, architecture), indent=2)}\n", encoding="utf-8")
    return path


def _base_name(function: str) -> str:
    kind = re.sub(r"(?<!^)(?=[A-Z])", "-", function.removesuffix("Function")).lower()
    return f"{NAME}-{version()}" if kind == _CANARY else f"{NAME}-{kind}-{version()}"


def write_checksums(output: Path) -> Path:
    """Write the SHA-256 of every file of a directory as `sha256sum --check` reads it, and return the path."""
    checksums = output / CHECKSUMS
    checksums.unlink(missing_ok=True)
    names = sorted(path.relative_to(output).as_posix() for path in output.rglob("*") if path.is_file())
    lines = [f"{hashlib.sha256((output / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    checksums.write_text("".join(lines))
    return checksums


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the package and print its files."""
    parser = argparse.ArgumentParser(prog="python -m infra.build.package", description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path, help="directory to write into")
    parser.add_argument("builds", nargs="+", metavar="ARCHITECTURE=DIRECTORY", help="what `sam build` made")
    options = parser.parse_args(arguments)
    builds = {architecture: Path(path) for architecture, _, path in (each.partition("=") for each in options.builds)}
    for path in write_package(options.output, builds):
        print(f"{path}  {path.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
