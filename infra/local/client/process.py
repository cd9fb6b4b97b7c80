"""Starts and stops the local AWS's server process, and removes its files."""

import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
BUILT_TEMPLATE = REPOSITORY / ".aws-sam" / "build" / "template.yaml"
ACCOUNT_ID = "123456789012"
REGION = "eu-west-1"

_INTERPRETER_VARIABLE = "LOCAL_AWS_PYTHON"
_ROOT_KEY_ID = "local-root"
_START_SECONDS = 60.0
_STOP_SECONDS = 8.0
_LOG_LINES = 15


class LocalAwsError(RuntimeError):
    """The local AWS cannot do something; the message is a sentence for the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningServer:
    """Addresses and files of a running server, and its root access key."""

    api_url: str
    iot_endpoint: str
    authority: Path
    state: Path
    root_key_id: str
    root_secret: str


def interpreter() -> Path:
    """Return the path of the Python that has MiniStack, or raise `LocalAwsError`."""
    configured = os.environ.get(_INTERPRETER_VARIABLE)
    path = Path(configured) if configured else REPOSITORY / ".venv-local" / "bin" / "python"
    if not path.exists():
        raise LocalAwsError(
            f"The local AWS needs its own environment, and {path} does not exist. "
            "Run it through make, which creates it."
        )
    return path


def _environment(state: Path, speed: float) -> dict[str, str]:
    """Return the server's environment variables, without the caller's for AWS and proxies."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(state),
        "TMPDIR": str(state / "tmp"),
        "STATE_DIR": str(state),
        "S3_DATA_DIR": str(state / "s3"),
        "AUTH": "true",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": f"unix://{state}/no-docker.sock",
        "MINISTACK_ACCOUNT_ID": ACCOUNT_ID,
        "MINISTACK_REGION": REGION,
        "AWS_ACCESS_KEY_ID": _ROOT_KEY_ID,
        "LOCAL_AWS_PARENT": str(os.getpid()),
        "LOCAL_AWS_SPEED": str(speed),
    }


@contextmanager
def running_server(*, speed: float = 1.0) -> Iterator[RunningServer]:
    """Run the server for the duration of the context, or raise `LocalAwsError`."""
    python = interpreter()
    state = Path(tempfile.mkdtemp(prefix="local-aws-"))
    try:
        (state / "tmp").mkdir(mode=0o700)
        with open(state / "server.log", "wb", opener=_open_private) as log:
            process = subprocess.Popen(
                [str(python), "-m", "infra.local.server.main"],
                cwd=REPOSITORY,
                env=_environment(state, speed),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        try:
            yield _wait_until_ready(process, state)
        finally:
            _stop(process)
    finally:
        shutil.rmtree(state, ignore_errors=True)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _wait_until_ready(process: subprocess.Popen[bytes], state: Path) -> RunningServer:
    line = _first_line(process)
    if not line:
        raise LocalAwsError(f"The local AWS did not start. {log_tail(state)}")
    ready = json.loads(line)
    return RunningServer(
        api_url=f"http://127.0.0.1:{ready['api_port']}",
        iot_endpoint=f"localhost:{ready['iot_port']}",
        authority=Path(ready["authority"]),
        state=state,
        root_key_id=_ROOT_KEY_ID,
        root_secret=ready["root_secret"],
    )


def _first_line(process: subprocess.Popen[bytes]) -> bytes:
    """Return the server's first line, empty if it ended or timed out without one."""
    if process.stdout is None:
        return b""
    readable, _, _ = select.select([process.stdout], [], [], _START_SECONDS)
    return process.stdout.readline() if readable else b""


def log_tail(state: Path) -> str:
    """Return the last lines of the server's log as one sentence, empty if it has none."""
    with suppress(OSError):
        lines = (state / "server.log").read_text(errors="replace").splitlines()
        return "Its log ends: " + " / ".join(lines[-_LOG_LINES:]) if lines else ""
    return ""


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Stop the server by closing its standard input, then by signals to its process group."""
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with suppress(OSError):
                stream.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)
    deadline = time.monotonic() + 1.0
    for number in (signal.SIGTERM, signal.SIGKILL):
        # The functions' processes, in the same group, end with the server's pipes.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
            while process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.05)
    process.wait(_STOP_SECONDS)
