"""Completion scripts for shells."""

import argparse

from connect_canary.config.settings import BY_KEY

SHELLS = ("bash", "zsh")
_FILES = {"ca_file", "html", "file"}
_PROGRAM = "connect-canary"


def completion_script(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return the script with which `shell` completes commands, flags, allowed values and files."""
    import shtab  # noqa: PLC0415 - an optional package

    for action in _actions(parser):
        if action.dest in BY_KEY and BY_KEY[action.dest].choices:
            action.choices = BY_KEY[action.dest].choices
        if action.dest in _FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        if action.dest == "print_completion":
            action.choices = SHELLS
    parser.prog = _PROGRAM
    return str(shtab.complete(parser, shell=shell))


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Return the actions of the parser and of its commands' parsers."""
    found = list(parser._actions)  # noqa: SLF001 - argparse has no other way; shtab reads it too
    for action in parser._actions:  # noqa: SLF001
        if isinstance(action.choices, dict):
            found += [inner for command in action.choices.values() for inner in _actions(command)]
    return found
