"""Write a secret into the canary's own prefix: `python -m infra.secret NAME --canary CANARY`.

The secret is asked for at the terminal without showing it, or read from standard input: neither the shell's history
nor the list of processes has it. It becomes an SSM SecureString; the reference to it is printed.
"""

import argparse
import getpass
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
# What a standard parameter holds.
_MAX_CHARACTERS = 4096


class SecretError(ValueError):
    """The secret cannot be stored; the message says why, and nothing of it."""


def reference(canary: str, name: str) -> str:
    """Return the reference to a secret of the canary's own prefix."""
    return f"ssm:/iot-connect-canary/{canary}/{name}"


def read_secret(name: str) -> str:
    """Return the secret from the terminal, or from standard input where that is a file or a pipe."""
    if sys.stdin.isatty():
        text = getpass.getpass(f"{name} (not shown): ")
        if text != getpass.getpass(f"{name} again: "):
            raise SecretError("The two differ; nothing was written.")
    else:
        text = sys.stdin.read()
    # An editor and `echo` end a file with a new line that is no part of the secret.
    text = text.removesuffix("\n").removesuffix("\r")
    if not text.strip():
        raise SecretError("Nothing was given; nothing was written.")
    if len(text) > _MAX_CHARACTERS:
        raise SecretError(f"A parameter holds {_MAX_CHARACTERS:,} characters; write this one into Secrets Manager.")
    return text


def store(text: str, name: str, key: str) -> None:
    """Create or replace the parameter, encrypted with `key`, or with AWS's own if it is empty; raise SecretError."""
    options: Mapping[str, Any] = {"KeyId": key} if key else {}
    try:
        boto3.client("ssm").put_parameter(
            Name=name.removeprefix("ssm:"), Value=text, Type="SecureString", Overwrite=True, **options
        )
    except ClientError as error:
        # The message of an error of validation repeats the value.
        raise SecretError(f"SSM refuses to store it: {error.response['Error']['Code']}.") from None
    except BotoCoreError as error:
        raise SecretError(f"SSM cannot be asked: {type(error).__name__}.") from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Store the secret, print its reference; return the exit code, 2 for a problem."""
    parser = argparse.ArgumentParser(prog="python -m infra.secret", description=__doc__)
    parser.add_argument("name", type=_name, help="the secret's name, as in authorizer-password")
    parser.add_argument("--canary", type=_name, required=True, help="the canary's name, output CanaryName of its stack")
    parser.add_argument("--key", default="", help="customer managed key that encrypts it, as in KmsKeyArn")
    parsed = parser.parse_args(arguments)
    written = reference(parsed.canary, parsed.name)
    try:
        store(read_secret(parsed.name), written, parsed.key)
    except SecretError as error:
        print(f"infra.secret: {error}", file=sys.stderr)
        return 2
    print(written)
    return 0


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not 1 to 128 of A-Z a-z 0-9 _ . -")
    return text


if __name__ == "__main__":
    sys.exit(main())
