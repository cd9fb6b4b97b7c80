"""Random questions to the handler and the command line with marked secrets in every place, and what they print."""

import contextlib
import io
import json
import logging
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

from aws_lambda_powertools import Logger

from connect_canary import handler
from connect_canary.cli.main import main as command_line
from connect_canary.config.settings import SETTINGS
from tests.faulty.secret_forms import encode, random_chain, random_secret

_ENVIRON = {"AWS_REGION": "eu-west-1", "CANARY_ENDPOINT": "iot.example.com", "CANARY_AUTH_MODE": "custom-unsigned"}
_SECRETS = tuple(setting for setting in SETTINGS if setting.secret)
_PLAIN = tuple(setting for setting in SETTINGS if not setting.secret and setting.key not in {"targets", "endpoint"})
_WRONG = ("", "x", "-1", "ssm:", "http://a/b", "no\x00de", "\x1b[31mred", "é" * 200, "secretsmanager:a b")
_MALFORMED = ("{}", "base64:{}", "base64:{}é", "-----BEGIN PRIVATE KEY-----\n{}", "{}\r\nX: y", "{}\n", '"{}"')
_EVENTS: tuple[Any, ...] = (
    {"dry_run": True},
    {"dry_run": True, "only": ["a"]},
    {"dry_run": "{}"},
    "{}",
    {"only": "{}"},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """The secrets of one case and everything that it printed, logged, returned or raised."""

    secrets: tuple[str, ...]
    text: str


class _Context:
    """Lambda's context of one invocation."""

    aws_request_id = "invocation"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 30_000


def ask_handler(random: Random) -> Printed:
    """Invoke the handler once with a dry run; secrets stand in variables and in a document."""
    secrets, settings = _random_settings(random)
    if random.random() < 0.5:
        entry = {"name": random.choice(("a", "b!")), **settings}
        document = {"targets": [entry, {"name": "a"}]}
        settings = {"targets": json.dumps(document)[: random.choice((None, None, -1))]}
    environ = {**_ENVIRON, **{f"CANARY_{key.upper()}": value.replace("\0", "") for key, value in settings.items()}}
    with _captured(environ) as printed:
        try:
            printed.write(json.dumps(handler.lambda_handler(random.choice(_EVENTS), _Context())))
        except Exception:  # noqa: BLE001 - Lambda prints it
            printed.write(traceback.format_exc())
        return Printed(secrets=secrets, text=printed.getvalue())


def ask_command_line(random: Random) -> Printed:
    """Run `check` once; secrets stand in variables, files, flags, joined to flags and beside them."""
    secrets, settings = _random_settings(random)
    with TemporaryDirectory() as directory:
        arguments = ["check", *_random_arguments(random, secrets, settings, Path(directory))]
        with _captured(_ENVIRON) as printed:
            with contextlib.redirect_stderr(printed), contextlib.suppress(SystemExit):
                command_line(arguments)
            return Printed(secrets=secrets, text=printed.getvalue())


def _random_settings(random: Random) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return one to three secrets in any form, and settings in which they stand beside wrong ones."""
    # On the command line a value that begins with @ is a file's name.
    secrets = tuple(random_secret(random).lstrip("@") for _ in range(random.randrange(1, 4)))
    settings = {}
    for secret in secrets:
        value = encode(random_chain(random), secret) if random.random() < 0.3 else secret
        settings[random.choice(_SECRETS).key] = random.choice(_MALFORMED).replace("{}", value)
    for _ in range(random.randrange(3)):
        setting = random.choice(_PLAIN)
        settings[setting.key] = random.choice([*_WRONG, *setting.choices])
    return secrets, settings


def _random_arguments(
    random: Random, secrets: tuple[str, ...], settings: Mapping[str, str], directory: Path
) -> list[str]:
    arguments = []
    for number, (key, value) in enumerate(settings.items()):
        path = directory / str(number)
        path.write_bytes(value.encode(errors="surrogateescape"))
        written = random.choice((value, f"@{path}", value, f"@{path}x")).replace("\0", "")
        arguments += random.choice(([f"--{key}={written}"], [f"--{key.replace('_', '-')}", written]))
    secret = secrets[0]
    arguments += random.choice(
        ([], [f"-p{secret}"], [f"--pasword={secret}"], ["--authorizer_password", "-", secret], ["--json=" + secret])
    )
    return arguments


@contextlib.contextmanager
def _captured(environ: Mapping[str, str]) -> Any:
    """Yield what standard output and the log receive, with only `environ` in the environment."""
    printed = io.StringIO()
    log = Logger(service="fuzz", stream=printed, logger_formatter=handler.logger.registered_formatter)
    log.setLevel(logging.DEBUG)
    with (
        mock.patch.dict("os.environ", environ, clear=True),
        mock.patch.object(handler, "logger", log),
        mock.patch("sys.stdin", io.TextIOWrapper(io.BytesIO(b"from standard input"))),
        contextlib.redirect_stdout(printed),
    ):
        yield printed
