"""Measurements of the own process; imports nothing of what is measured."""

import os
import sys
from pathlib import Path
from typing import TextIO


def peak_mb() -> float:
    """Return this process's peak of resident memory in MB (2**20); ru_maxrss would count its parent's as well."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def quiet_output() -> TextIO:
    """Return standard output as it was and send everything else that is printed nowhere."""
    stdout = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
    return stdout
