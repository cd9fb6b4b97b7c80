"""The command line's flags: the settings in lower snake case, what is asked for beside them, and the help."""

import argparse
import getpass
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, NoReturn

from connect_canary.settings import (
    BY_KEY,
    Setting,
    SettingsError,
    Value,
    did_you_mean,
    is_reference,
    is_text,
    name_of,
    problem,
    quoted,
    tidy,
)

MAX_REPEAT = 1_000_000
MAX_INTERVAL_S = 86_400.0
_MAX_FILE_BYTES = 4_000_000
_REPEAT = re.compile(r"[0-9]{1,7}")
_STANDARD_INPUT = "-"
_ASKS_FOR_HELP = ("-h", "--help")

_GROUPS: Mapping[str, tuple[str, ...]] = {
    "endpoint and client": (
        "endpoint",
        "ca_file",
        "client_id",
        "client_id_prefix",
        "mqtt_version",
        "timeout_seconds",
        "expect",
    ),
    "AWS credentials (auth_mode sigv4 and sigv4-static)": (
        "auth_mode",
        "signing_region",
        "access_key_id",
        "secret_access_key",
        "session_token",
    ),
    "custom authorizer (auth_mode custom-unsigned and custom-signed)": (
        "authorizer_name",
        "authorizer_username",
        "authorizer_password",
        "authorizer_token_key_name",
        "authorizer_token_value",
        "authorizer_token_signature",
        "authorizer_signing_key",
        "authorizer_placement",
    ),
    "many targets": ("targets", "max_concurrent_connects", "name"),
}
_METAVARS: Mapping[str, str] = {
    "endpoint": "HOST[:PORT]",
    "ca_file": "FILE",
    "client_id": "ID",
    "client_id_prefix": "PREFIX",
    "mqtt_version": "VERSION",
    "timeout_seconds": "SECONDS",
    "auth_mode": "MODE",
    "signing_region": "REGION",
    "authorizer_placement": "WHERE",
    "max_concurrent_connects": "N",
    "name": "NAME",
    "authorizer_name": "NAME",
    "authorizer_username": "NAME",
    "authorizer_token_key_name": "NAME",
    "targets": "DOCUMENT",
    "expect": "WHAT",
}

_DESCRIPTION = """\
Can a client connect to AWS IoT Core over WebSockets right now, and if not,
where and why does it fail? Connects once as a device would (TLS, WebSocket
upgrade, MQTT CONNECT), disconnects, and shows how long each phase took."""

_HELP = """\
examples:
  connect-canary connect --endpoint abc-ats.iot.eu-west-1.amazonaws.com
      with your AWS credentials (environment, profile or role)
  connect-canary connect --endpoint HOST --repeat 20 --interval 2
      twenty times, with a summary; Ctrl-C ends earlier
  connect-canary connect --endpoint HOST --auth_mode custom-unsigned \\
      --authorizer_name NAME --authorizer_username USER --authorizer_password -
      with a custom authorizer; asks for the password
  connect-canary check --targets @targets.json
      checks a targets document and connects to nothing

exit codes:
  0    every target is healthy, or with check: everything can be used
  1    a target is unhealthy
  2    the question is wrong: a flag, a variable or a target cannot be used
       (targets that can be used have run all the same)
  3    the canary itself failed, or the system did not let it go on
  130  interrupted before there was an outcome
  141  nobody reads the output any more

`connect-canary connect --help` lists every flag.
"""

_SETTINGS_HELP = """\
Every setting is a flag; one that is not given is taken from the variable of
its name (--auth_mode, CANARY_AUTH_MODE). Any value may be a reference that is
read at run time: ssm:/path/name, secretsmanager:name, secretsmanager:name#key."""

_SECRETS_HELP = """\
secrets:
  Flags marked SECRET do not take the secret itself, because every process on
  this machine can read another one's arguments. They take
    ssm:/path/name, secretsmanager:name#key   a reference
    @FILE                                     the text in a file
    -                                         standard input; a terminal asks
  or set the variable (CANARY_AUTHORIZER_PASSWORD ...) instead. --targets takes
  the same, and a document itself only if it holds no secret.
"""


class Command(StrEnum):
    """What the command line can be told to do."""

    CONNECT = "connect"
    CHECK = "check"


_COMMANDS: Mapping[Command, str] = {
    Command.CONNECT: "Connect to every target, once, and show what happened",
    Command.CHECK: "Read and check every setting, references too, and connect to nothing",
}
_COMMON: Mapping[str, Mapping[str, Any]] = {
    "--only": {"metavar": "NAME", "nargs": "+", "action": "extend", "help": "only the targets of these names"},
    "--json": {"action": "store_true", "help": "print what the Lambda returns, as JSON, instead"},
}
_REPEATING: Mapping[str, Mapping[str, Any]] = {
    "--repeat": {"metavar": "N", "help": "run N times, then show a summary"},
    "--interval": {"metavar": "SECONDS", "help": "from the start of one run to that of the next (default: 1)"},
}
_FLAGS: Mapping[Command, Mapping[str, Mapping[str, Any]]] = {
    Command.CONNECT: {**_COMMON, **_REPEATING},
    Command.CHECK: _COMMON,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody asked for on the command line."""

    command: Command
    values: Mapping[str, Value]
    only: tuple[str, ...]
    as_json: bool
    repeat: int | None
    interval_s: float

    @property
    def event(self) -> dict[str, object]:
        """The event that asks the Lambda for the same targets."""
        return {"only": list(self.only)} if self.only else {}


def spell(key: str) -> str:
    """Return how a setting or a wish is written on the command line, a secret as the variable that may hold it."""
    return BY_KEY[key].variable if key in BY_KEY and BY_KEY[key].secret else f"--{key}"


def read(arguments: Sequence[str]) -> Asked | None:
    """Return what `arguments` ask for, None for nothing; raise SettingsError, or SystemExit after showing help."""
    parser = _parser_of_all()
    if not arguments:
        parser.print_help(sys.stderr)
        return None
    _check_command(arguments[0])
    given, left = parser.parse_known_args([_snake(argument) for argument in arguments])
    problems = list(_left_over(left, Command(given.command)))
    values, mistakes = _values(vars(given))
    repeat, interval = getattr(given, "repeat", None), getattr(given, "interval", None)
    problems += [*mistakes, *_repetition_problems(repeat, interval)]
    if problems:
        raise SettingsError(problems)
    return Asked(
        command=Command(given.command),
        values=values,
        only=tuple(given.only or ()),
        as_json=given.json,
        repeat=None if repeat is None else int(repeat),
        interval_s=1.0 if interval is None else float(interval),
    )


# -- what argparse knows ---------------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are SettingsErrors, like everybody else's."""

    def error(self, message: str) -> NoReturn:
        """Raise `message` instead of printing it and exiting."""
        flag, _, said = message.removeprefix("argument ").partition(": ")
        if said.startswith("expected"):
            raise SettingsError([f"{flag} needs a value; one that begins with a hyphen is written {flag}=VALUE"])
        raise SettingsError([message])


def _parser_of_all() -> _Parser:
    parser = _Parser(
        prog=_program(),
        description=_DESCRIPTION,
        epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    choice = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for command, what in _COMMANDS.items():
        own = choice.add_parser(
            command,
            usage="%(prog)s [FLAGS]",
            help=f"{what[0].lower()}{what[1:]}",
            description=f"{what}.\n\n{_SETTINGS_HELP}",
            epilog=_SECRETS_HELP,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        for flag, described in _FLAGS[command].items():
            own.add_argument(flag, **described)
        _add_settings(own)
    return parser


def _program() -> str:
    return "python -m connect_canary" if Path(sys.argv[0]).name == "__main__.py" else "connect-canary"


def _add_settings(parser: argparse.ArgumentParser) -> None:
    for title, keys in _GROUPS.items():
        group = parser.add_argument_group(title)
        for key in keys:
            setting = BY_KEY[key]
            metavar = "SECRET" if setting.secret else _METAVARS[key]
            group.add_argument(f"--{key}", metavar=metavar, help=_help(setting))


def _help(setting: Setting) -> str:
    choices = f": {', '.join(setting.choices)}" if setting.choices else ""
    default = f" (default: {setting.default})" if setting.default else ""
    return f"{setting.help}{choices}{default}".replace("%", "%%")


def _snake(argument: str) -> str:
    """Return a flag written with hyphens as it is written here."""
    name, equals, value = argument.partition("=")
    key = name.removeprefix("--").replace("-", "_")
    return f"--{key}{equals}{value}" if name.startswith("--") and key in BY_KEY else argument


# -- complaints, which never show a value that may be a secret ---------------------------------------------------------


def _check_command(first: str) -> None:
    if first in {*Command, *_ASKS_FOR_HELP}:
        return
    commands = " or ".join(Command)
    if first.startswith("-"):
        raise SettingsError([f"say what to do first: {commands}, for example: connect --endpoint HOST"])
    raise SettingsError([f"{quoted(first)} is not a command; allowed: {commands}"])


def _left_over(left: Sequence[str], command: Command) -> Iterator[str]:
    """Yield a sentence for each unknown flag, or one for values without a flag."""
    unknown = [argument.partition("=")[0] for argument in left if argument.startswith("-")]
    for flag in unknown:
        name = flag if flag.lstrip("-").replace("-", "_").isidentifier() else name_of(flag)
        yield f"{name} is not a flag of {command}; {_meant(flag, command)}"
    if left and not unknown:
        yield "a value belongs to no flag; each follows its own (--endpoint HOST), in quotes when it holds spaces"


def _meant(flag: str, command: Command) -> str:
    others = [other for other in Command if flag in _FLAGS[other]]
    if others:
        return f"it is one of {others[0]}"
    said = did_you_mean(flag, [*(f"--{key}" for key in BY_KEY), *_FLAGS[command], "--help"])
    return said if said.startswith("did") else f"{command} --help lists them"


def _repetition_problems(repeat: str | None, interval: str | None) -> Iterator[str]:
    if repeat is not None and not (_REPEAT.fullmatch(repeat) and 1 <= int(repeat) <= MAX_REPEAT):
        yield f"--repeat is {repeat!r}; allowed: a whole number from 1 to {MAX_REPEAT}"
    if interval is None:
        return
    try:
        seconds = float(interval)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= MAX_INTERVAL_S:
        yield f"--interval is {interval!r}; allowed: seconds from 0 to {MAX_INTERVAL_S:g}"
    if repeat is None:
        yield "--interval is the time between runs; it needs --repeat"


# -- values ----------------------------------------------------------------------------------------------------------


def _values(given: Mapping[str, object]) -> tuple[dict[str, Value], list[str]]:
    """Return the settings that were given as flags, and what is wrong with the others."""
    values: dict[str, Value] = {}
    problems: list[str] = []
    written = {key: text for key in BY_KEY if isinstance(text := given.get(key), str)}
    from_input = [f"--{key}" for key, text in written.items() if _is_secret(key) and text == _STANDARD_INPUT]
    if len(from_input) > 1:
        return {}, [f"{' and '.join(from_input)} cannot both be read from standard input"]
    for key, text in written.items():
        try:
            values[key] = _value(BY_KEY[key], text)
        except ValueError as error:
            problems.append(str(error))
    return values, problems


def _is_secret(key: str) -> bool:
    """Tell whether the setting may hold a secret."""
    return BY_KEY[key].secret or key == "targets"


def _value(setting: Setting, written: str) -> Value:
    """Return the setting's value; raise ValueError with a sentence."""
    flag = f"--{setting.key}"
    text, origin = written, flag
    if _is_secret(setting.key) and written and not is_reference(written.strip()):
        if written == _STANDARD_INPUT:
            text, origin = _from_standard_input(flag), f"{flag} (standard input)"
        elif written.startswith("@"):
            text, origin = _from_file(flag, written[1:]), f"{flag} ({written})"
        elif setting.secret or not _tells_no_secret(written):
            raise ValueError(_bare(setting))
    value = Value(text=tidy(setting, text), origin=origin)
    if not is_text(value.text):
        raise ValueError(problem(setting, value, "allowed: text in UTF-8"))
    return value


def _tells_no_secret(text: str) -> bool:
    """Tell whether every member of a targets document is a known one that is no secret, or a reference to one."""
    try:
        document = json.loads(text, object_pairs_hook=_members)
        members = [member for entry in document["targets"] for member in entry.items()]
        return document.keys() <= {"targets", "$schema"} and all(_is_no_secret(*member) for member in members)
    except (ValueError, RecursionError, TypeError, AttributeError, KeyError):  # no document, or a misspelt key
        return False


def _members(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    """Return an object's members; raise ValueError when one would hide another."""
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a member comes twice")
    return members


def _is_no_secret(key: str, value: object) -> bool:
    if isinstance(value, dict | list):
        return False
    return not BY_KEY[key].secret or re.fullmatch(r"((ssm|secretsmanager):\S+)?", str(value)) is not None


def _bare(setting: Setting) -> str:
    what = "a secret" if setting.secret else "a document that may hold secrets"
    return (
        f"--{setting.key} is '***'; {what} must not be an argument, which every process here can read; allowed: "
        f"ssm:..., secretsmanager:..., @FILE, - for standard input, or the variable {setting.variable}"
    )


def _from_file(flag: str, name: str) -> str:
    try:
        with Path(name).open("rb") as file:
            return _decoded(file.read(_MAX_FILE_BYTES + 1), f"{flag} names the file {name!r}, which")
    except OSError as error:
        raise ValueError(f"{flag} names the file {name!r}, which cannot be read: {error.strerror}") from None


def _from_standard_input(flag: str) -> str:
    where = f"{flag} is read from standard input, which"
    if sys.stdin is None:
        raise ValueError(f"{where} is closed")
    if sys.stdin.isatty():
        try:
            return getpass.getpass(f"{flag.removeprefix('--')}: ")
        except EOFError:
            raise ValueError(f"{where} holds nothing") from None
    return _decoded(sys.stdin.buffer.read(_MAX_FILE_BYTES + 1), where)


def _decoded(data: bytes, where: str) -> str:
    """Return `data` as text without the line end that editors and `echo` put after it."""
    if len(data) > _MAX_FILE_BYTES:
        raise ValueError(f"{where} holds too much; allowed: {_MAX_FILE_BYTES} bytes")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise ValueError(f"{where} holds no text in UTF-8") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text.strip():
        raise ValueError(f"{where} holds nothing")
    return text
