"""Pack the built artifact: a zip, its bill of materials, and checksums, the same bytes for the same artifact.

python -m infra.build.package .aws-sam/build/CanaryFunction x86_64 .aws-sam/package
"""

import argparse
import hashlib
import json
import sys
import zipfile
from pathlib import Path

from infra.build.sbom import NAME, artifact_version, bill_of_materials

CHECKSUMS = "SHA256SUMS"
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)
_FILE_MODE = 0o100644 << 16
_UNIX = 3


def pack(artifact: Path, architecture: str, directory: Path) -> tuple[Path, ...]:
    """Write zip, bill of materials and checksums into `directory`, and return their paths."""
    directory.mkdir(parents=True, exist_ok=True)
    stem = f"{NAME}-{artifact_version(artifact)}-{architecture}"
    archive, bill = directory / f"{stem}.zip", directory / f"{stem}.cdx.json"
    _write_zip(artifact, archive)
    document = json.dumps(bill_of_materials(artifact, architecture), indent=2)
    bill.write_text(f"{document}\n", encoding="utf-8")
    # Both architectures are packed into one directory, one after the other.
    packed = sorted(path for path in directory.iterdir() if path.name.startswith(f"{NAME}-"))
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in packed]
    (directory / CHECKSUMS).write_text("".join(lines), encoding="ascii")
    return archive, bill, directory / CHECKSUMS


def _write_zip(artifact: Path, archive: Path) -> None:
    """Write the files in the order of their names, all with one time and one mode."""
    files = {path.relative_to(artifact).as_posix(): path for path in artifact.rglob("*") if path.is_file()}
    with zipfile.ZipFile(archive, "w") as packed:
        for name, path in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _FIRST_DAY)
            entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, _UNIX, _FILE_MODE
            packed.writestr(entry, path.read_bytes(), compresslevel=9)


def main() -> int:
    """Pack, and print each file with its size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artifact", type=Path, help="the built directory")
    parser.add_argument("architecture", choices=("arm64", "x86_64"))
    parser.add_argument("directory", type=Path, help="where the files go")
    arguments = parser.parse_args()
    for path in pack(arguments.artifact, arguments.architecture, arguments.directory):
        print(f"{path} ({path.stat().st_size / 1e6:.2f} MB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
