"""The flags of `report`: where the results are from, and where the page goes."""

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from connect_canary.cli.log_source import LogSource
from connect_canary.config.problems import SettingsError
from connect_canary.model.frozen import frozen

DEFAULT_HOURS = 3.0
MAX_HOURS = 744.0
REPORT_FLAGS: Mapping[str, Mapping[str, Any]] = {
    "--html": {"metavar": "FILE", "help": "write the page to this file (default: standard output)"},
    "--log-group": {"metavar": "NAME", "help": "take the results from a deployed canary's log group instead"},
    "--hours": {"metavar": "N", "help": f"of the log, the last hours (default: {DEFAULT_HOURS:g})"},
    "--region": {"metavar": "REGION", "help": "AWS region of the log group"},
    "--profile": {"metavar": "NAME", "help": "AWS profile that may read the log group"},
}
FILE_HELP = "what connect --json printed; - or nothing is standard input"
_NAMES = {"--html": "html", "--log-group": "log_group"}
_OF_LOG = ("hours", "region", "profile")


@frozen
class ReportArguments:
    """Parsed flags: the input file or the log, and the output file; None is standard input and output."""

    html: str | None
    file: str | None
    log: LogSource | None


def read_report_arguments(parsed: Mapping[str, Any]) -> ReportArguments:
    """Return the flags of `report`; raise SettingsError with every problem."""
    problems = list(_problems(parsed))
    if problems:
        raise SettingsError(problems)
    file, html, group = parsed["file"], parsed["html"], parsed["log_group"]
    log = None
    if group is not None:
        hours = DEFAULT_HOURS if parsed["hours"] is None else float(parsed["hours"])
        log = LogSource(group=group, hours=hours, region=parsed["region"], profile=parsed["profile"])
    return ReportArguments(html=None if html == "-" else html, file=None if file == "-" else file, log=log)


def _problems(parsed: Mapping[str, Any]) -> Iterator[str]:
    if parsed["log_group"] is not None and parsed["file"] is not None:
        yield "the results are either from a file or from --log-group, not from both"
    if parsed["log_group"] is None:
        yield from (f"--{key} is about the log; it needs --log-group" for key in _OF_LOG if parsed[key] is not None)
        if parsed["file"] in {None, "-"} and (sys.stdin is None or sys.stdin.isatty()):
            yield "say where the results are: a file, --log-group NAME, or connect --json | report"
    yield from (f"{flag} names nothing" for flag, key in _NAMES.items() if not (parsed[key] is None or parsed[key]))
    if parsed["hours"] is not None and not 0 < _number(parsed["hours"]) <= MAX_HOURS:
        yield f"--hours is {parsed['hours']!r}; allowed: a number up to {MAX_HOURS:g}"


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
