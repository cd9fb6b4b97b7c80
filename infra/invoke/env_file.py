"""The variables for an invocation: a file in the form of `sam local invoke --env-vars`, checked before the run.

SAM drops what the template does not declare, so a misspelt name would run with the default, and nobody would know.
"""

import difflib
import json
from collections.abc import Iterable
from pathlib import Path

import yaml

FUNCTION = "CanaryFunction"


class EnvFileError(ValueError):
    """The file cannot be used; the message is a sentence for the user."""


def declared_variables(template: Path) -> frozenset[str]:
    """Return the variables that the built template declares for the function."""
    document = yaml.safe_load(template.read_text(encoding="utf-8"))
    return frozenset(document["Resources"][FUNCTION]["Properties"]["Environment"]["Variables"])


def read_env_file(path: Path, declared: Iterable[str]) -> dict[str, str]:
    """Return the function's variables; raise EnvFileError if the file or a name in it cannot be used."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EnvFileError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise EnvFileError(f"{path} is no JSON: {error}") from error
    variables = document.get(FUNCTION) if isinstance(document, dict) else None
    if not isinstance(variables, dict) or document.keys() != {FUNCTION}:
        raise EnvFileError(f'{path} must be {{"{FUNCTION}": {{"NAME": "value"}}}} and name no other function')
    _check_names(path, variables, sorted(declared))
    wrong = [name for name, value in variables.items() if not isinstance(value, str)]
    if wrong:
        raise EnvFileError(f"{path}: {wrong[0]} must be a text, in quotes")
    return variables


def _check_names(path: Path, names: Iterable[str], declared: list[str]) -> None:
    for name in names:
        if name not in declared:
            near = difflib.get_close_matches(name, declared, n=1)
            suggestion = f"; did you mean {near[0]}?" if near else ""
            raise EnvFileError(f"{path}: the template declares no variable {name}{suggestion}")
