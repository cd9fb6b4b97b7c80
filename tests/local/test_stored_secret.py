"""`make secret`: a secret from the keyboard to the canary, without a trace elsewhere."""

import subprocess
import sys
from pathlib import Path

import pytest

from infra.local.client.local_aws import LocalAws
from tests.local import terminal

SECRET = "MARKED typed secret \u00fc#'\"$x"
COMMAND = (sys.executable, "-m", "infra.secret")


def _stored(aws: LocalAws, name: str) -> tuple[str, str]:
    parameter = aws.client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]
    return parameter["Type"], parameter["Value"]


def _type(*answers: str) -> terminal.Answer:
    """Return what is typed at each question for a secret."""
    remaining = list(answers)
    return lambda asked: f"{remaining.pop(0)}\n" if asked.endswith(": ") and remaining else None


@pytest.mark.parametrize("before", ["", "the one before"])
def test_secret_from_the_keyboard(aws: LocalAws, before: str) -> None:
    """It is asked for twice and not shown, replaces an older one, and its reference is all that is printed."""
    name = f"/iot-connect-canary/typing{len(before)}/authorizer-password"
    if before:
        aws.client("ssm").put_parameter(Name=name, Value=before, Type="String")
    command = [*COMMAND, "authorizer-password", "--canary", f"typing{len(before)}"]
    done = terminal.run(command, _type(SECRET, SECRET), environ=terminal.environment(aws), max_answers=2)
    assert done.code == 0, done.shown
    assert _stored(aws, name) == ("SecureString", SECRET)
    assert "MARKED" not in done.shown
    assert done.shown.splitlines()[-1] == f"ssm:{name}"


def test_secret_mistyped(aws: LocalAws) -> None:
    """Two that differ are refused, and nothing is stored."""
    command = [*COMMAND, "password", "--canary", "mistyped"]
    done = terminal.run(command, _type(SECRET, "other"), environ=terminal.environment(aws), max_answers=2)
    assert done.code == 2
    assert "The two differ; nothing was written." in done.shown
    assert aws.client("ssm").get_parameters_by_path(Path="/iot-connect-canary/mistyped/")["Parameters"] == []


def test_secret_from_a_file(aws: LocalAws, tmp_path: Path) -> None:
    """A key of several lines comes from standard input; what is stored ends without the file's last line end."""
    key = tmp_path / "key.pem"
    key.write_text("-----BEGIN PRIVATE KEY-----\nMARKED\n-----END PRIVATE KEY-----\n")
    with key.open() as file:
        done = subprocess.run(
            ["make", "--no-print-directory", "secret", "NAME=signing-key", "CANARY=from-file"],
            stdin=file,
            env=terminal.environment(aws),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    assert (done.returncode, done.stdout) == (0, "ssm:/iot-connect-canary/from-file/signing-key\n"), done.stderr
    assert _stored(aws, "/iot-connect-canary/from-file/signing-key") == ("SecureString", key.read_text().rstrip())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("", "Nothing was given"), (" \n", "Nothing was given"), ("MARKED" * 1000, "holds 4,096 characters")],
)
def test_secret_that_cannot_be_stored(aws: LocalAws, text: str, sentence: str) -> None:
    """The sentence says why, and shows nothing of it."""
    done = subprocess.run(
        [*COMMAND, "a", "--canary", "refused"],
        input=text,
        env=terminal.environment(aws),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert "MARKED" not in done.stderr
