"""From arguments to their parsed values, or to every problem with them."""

import math
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from connect_canary.cli.argument_values import read_values
from connect_canary.cli.parser import FLAGS, Command, new_parser
from connect_canary.cli.report_arguments import ReportArguments, read_report_arguments
from connect_canary.cli.reporter import DEFAULT_OUTPUT, OutputFormat
from connect_canary.config.problems import SettingsError, abbreviated_repr, did_you_mean, display_name
from connect_canary.config.settings import BY_KEY
from connect_canary.config.values import Value

MAX_REPEAT = 1_000_000
MAX_INTERVAL_S = 86_400.0
_REPEAT = re.compile(r"[0-9]{1,7}")
_FLAG = re.compile(r"--?[A-Za-z_-]+")
_HELP_FLAGS = ("-h", "--help")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """Parsed and validated arguments."""

    command: Command
    values: Mapping[str, Value] = field(default_factory=dict)
    only: tuple[str, ...] = ()
    output: OutputFormat = DEFAULT_OUTPUT
    repeat: int | None = None
    interval_s: float = 1.0
    report: ReportArguments | None = None

    @property
    def event(self) -> dict[str, object]:
        """The event with which the Lambda function selects the same targets."""
        return {"only": list(self.only)} if self.only else {}


def argument_name(key: str) -> str:
    """Return how a setting is written on the command line; a secret, which is no argument, as its variable."""
    return BY_KEY[key].variable if key in BY_KEY and BY_KEY[key].secret else f"--{key}"


def parse_arguments(arguments: Sequence[str]) -> Arguments | None:
    """Return the parsed arguments, None if there are none; raise SettingsError, or SystemExit after printing help."""
    parser = new_parser()
    if not arguments:
        parser.print_help(sys.stderr)
        return None
    _check_command(arguments[0])
    parsed, left = parser.parse_known_args([_normalize_flag(argument) for argument in arguments])
    command = Command(parsed.command)
    problems = list(_unknown_arguments(left, command))
    if command is Command.REPORT:
        if problems:
            raise SettingsError(problems)
        return Arguments(command=command, report=read_report_arguments(vars(parsed)))
    values, mistakes = read_values(vars(parsed))
    repeat, interval = getattr(parsed, "repeat", None), getattr(parsed, "interval", None)
    problems += [*mistakes, *_repetition_problems(repeat, interval)]
    if problems:
        raise SettingsError(problems)
    return Arguments(
        command=command,
        values=values,
        only=tuple(parsed.only or ()),
        output=OutputFormat(parsed.output),
        repeat=None if repeat is None else int(repeat),
        interval_s=1.0 if interval is None else float(interval),
    )


def _normalize_flag(argument: str) -> str:
    """Return a setting's flag with underscores if it is written with hyphens."""
    name, equals, value = argument.partition("=")
    key = name.removeprefix("--").replace("-", "_")
    return f"--{key}{equals}{value}" if name.startswith("--") and key in BY_KEY else argument


def _check_command(first: str) -> None:
    if first in {*Command, *_HELP_FLAGS}:
        return
    commands = " or ".join(Command)
    if first.startswith("-"):
        raise SettingsError([f"say what to do first: {commands}, for example: connect --endpoint HOST"])
    raise SettingsError([f"{abbreviated_repr(first)} is not a command; allowed: {commands}"])


def _unknown_arguments(left: Sequence[str], command: Command) -> Iterator[str]:
    """Yield a sentence for each unknown flag, or one for values without a flag."""
    unknown = [argument for argument in left if argument.startswith("-")]
    for argument in unknown:
        # What is joined to a short flag is its value, perhaps a secret.
        flag = argument.partition("=")[0] if argument.startswith("--") else argument[:2]
        name = flag if _FLAG.fullmatch(flag) else display_name(flag)
        yield f"{name} is not a flag of {command}; {_suggestion(flag, command)}"
    if left and not unknown:
        yield "a value belongs to no flag; each follows its own (--endpoint HOST), in quotes when it holds spaces"


def _suggestion(flag: str, command: Command) -> str:
    others = [other for other in Command if flag in _flags_of(other)]
    if others:
        return f"it is one of {others[0]}"
    suggestion = did_you_mean(flag, [*_flags_of(command), "--help"])
    return suggestion if suggestion.startswith("did") else f"{command} --help lists them"


def _flags_of(command: Command) -> list[str]:
    settings = () if command is Command.REPORT else BY_KEY
    return [*(f"--{key}" for key in settings), *FLAGS[command]]


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
