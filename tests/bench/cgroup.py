"""A share of one CPU core, as Lambda gives it to a function by its memory, for the processes that join."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from tests.bench.network import UnavailableError

_PERIOD_US = 20_000
_V1, _V2 = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")
_V1_ACCOUNTING = Path("/sys/fs/cgroup/cpuacct")


def cores_of_memory(megabytes: int) -> float:
    """Return the cores that a function of this memory gets (AWS Lambda developer guide: 1,769 MB is one vCPU)."""
    return megabytes / 1769


@contextlib.contextmanager
def limited_to(number: float) -> Iterator[str]:
    """Yield a control group that gets this many cores; raise UnavailableError where none can be made."""
    version_1 = (_V1 / "cpu.cfs_quota_us").exists()
    group = (_V1 if version_1 else _V2) / f"connect-canary-bench-{os.getpid()}"
    quota_us = int(_PERIOD_US * number)
    try:
        group.mkdir()
        try:
            if version_1:
                (group / "cpu.cfs_period_us").write_text(str(_PERIOD_US), encoding="ascii")
                (group / "cpu.cfs_quota_us").write_text(str(quota_us), encoding="ascii")
            else:
                (group / "cpu.max").write_text(f"{quota_us} {_PERIOD_US}", encoding="ascii")
        except OSError:
            group.rmdir()
            raise
    except OSError as error:
        raise UnavailableError(f"a control group for CPU ({group}) is refused: {error.strerror}") from error
    try:
        yield str(group)
    finally:
        group.rmdir()


@contextlib.contextmanager
def accounted(group: str) -> Iterator[Path]:
    """Yield a control group that counts the processor time of those that join it beside `group`, or is that one."""
    if (_V2 / "cgroup.controllers").exists():
        yield Path(group)
        return
    accounting = _V1_ACCOUNTING / Path(group).name
    try:
        accounting.mkdir(exist_ok=True)
    except OSError as error:
        raise UnavailableError(f"a control group for accounting ({accounting}) is refused: {error.strerror}") from error
    try:
        yield accounting
    finally:
        with contextlib.suppress(OSError):  # where both controllers are one, it goes with the other
            accounting.rmdir()


def processor_ms(accounting: Path) -> float:
    """Return the processor time that the group has used so far."""
    usage = accounting / "cpuacct.usage"
    if usage.exists():
        return int(usage.read_text(encoding="ascii")) / 1e6
    fields = dict(line.split() for line in (accounting / "cpu.stat").read_text(encoding="ascii").splitlines())
    return int(fields["usage_usec"]) / 1e3
