"""`make run`: its output, its exit codes and its clean-up."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from infra.local.client.process import REPOSITORY

WIDTH = 80
SECRET_WORDS = ("base64:", "BEGIN RSA", "AKIA")


def start(tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start the command with its own temporary directory."""
    return subprocess.Popen(
        [sys.executable, "-m", "infra.local.demo.run", *arguments],
        cwd=REPOSITORY,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def read_until(command: subprocess.Popen[str], part: str) -> str:
    """Return the command's output up to a line that contains `part`."""
    printed = ""
    assert command.stdout is not None
    with ended_late(command):
        for line in command.stdout:
            printed += line
            if part in line:
                return printed
    raise AssertionError(printed)


@contextmanager
def ended_late(command: subprocess.Popen[Any]) -> Iterator[None]:
    """End a command that does not come to what is waited for, so that the test fails instead of waiting."""
    timer = threading.Timer(120, command.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def test_run_of_one_scheduled_run(tmp_path: Path) -> None:
    """It prints four healthy auth modes, one scheduled run, metrics and alarms, and exits with 0."""
    command = start(tmp_path, "--runs", "1", "--speed", "12")
    printed, _ = command.communicate(timeout=120)
    assert command.returncode == 0, printed
    lines = printed.splitlines()
    # A path is not wrapped, however long the temporary directory's name is.
    assert [line for line in lines if len(line) > WIDTH and str(tmp_path) not in line] == []
    for mode in ("sigv4 ", "sigv4-static", "custom-unsigned", "custom-signed"):
        assert any(mode in line and "healthy: " in line for line in lines), mode
    assert sum(" run 1 healthy: role" in line for line in lines) == 1
    assert any("ConnectSuccess" in line for line in lines)
    assert any(line.startswith("  TargetsFailingAlarm ") for line in lines)
    assert lines[-1] == "Everything is stopped and removed."
    assert not any(word in printed for word in SECRET_WORDS)
    assert not list(tmp_path.iterdir())


def run_as_operator(operator: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run a shell command with the environment variables of the operator file."""
    return subprocess.run(
        ["sh", "-c", f'. "$0" && {command}', str(operator)],
        env={"PATH": f"{Path(sys.executable).parent}:{os.defpath}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def in_another_terminal(operator: Path, *arguments: str) -> str:
    """Run `make break` or `make mend` for one of several demos, and return what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "infra.local.demo.break_command", *arguments, "--operator", str(operator)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_run_broken_on_purpose(tmp_path: Path) -> None:
    """From another terminal one can connect, break and mend: the next runs and the exit code show it."""
    command = start(tmp_path, "--speed", "12")
    operator = Path(read_until(command, "operator.sh").splitlines()[-1].removeprefix("  . "))
    assert operator.stat().st_mode & 0o777 == 0o600
    connected = run_as_operator(operator, "connect-canary connect")
    assert "healthy      connected in" in connected.stdout, connected.stderr
    assert "Expect TargetsFailingAlarm." in in_another_terminal(operator, "break", "permission")
    read_until(command, "UNHEALTHY: NotAuthorized in connack")
    assert in_another_terminal(operator, "mend") == "Mended: permission.\n"
    read_until(command, " healthy: role")
    command.send_signal(signal.SIGINT)
    command.communicate(timeout=60)
    assert command.returncode == 1
    assert not list(tmp_path.iterdir())


def test_screen_on_a_terminal(tmp_path: Path) -> None:
    """On a terminal there is one screen, drawn again and again, with targets, alarms and what people are told."""
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 40, WIDTH, 0, 0))
    command = subprocess.Popen(
        [sys.executable, "-m", "infra.local.demo.run", "--runs", "2", "--speed", "12"],
        cwd=REPOSITORY,
        env=os.environ | {"TMPDIR": str(tmp_path), "TERM": "xterm-256color"},
        stdin=end,
        stdout=end,
        stderr=end,
    )
    os.close(end)
    with ended_late(command):
        printed = read_terminal(terminal)
    assert command.wait(timeout=60) == 0, printed
    last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", printed[printed.rindex("Local AWS,") :]).splitlines()
    rows = {line.split()[0]: line for line in last if line.split()}
    assert all("▁▁" in rows[name] for name in ("role", "static", "unsigned", "signed", "stranger"))
    assert rows["stranger"].rstrip().endswith("refused, as expected")
    assert "TargetsFailingAlarm" in rows
    assert "Nothing yet." in [line.strip() for line in last]


def read_terminal(terminal: int) -> str:
    """Return everything that is written to a terminal until its last user is gone."""
    written = b""
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:
            part = b""
        if not part:
            os.close(terminal)
            return written.decode(errors="replace")
        written += part


@pytest.mark.parametrize(
    ("number", "moment", "expected"),
    [
        (signal.SIGINT, "Deploying", 130),
        (signal.SIGTERM, "Each way", 143),
    ],
)
def test_run_is_interrupted(tmp_path: Path, number: signal.Signals, moment: str, expected: int) -> None:
    """Ctrl-C and SIGTERM end it promptly, with a message, and no files remain."""
    command = start(tmp_path, "--speed", "12")
    read_until(command, moment)
    command.send_signal(number)
    signalled_at = time.monotonic()
    printed, _ = command.communicate(timeout=60)
    assert time.monotonic() - signalled_at < 30
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
def test_run_with_invalid_arguments(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    """An invalid argument exits with 2 and a message."""
    command = start(tmp_path, *arguments)
    printed, _ = command.communicate(timeout=60)
    assert command.returncode == 2
    assert sentence in printed
    assert "Traceback" not in printed


def test_run_with_another_template(tmp_path: Path) -> None:
    """The template of another stack exits with 1 and a message, and no files remain."""
    command = start(tmp_path, "--template", str(REPOSITORY / "infra" / "authorizer" / "template.yaml"))
    printed, _ = command.communicate(timeout=60)
    assert command.returncode == 1
    assert "make run cannot go on" in printed
    assert "Traceback" not in printed
    assert not list(tmp_path.iterdir())
