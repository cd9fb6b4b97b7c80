"""`make run` as people see it: what it prints, how it ends and what it leaves."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from infra.local.client.process import REPOSITORY

WIDTH = 80
SECRET_WORDS = ("base64:", "BEGIN RSA", "AKIA")


def start(tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start the command with a temporary directory of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "infra.local.demo.run", *arguments],
        cwd=REPOSITORY,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def until_line(command: subprocess.Popen[str], part: str) -> str:
    """Return what the command prints up to a line that holds `part`."""
    printed = ""
    assert command.stdout is not None
    for line in command.stdout:
        printed += line
        if part in line:
            return printed
    raise AssertionError(printed)


def test_run_of_one_scheduled_run(tmp_path: Path) -> None:
    """Four modes are shown healthy, one scheduled run follows, then metrics and alarms; exit code 0."""
    command = start(tmp_path, "--runs", "1", "--speed", "12")
    printed, _ = command.communicate(timeout=120)
    assert command.returncode == 0, printed
    lines = printed.splitlines()
    # A path must not be broken, however long the temporary directory's name is.
    assert [line for line in lines if len(line) > WIDTH and str(tmp_path) not in line] == []
    for mode in ("sigv4 ", "sigv4-static", "custom-unsigned", "custom-signed"):
        assert any(mode in line and "healthy: " in line for line in lines), mode
    assert sum(" run 1 healthy: role" in line for line in lines) == 1
    assert any("ConnectSuccess" in line for line in lines)
    assert any(line.startswith("  FailedConnectsAlarm ") for line in lines)
    assert lines[-1] == "Everything is stopped and removed."
    assert not any(word in printed for word in SECRET_WORDS)
    assert not list(tmp_path.iterdir())


def at_another_terminal(operator: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run a shell command in the environment that the file sets."""
    return subprocess.run(
        ["sh", "-c", f'. "$0" && {command}', str(operator)],
        env={"PATH": f"{Path(sys.executable).parent}:{os.defpath}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_run_broken_on_purpose(tmp_path: Path) -> None:
    """Who reads the printed file can connect, and take the role's policy away: the next run says so, and the exit."""
    command = start(tmp_path, "--speed", "12")
    operator = Path(until_line(command, "operator.sh").splitlines()[-1].removeprefix("  . "))
    assert operator.stat().st_mode & 0o777 == 0o600
    shown = at_another_terminal(operator, "connect-canary connect")
    assert "healthy      connected in" in shown.stdout, shown.stderr
    boto = "import boto3, os; boto3.client('iam').delete_role_policy(RoleName=os.environ['ROLE'], PolicyName='connect')"
    broken = at_another_terminal(operator, f'python -c "{boto}"')
    assert broken.returncode == 0, broken.stderr
    until_line(command, "UNHEALTHY: NotAuthorized in connack")
    command.send_signal(signal.SIGINT)
    command.communicate(timeout=60)
    assert command.returncode == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("number", "moment", "expected"),
    [
        (signal.SIGINT, "Deploying", 130),
        (signal.SIGTERM, "Each way", 143),
    ],
)
def test_run_is_interrupted(tmp_path: Path, number: signal.Signals, moment: str, expected: int) -> None:
    """Ctrl-C and SIGTERM end it soon, with a sentence, and leave nothing."""
    command = start(tmp_path, "--speed", "12")
    until_line(command, moment)
    command.send_signal(number)
    began = time.monotonic()
    printed, _ = command.communicate(timeout=60)
    assert time.monotonic() - began < 30
    assert command.returncode == expected
    assert printed.splitlines()[-1] == "Stopped; everything is removed."
    assert "Traceback" not in printed
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--runs", "0"], "'0' is not a whole number of at least 1"),
        (["--runs", "many"], "'many' is not a whole number of at least 1"),
        (["--speed", "100"], "'100' is not a number from 1 to 12"),
        (["--template", "nowhere.yaml"], "there is no template at nowhere.yaml"),
    ],
)
def test_run_with_a_wrong_question(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    """A wrong argument is a sentence and exit code 2."""
    command = start(tmp_path, *arguments)
    printed, _ = command.communicate(timeout=60)
    assert command.returncode == 2
    assert sentence in printed
    assert "Traceback" not in printed


def test_run_with_another_template(tmp_path: Path) -> None:
    """A stack that is no canary's is a sentence and exit code 1, and leaves nothing."""
    command = start(tmp_path, "--template", str(REPOSITORY / "infra" / "authorizer" / "template.yaml"))
    printed, _ = command.communicate(timeout=60)
    assert command.returncode == 1
    assert "make run cannot go on" in printed
    assert "Traceback" not in printed
    assert not list(tmp_path.iterdir())
