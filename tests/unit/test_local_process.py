"""Starting and stopping the local AWS's process: a small program stands in its place and says what it saw."""

from __future__ import annotations

import json
import os
import stat
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from infra.local.client.process import REPOSITORY, LocalAwsError, interpreter, log_tail, running_server

READY = {"api_port": 4566, "iot_port": 8883, "authority": "/state/authority.pem", "root_secret": "said"}
SAY_READY = f"print({json.dumps(READY)!r}, flush=True)"
WAIT = "sys.stdin.read()"


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory that temporary ones are made in."""
    made = tmp_path / "temporary"
    made.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(made))
    return made


def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *lines: str) -> Path:
    """Let these lines of Python run in the local AWS's place; return the file that tells what they saw."""
    seen = tmp_path / "seen.json"
    script = tmp_path / "python"
    told = "{'arguments': sys.argv[1:], 'variables': dict(os.environ), 'directory': os.getcwd(), 'id': os.getpid()}"
    body = ["import json, os, signal, sys, time", f"open({str(seen)!r}, 'w').write(json.dumps({told}))", *lines]
    # By a shell, which adds PWD: the path behind #! cannot have a space.
    script.write_text(f'#!/bin/sh\nunset PWD OLDPWD\nexec "{sys.executable}" -I "$0.py" "$@"\n')
    script.with_name("python.py").write_text("\n".join(body) + "\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("LOCAL_AWS_PYTHON", str(script))
    return seen


def has_ended(process: int) -> bool:
    """Return whether no process has this id any more."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


def read(seen: Path) -> dict[str, Any]:
    """Return what the program saw."""
    return dict(json.loads(seen.read_text()))


def test_ready_line_is_read(tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ready line names the server's ports and its root's secret; its state has a directory of its own."""
    stand_in(tmp_path, monkeypatch, SAY_READY, WAIT)
    with running_server() as server:
        assert (server.api_url, server.iot_endpoint) == ("http://127.0.0.1:4566", "localhost:8883")
        assert server.authority == Path("/state/authority.pem")
        assert (server.root_key_id, server.root_secret) == ("local-root", "said")
        assert server.state.parent == temporary
        assert server.state.name.startswith("local-aws-")


def test_environment_is_given_whole(tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server sees these variables, each of its state's places, and none of the caller's AWS and proxy ones."""
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example")
    seen = stand_in(tmp_path, monkeypatch, SAY_READY, WAIT)
    with running_server(speed=12.0) as server:
        state = server.state
        assert (state / "tmp").is_dir()
    variables = read(seen)["variables"]
    variables.pop("LC_CTYPE", None)
    assert variables == {
        "PATH": os.environ["PATH"],
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
        "MINISTACK_ACCOUNT_ID": "123456789012",
        "MINISTACK_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "local-root",
        "LOCAL_AWS_PARENT": str(os.getpid()),
        "LOCAL_AWS_SPEED": "12.0",
    }
    assert not list(temporary.iterdir())


def test_server_runs_in_the_repository(tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's module is run where it is found, at the usual speed unless told."""
    seen = stand_in(tmp_path, monkeypatch, SAY_READY, "assert os.getsid(0) == os.getpid()", WAIT)
    with running_server():
        pass
    told = read(seen)
    assert told["arguments"] == ["-m", "infra.local.server.main"]
    assert Path(told["directory"]) == REPOSITORY
    assert told["variables"]["LOCAL_AWS_SPEED"] == "1.0"
    assert has_ended(told["id"])
    assert not list(temporary.iterdir())


@pytest.mark.usefixtures("temporary")
def test_state_is_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else may read the state of a server, whatever the caller's umask lets others read."""
    stand_in(tmp_path, monkeypatch, SAY_READY, WAIT)
    umask = os.umask(0)
    try:
        with running_server() as server:
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (server.state, *server.state.iterdir())}
    finally:
        os.umask(umask)
    assert modes == {server.state.name: 0o700, "tmp": 0o700, "server.log": 0o600}


def test_server_that_does_not_start(tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last fifteen lines of its log are the reason, in one sentence, and nothing is left."""
    stand_in(tmp_path, monkeypatch, "sys.stderr.write(''.join(f'line {n}\\n' for n in range(1, 21)))")
    with pytest.raises(LocalAwsError) as raised, running_server():
        pass
    said = " / ".join(f"line {number}" for number in range(6, 21))
    assert str(raised.value) == f"The local AWS did not start. Its log ends: {said}"
    assert not list(temporary.iterdir())


def test_server_that_ends_in_silence(tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a log there is nothing to add."""
    stand_in(tmp_path, monkeypatch, "sys.exit(1)")
    with pytest.raises(LocalAwsError) as raised, running_server():
        pass
    assert str(raised.value) == "The local AWS did not start. "
    assert not list(temporary.iterdir())


def test_log_that_is_gone(tmp_path: Path) -> None:
    """Where there is no log any more there is nothing to add either."""
    assert log_tail(tmp_path / "gone") == ""


def test_log_that_is_no_text(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are replaced; the rest of the log is still told."""
    (tmp_path / "server.log").write_bytes(b"bad \xff")
    assert log_tail(tmp_path) == "Its log ends: bad \ufffd"


def test_server_is_asked_before_it_is_killed(tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its standard input is closed first, and it may take its time to tidy up."""
    tidied = tmp_path / "tidied"
    stand_in(tmp_path, monkeypatch, SAY_READY, WAIT, "time.sleep(0.3)", f"open({str(tidied)!r}, 'w')")
    with running_server():
        assert not tidied.exists()
    assert tidied.exists()
    assert not list(temporary.iterdir())


def test_server_that_does_not_stop(tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that neither its input's end nor SIGTERM ends is killed, and what it started with it."""
    monkeypatch.setattr("infra.local.client.process._STOP_SECONDS", 0.5)
    ignoring = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    child = tmp_path / "child"
    fork = f"child = os.fork(); child and open({str(child)!r}, 'w').write(str(child))"
    seen = stand_in(tmp_path, monkeypatch, ignoring, fork, SAY_READY, "time.sleep(60)")
    with running_server():
        pass
    assert has_ended(read(seen)["id"])
    assert _is_gone_or_defunct(int(child.read_text()))
    assert not list(temporary.iterdir())


def _is_gone_or_defunct(process: int) -> bool:
    """Return whether a process that was killed is gone, or waits for its parent, within ten seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if "\nState:\tZ" in Path(f"/proc/{process}/status").read_text():
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.05)
    return False


def test_failure_inside_stops_the_server(tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever happens in the context, the process and its directory are gone."""
    seen = stand_in(tmp_path, monkeypatch, SAY_READY, WAIT)
    with pytest.raises(RuntimeError, match="inside"), running_server():
        raise RuntimeError("inside")
    assert has_ended(read(seen)["id"])
    assert not list(temporary.iterdir())


def test_interpreter_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless another one is named, it is the one that make sets up."""
    monkeypatch.delenv("LOCAL_AWS_PYTHON", raising=False)
    assert interpreter() == REPOSITORY / ".venv-local" / "bin" / "python"
    monkeypatch.setenv("LOCAL_AWS_PYTHON", sys.executable)
    assert interpreter() == Path(sys.executable)
