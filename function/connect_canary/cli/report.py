"""The command `report`: a page of results as HTML."""

import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from connect_canary.cli.log_source import LogSource, read_deployed_log
from connect_canary.cli.report_arguments import ReportArguments
from connect_canary.cli.report_input import read_runs
from connect_canary.config.problems import SettingsError
from connect_canary.pages.attempt_record import AttemptRecord
from connect_canary.pages.html_report import WIDTH_PX, Report, html_report
from connect_canary.pages.status_grid import grid_of_runs, grid_of_times
from connect_canary.pages.status_strip import max_columns

_MAX_INPUT_BYTES = 64_000_000
_MINUTE_S = 60.0


def make_report(arguments: ReportArguments, environ: Mapping[str, str]) -> None:
    """Write the page; raise SettingsError, or LogUnreadableError."""
    report = _of_input(arguments.file) if arguments.log is None else _of_log(arguments.log, environ)
    # Character references, so that no encoding of a terminal or a file system matters.
    page = html_report(report).encode("ascii", "xmlcharrefreplace").decode()
    if arguments.html is None:
        sys.stdout.write(page)
        return
    try:
        Path(arguments.html).write_text(page, encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            [f"--html names the file {arguments.html!r}, which cannot be written: {error.strerror}"]
        ) from None
    targets = len({record.target for record in report.records})
    print(f"{arguments.html}: {len(report.records)} attempts, {targets} target{'' if targets == 1 else 's'}")


def _of_input(file: str | None) -> Report:
    where = "standard input" if file is None else f"the file {file!r}"
    found = read_runs(_read(file, where), where)
    runs = "1 run" if len(found.runs) == 1 else f"{len(found.runs)} runs"
    return Report(
        heading=f"IoT connect canary {found.canary}".strip(),
        source=f"{runs} of connect --json",
        records=[record for run in found.runs for record in run],
        grid=grid_of_runs(found.runs, max_columns=max_columns(WIDTH_PX)),
    )


def _read(file: str | None, where: str) -> str:
    try:
        if file is None:
            data = sys.stdin.buffer.read(_MAX_INPUT_BYTES + 1)
        else:
            with Path(file).open("rb") as opened:
                data = opened.read(_MAX_INPUT_BYTES + 1)
        if len(data) > _MAX_INPUT_BYTES:
            raise SettingsError([f"{where} holds too much; allowed: {_MAX_INPUT_BYTES} bytes"])
        return data.decode()
    except OSError as error:
        raise SettingsError([f"{where} cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise SettingsError([f"{where} holds no text in UTF-8"]) from None


def _of_log(source: LogSource, environ: Mapping[str, str]) -> Report:
    now = time.time()
    found = read_deployed_log(source, now=now, region=source.region or environ.get("AWS_REGION"))
    if not found.records:
        raise SettingsError([f"the log group {source.group!r} has no attempt in the last {source.hours:g} hours"])
    start = found.start_ms / 1000
    return Report(
        heading=f"IoT connect canary: {source.group}",
        source=f"from {datetime.fromtimestamp(start, UTC):%Y-%m-%d %H:%M} to "
        f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M} UTC",
        records=found.records,
        grid=grid_of_times(
            found.records,
            start=start,
            end=now,
            period_s=_period_s(found.records),
            max_columns=max_columns(WIDTH_PX),
        ),
    )


def _period_s(records: Sequence[AttemptRecord]) -> float:
    """Return the time between two runs in whole minutes: that between two attempts of one target, in most cases."""
    name = records[-1].target
    times = [record.at for record in records if record.target == name and record.at is not None]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    return max(1, round(statistics.median(gaps) / _MINUTE_S)) * _MINUTE_S if gaps else _MINUTE_S
