"""From arguments to their parsed values, or to every problem with them."""

import math
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any, NoReturn

from connect_canary.cli.argument_values import read_values
from connect_canary.cli.completion import SHELLS, completion_script
from connect_canary.cli.host_argument import looks_like_host, read_host
from connect_canary.cli.parser import FLAGS, GLOBAL_FLAGS, ArgumentParser, Command, new_parser
from connect_canary.cli.report_arguments import ReportArguments, read_report_arguments
from connect_canary.cli.reporter import DEFAULT_OUTPUT, OutputFormat
from connect_canary.cli.versions import describe_versions
from connect_canary.config.problems import SettingsError, abbreviated_repr, did_you_mean, display_name
from connect_canary.config.settings import BY_KEY
from connect_canary.config.target_validator import REGION_PATTERN
from connect_canary.config.values import Value
from connect_canary.model.frozen import frozen

MAX_REPEAT = 1_000_000
MAX_INTERVAL_S = 86_400.0
_REPEAT = re.compile(r"[0-9]{1,7}")
_FLAG = re.compile(r"--?[A-Za-z_-]+")
_HELP_FLAGS = ("-h", "--help")
_STRAY = "a value belongs to no flag; each follows its own, in quotes when it holds spaces"
_OWN_FLAGS = [*GLOBAL_FLAGS, *(flag for flags in FLAGS.values() for flag in flags)]
# Every flag by its name with underscores only.
_FORMS: Mapping[str, str] = {flag.replace("-", "_"): flag for flag in [*(f"--{key}" for key in BY_KEY), *_OWN_FLAGS]}


@frozen
class Arguments:
    """Parsed and validated arguments."""

    command: Command
    values: Mapping[str, Value] = field(default_factory=dict)
    only: tuple[str, ...] = ()
    output: OutputFormat = DEFAULT_OUTPUT
    repeat: int | None = None
    interval_s: float = 1.0
    report: ReportArguments | None = None
    profile: str | None = None
    region: str | None = None
    verbose: bool = False

    @property
    def event(self) -> dict[str, object]:
        """The event with which the Lambda function selects the same targets."""
        return {"only": list(self.only)} if self.only else {}


def argument_name(key: str) -> str:
    """Return how a setting is written on the command line; a secret, which is no argument, as its variable."""
    return BY_KEY[key].variable if key in BY_KEY and BY_KEY[key].secret else f"--{key}"


def parse_arguments(arguments: Sequence[str]) -> Arguments | None:
    """Return the parsed arguments, None if there are none.

    Raises SettingsError, or SystemExit after printing help, versions or a completion script.
    """
    parser = new_parser()
    if not arguments:
        parser.print_help(sys.stderr)
        return None
    arguments = [_normalize_flag(argument) for argument in _with_command(arguments)]
    parsed, left = parser.parse_known_args(arguments)
    if parsed.version or parsed.print_completion is not None:
        _print_global(parser, parsed.print_completion)
    command = Command(parsed.command)
    problems = list(_unknown_arguments(left, command))
    if command is Command.REPORT:
        if problems or left:
            raise SettingsError(problems or [_STRAY])
        return Arguments(command=command, report=read_report_arguments(vars(parsed)))
    words = [*([] if parsed.host is None else [parsed.host]), *left]
    return _read_arguments(command, vars(parsed), [] if problems else words, arguments, problems)


def _read_arguments(
    command: Command,
    parsed: Mapping[str, Any],
    words: Sequence[str],
    arguments: Sequence[str],
    problems: list[str],
) -> Arguments:
    """Return the arguments of `connect` and `check`; raise SettingsError with these and all further `problems`."""
    values, mistakes = read_values(parsed)
    problems += mistakes
    try:
        read_host(words, arguments, values)
    except ValueError as error:
        problems.append(str(error))
    repeat, interval, region = parsed.get("repeat"), parsed.get("interval"), parsed["region"]
    problems += [*_repetition_problems(repeat, interval), *_region_problems(region)]
    if problems:
        raise SettingsError(problems)
    return Arguments(
        command=command,
        values=values,
        only=tuple(parsed["only"] or ()),
        output=OutputFormat(parsed["output"]),
        repeat=None if repeat is None else int(repeat),
        interval_s=1.0 if interval is None else float(interval),
        profile=parsed["profile"],
        region=region,
        verbose=parsed["verbose"],
    )


def _print_global(parser: ArgumentParser, shell: str | None) -> NoReturn:
    """Print the versions, or a shell's completion script, and raise SystemExit."""
    if shell is not None and shell not in SHELLS:
        raise SettingsError([f"--print-completion is {abbreviated_repr(shell)}; allowed: {', '.join(SHELLS)}"])
    print(describe_versions() if shell is None else completion_script(parser, shell))
    raise SystemExit(0)


def _with_command(arguments: Sequence[str]) -> Sequence[str]:
    """Return the arguments with a command in front: `connect` if the first of them is a host; raise SettingsError."""
    first = arguments[0]
    flag = first.partition("=")[0].replace("_", "-")
    if first in {*Command, *_HELP_FLAGS} or flag in GLOBAL_FLAGS:
        return arguments
    if looks_like_host(first):
        return [Command.CONNECT, *arguments]
    commands = ", ".join(Command)
    if first.startswith("-"):
        raise SettingsError([f"say what to do first: {commands}, for example: connect HOST"])
    raise SettingsError([f"{abbreviated_repr(first)} is not a command; allowed: {commands}, or a host with a dot"])


def _normalize_flag(argument: str) -> str:
    """Return a flag that is written with hyphens or underscores in its own form."""
    name, equals, value = argument.partition("=")
    return f"{_FORMS.get(name.replace('-', '_'), name)}{equals}{value}" if name.startswith("--") else argument


def _unknown_arguments(left: Sequence[str], command: Command) -> Iterator[str]:
    """Yield a sentence for each unknown flag."""
    unknown = [argument for argument in left if argument.startswith("-")]
    for argument in unknown:
        # What is joined to a short flag is its value, perhaps a secret.
        flag = argument.partition("=")[0] if argument.startswith("--") else argument[:2]
        name = flag if _FLAG.fullmatch(flag) else display_name(flag)
        yield f"{name} is not a flag of {command}; {_suggestion(flag, command)}"


def _suggestion(flag: str, command: Command) -> str:
    others = [other for other in Command if flag in _flags_of(other)]
    if others:
        return f"it is one of {others[0]}"
    suggestion = did_you_mean(flag, [*_flags_of(command), "--help"])
    return suggestion if suggestion.startswith("did") else f"{command} --help lists them"


def _flags_of(command: Command) -> list[str]:
    settings = () if command is Command.REPORT else BY_KEY
    return [*(f"--{key}" for key in settings), *FLAGS[command]]


def _region_problems(region: str | None) -> Iterator[str]:
    if region is not None and not REGION_PATTERN.fullmatch(region):
        yield f"--region is {abbreviated_repr(region)}; allowed: a region such as eu-west-1"


def _repetition_problems(repeat: str | None, interval: str | None) -> Iterator[str]:
    if repeat is not None and not (_REPEAT.fullmatch(repeat) and 1 <= int(repeat) <= MAX_REPEAT):
        yield f"--repeat is {repeat!r}; allowed: a whole number from 1 to {MAX_REPEAT}"
    if interval is None:
        return
    try:
        seconds = float(interval)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= MAX_INTERVAL_S:
        yield f"--interval is {interval!r}; allowed: seconds from 0 to {MAX_INTERVAL_S:g}"
    if repeat is None:
        yield "--interval is the time between runs; it needs --repeat"
