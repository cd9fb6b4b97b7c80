"""The argument parser: commands, flags and the settings as flags."""

import argparse
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, NoReturn

from connect_canary.cli.help_text import DESCRIPTION, EPILOG, SECRETS_HELP, SETTINGS_HELP
from connect_canary.config.problems import SettingsError
from connect_canary.config.settings import BY_KEY, Setting


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
FLAGS: Mapping[Command, Mapping[str, Mapping[str, Any]]] = {
    Command.CONNECT: {**_COMMON, **_REPEATING},
    Command.CHECK: _COMMON,
}
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


class ArgumentParser(argparse.ArgumentParser):
    """A parser whose complaints are SettingsErrors, like everybody else's."""

    def error(self, message: str) -> NoReturn:
        """Raise `message` instead of printing it and exiting."""
        flag, _, said = message.removeprefix("argument ").partition(": ")
        if said.startswith("expected"):
            raise SettingsError([f"{flag} needs a value; one that begins with a hyphen is written {flag}=VALUE"])
        raise SettingsError([message])


def new_parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog=_program(),
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    choice = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for command, what in _COMMANDS.items():
        own = choice.add_parser(
            command,
            usage="%(prog)s [FLAGS]",
            help=f"{what[0].lower()}{what[1:]}",
            description=f"{what}.\n\n{SETTINGS_HELP}",
            epilog=SECRETS_HELP,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        for flag, described in FLAGS[command].items():
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
