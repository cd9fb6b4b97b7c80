"""Zip a built function: the same files give the same bytes, whoever zips them, when and where."""

import zipfile
from pathlib import Path

# The earliest time that a zip archive can hold: a file's own time says when it was built, not what is in it.
_TIME = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
# A regular file that all may read and execute; Lambda needs no more, and the umask of whoever builds has no say.
_MODE = 0o100755
_BEST = 9


def write_zip(directory: Path, archive: Path) -> None:
    """Write a directory's files to a zip archive, sorted by name, with one time and one mode."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=_BEST) as target:
        for name in sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(name, _TIME)
            entry.create_system = _UNIX
            entry.external_attr = _MODE << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(entry, (directory / name).read_bytes(), compresslevel=_BEST)
