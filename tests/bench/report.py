"""The measurements as a document: one section a bench, each with its tables and its verdicts."""

import os
import platform
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

_PACKAGES = ("awsiotsdk", "awscrt", "aws-lambda-powertools")
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "measurements.md"
_ORDER = ("connect", "clients", "certificate", "memory", "coldstart", "targets", "fidelity")
_HEAD = """# Measurements

Written by `make bench` (`python -m tests.bench`, which also takes the names of single benches), the last section by
`make fidelity`. Contenders take turns in the same process and the same run. Numbers are medians, minima in brackets:
the machine is shared, and a minimum says what is possible there. "Start to CONNACK" is from the start of the SDK's
client to its CONNACK."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; the first column is text, the others are numbers."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def spread(values: Sequence[float], *, digits: int = 1) -> str:
    """Return median and minimum."""
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f})"


def verdict(value: float, limit: float, *, unit: str = "", digits: int = 2) -> str:
    """Return a value with its limit, marked if it exceeds it."""
    prefix = "" if value <= limit else "**missed:** "
    return f"{prefix}{value:,.{digits}f}{unit} (≤ {limit:,.{digits}f}{unit})"


def skipped(what: str, why: object) -> str:
    """Return the line of a measurement that this machine does not allow."""
    return f"Not measured: {what}. This machine does not allow it: {why}."


def machine() -> str:
    """Return when, on what and with which versions was measured, and how much else the machine had to do."""
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    now = datetime.now(UTC)
    return (
        f"{now:%Y-%m-%d %H:%M} UTC · {_cpu()}, {os.cpu_count()} cores · {platform.system()} {platform.release()} "
        f"{platform.machine()} · Python {platform.python_version()} · {packages} · load average "
        f"{', '.join(f'{load:.1f}' for load in reversed(os.getloadavg()))} (15, 5 and 1 minutes)"
    )


def _cpu() -> str:
    with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """The result of one bench; `results` is for programs, `failed` names the targets that were missed.

    `command` is the command that measures, where it is not that of the benches.
    """

    name: str
    title: str
    body: str
    results: Mapping[str, Any] = field(default_factory=dict)
    failed: Sequence[str] = ()
    command: str = ""
    measured_on: str = field(default_factory=machine)


def write(path: Path, sections: Iterable[Section]) -> None:
    """Put each section into the document, in place of the old one; sections that were not measured stay."""
    by_name = _sections(path.read_text(encoding="utf-8")) if path.exists() else {}
    by_name |= {section.name: render(section) for section in sections}
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        "\n\n".join([_HEAD, *(by_name[name] for name in sorted(by_name, key=_ORDER.index))]) + "\n",
        encoding="utf-8",
    )


def render(section: Section) -> str:
    """Return a section in Markdown."""
    command = f"`{section.command or f'python -m tests.bench {section.name}'}`"
    return f"<!-- bench: {section.name} -->\n## {section.title}\n\n{section.body}\n\n{command} · {section.measured_on}"


def _sections(document: str) -> dict[str, str]:
    parts = re.split(r"^(?=<!-- bench: (\w+) -->$)", document, flags=re.MULTILINE)
    return {name: text.strip() for name, text in zip(parts[1::2], parts[2::2], strict=True)}
