"""The argument parser: commands, flags and the settings as flags."""

import argparse
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, NoReturn

from connect_canary.cli.completion import SHELLS
from connect_canary.cli.help_text import DESCRIPTION, EPILOG, SECRETS_HELP, SETTINGS_HELP
from connect_canary.cli.report_arguments import FILE_HELP, REPORT_FLAGS
from connect_canary.cli.reporter import DEFAULT_OUTPUT, OUTPUT_HELP
from connect_canary.config.problems import SettingsError
from connect_canary.config.settings import SETTINGS, Group, Setting


class Command(StrEnum):
    """The commands of the command line."""

    CONNECT = "connect"
    CHECK = "check"
    REPORT = "report"


_COMMANDS: Mapping[Command, str] = {
    Command.CONNECT: "Connect to every target, once, and show what happened",
    Command.CHECK: "Read and check every setting, references too, and connect to nothing",
    Command.REPORT: "Make a page of results as HTML: of connect --json, or of a deployed canary's log",
}
_COMMON: Mapping[str, Mapping[str, Any]] = {
    "--profile": {"metavar": "NAME", "help": "AWS profile to take credentials from, SSO included"},
    "--region": {"metavar": "REGION", "help": "AWS region of this run, instead of AWS_REGION"},
    "--verbose": {"action": "store_true", "help": "show all that is known, of healthy targets too"},
    "--only": {"metavar": "NAME", "nargs": "+", "action": "extend", "help": "only the targets of these names"},
    **{
        f"--{output}": {
            "action": "store_const",
            "const": output,
            "dest": "output",
            "default": DEFAULT_OUTPUT,
            "help": text,
        }
        for output, text in OUTPUT_HELP.items()
        if output is not DEFAULT_OUTPUT
    },
}
_REPEATING: Mapping[str, Mapping[str, Any]] = {
    "--repeat": {"metavar": "N", "help": "run N times, then show a summary"},
    "--interval": {"metavar": "SECONDS", "help": "from the start of one run to that of the next (default: 1)"},
}
FLAGS: Mapping[Command, Mapping[str, Mapping[str, Any]]] = {
    Command.CONNECT: {**_COMMON, **_REPEATING},
    Command.CHECK: _COMMON,
    Command.REPORT: REPORT_FLAGS,
}
# What is a question by itself.
GLOBAL_FLAGS: Mapping[str, Mapping[str, Any]] = {
    "--version": {"action": "store_true", "help": "show the versions of this program and of the SDK"},
    "--print-completion": {"metavar": "SHELL", "help": f"print the completion script of {' or '.join(SHELLS)}"},
}
_HOST_HELP = "host or host:port, short for --endpoint; empty: ask iot:DescribeEndpoint"
_SHORT: Mapping[str, tuple[str, ...]] = {"--verbose": ("-v",)}


class ArgumentParser(argparse.ArgumentParser):
    """A parser that raises its errors as SettingsError."""

    def error(self, message: str) -> NoReturn:
        """Raise `message` as a SettingsError."""
        flag, _, detail = message.removeprefix("argument ").partition(": ")
        if detail.startswith("expected"):
            raise SettingsError([f"{flag} needs a value; one that begins with a hyphen is written {flag}=VALUE"])
        if detail.startswith("ignored explicit"):
            # The message would show the value, perhaps a secret.
            raise SettingsError([f"{flag} takes no value"])
        raise SettingsError([message])


def new_parser() -> ArgumentParser:
    """Return the parser of all commands."""
    parser = ArgumentParser(
        prog=_program(),
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for flag, options in GLOBAL_FLAGS.items():
        parser.add_argument(flag, **options)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for command in Command:
        subparser = commands.add_parser(command, allow_abbrev=False, **_description(command))
        for flag, options in FLAGS[command].items():
            subparser.add_argument(*_SHORT.get(flag, ()), flag, **options)
        if command is Command.REPORT:
            subparser.add_argument("file", metavar="FILE", nargs="?", help=FILE_HELP)
        else:
            subparser.add_argument("host", metavar="HOST", nargs="?", help=_HOST_HELP)
            _add_settings(subparser)
    return parser


def _description(command: Command) -> dict[str, Any]:
    """Return what the help of a command says around its flags."""
    summary = _COMMANDS[command]
    texts = {"help": f"{summary[0].lower()}{summary[1:]}", "formatter_class": argparse.RawDescriptionHelpFormatter}
    if command is Command.REPORT:
        return {**texts, "usage": "%(prog)s [FLAGS] [FILE]", "description": f"{summary}."}
    return {
        **texts,
        "usage": "%(prog)s [HOST] [FLAGS]",
        "description": f"{summary}.\n\n{SETTINGS_HELP}",
        "epilog": SECRETS_HELP,
    }


def _program() -> str:
    return "python -m connect_canary" if Path(sys.argv[0]).name == "__main__.py" else "connect-canary"


def _add_settings(parser: argparse.ArgumentParser) -> None:
    for group in Group:
        section = parser.add_argument_group(group)
        for setting in SETTINGS:
            if setting.group is group:
                metavar = "SECRET" if setting.secret else setting.metavar
                section.add_argument(f"--{setting.key}", metavar=metavar, help=_help(setting))


def _help(setting: Setting) -> str:
    choices = f": {', '.join(setting.choices)}" if setting.choices else ""
    default = f" (default: {setting.default})" if setting.default else ""
    return f"{setting.help}{choices}{default}".replace("%", "%%")
