"""The command line as a process, in front of the faulty endpoint: what it prints, where, and its exit code."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pytest

from tests.faulty.cases import ENVIRON, SECRETS
from tests.faulty.process import ROOT, FaultyServer

DEADLINE_S = 60
AROUND = {
    "PATH": os.environ.get("PATH", ""),
    "PYTHONPATH": str(ROOT / "function"),
    "PYTHONWARNINGS": "error",
    "HOME": "/nowhere",
    "LC_ALL": "C.UTF-8",
    **{name: value for name, value in ENVIRON.items() if name.startswith("AWS_")},
}
IDS = ("healthy", "http-403", "port-closed", "certificate-expired", "connack-5-135", "upgrade-silent", "lost-close")
_ROWS, _COLUMNS = 40, 80


@pytest.fixture(scope="module")
def server() -> Iterator[FaultyServer]:
    """The scenarios that are shown here."""
    with FaultyServer(*IDS) as running:
        yield running


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "connect_canary", *arguments]


def _run(
    *arguments: str, environ: Mapping[str, str] | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        _command(*arguments),
        env={**AROUND, **(environ or {})},
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        timeout=DEADLINE_S,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done


def _at(server: FaultyServer, scenario: str, *others: str) -> list[str]:
    """Return the arguments that connect to a scenario."""
    endpoint = f"localhost:{server.port(scenario)}"
    return ["connect", "--endpoint", endpoint, "--ca_file", server.ca_file, "--timeout_seconds", "10", *others]


def _document(tmp_path: Path, *entries: object) -> str:
    """Return the argument that names a targets document."""
    path = tmp_path / "targets.json"
    path.write_text(json.dumps({"targets": entries}))
    return f"@{path}"


# -- one run -------------------------------------------------------------------------------------------------------


def test_healthy_run_shows_every_phase(server: FaultyServer) -> None:
    """A waterfall, the verdict and the certificate; nothing that is meant for CloudWatch."""
    done = _run(*_at(server, "healthy"))
    assert (done.returncode, done.stderr) == (0, "")
    phases = [line.split()[0] for line in done.stdout.splitlines() if re.search(r"[\u2580-\u259f]", line)]
    assert phases == ["dns", "tcp", "tls", "upgrade", "connack", "disconnect"]
    assert re.search(r"^healthy +connected in [0-9.]+ ms$", done.stdout, re.MULTILINE)
    assert re.search(r"^certificate +90 days left; for localhost, issued by ", done.stdout, re.MULTILINE)
    assert not re.search(r"_aws|\{|\x1b", done.stdout)
    assert max(map(len, done.stdout.splitlines())) <= _COLUMNS


@pytest.mark.parametrize("version", ["5", "3.1.1"])
@pytest.mark.parametrize(
    ("scenario", "failure", "reason"),
    [
        ("port-closed", "TcpRefused in phase tcp", "Connection refused"),
        ("certificate-expired", "CertificateExpired in phase tls", "expired on"),
        ("http-403", "UpgradeForbidden in phase upgrade", "HTTP 403"),
        ("connack-5-135", "NotAuthorized in phase connack", "Not authorized"),
        ("lost-close", "DisconnectFailed in phase disconnect", "closed the connection"),
    ],
)
def test_failed_run_says_where_and_why(
    server: FaultyServer, scenario: str, failure: str, reason: str, version: str
) -> None:
    """The verdict, its evidence and a hint, and exit code 1."""
    done = _run(*_at(server, scenario, "--mqtt-version", version))
    assert (done.returncode, done.stderr) == (1, "")
    assert re.search(rf"^unhealthy +{failure} after [0-9.]+ ms$", done.stdout, re.MULTILINE)
    assert re.search(rf"^reason +.*{reason}", done.stdout, re.MULTILINE)
    assert "docs/runbook.md#" in done.stdout.replace("\n             ", "")


def test_name_that_does_not_resolve() -> None:
    """The first thing that a newcomer gets wrong."""
    done = _run("connect", "--endpoint", "endpoint.invalid")
    assert (done.returncode, "DnsFailed in phase dns" in done.stdout) == (1, True)


def test_output_that_takes_ascii_only(server: FaultyServer) -> None:
    """Bars are made of number signs."""
    done = _run(*_at(server, "healthy"), environ={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert re.search(r"^tls .*#$", done.stdout, re.MULTILINE)


def test_json_is_what_the_lambda_returns(server: FaultyServer) -> None:
    """And nothing else is printed."""
    done = _run(*_at(server, "connack-5-135", "--json", "--name", "mine", "--client_id", "test-me"))
    answer = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (1, "")
    assert (answer["canary"], answer["healthy"]) == ("mine", False)
    (outcome,) = answer["targets"]
    assert (outcome["failure"], outcome["client_id"], outcome["connack_code"]) == ("NotAuthorized", "test-me", 135)


def test_variables_are_the_defaults_of_flags(server: FaultyServer) -> None:
    """What is not given as a flag is taken from them, and a flag goes over them."""
    environ = {"CANARY_CLIENT_ID": "test-variable", "CANARY_MQTT_VERSION": "3.1.1"}
    done = _run(*_at(server, "healthy", "--json", "--mqtt_version", "5"), environ=environ)
    (outcome,) = json.loads(done.stdout)["targets"]
    assert (outcome["client_id"], outcome["mqtt_version"]) == ("test-variable", "5")


@pytest.mark.parametrize("source", ["file", "standard input", "variable"])
def test_secret_reaches_the_endpoint(server: FaultyServer, tmp_path: Path, source: str) -> None:
    """By each way but an argument, and it is not printed."""
    password, path = SECRETS["authorizer_password"], tmp_path / "password"
    path.write_text(f"{password}\n")
    flag = {"file": f"@{path}", "standard input": "-"}.get(source)
    done = _run(
        *_at(server, "healthy", "--auth_mode", "custom-unsigned", "--authorizer_username", source),
        *(["--authorizer_password", flag] if flag else []),
        environ={} if flag else {"CANARY_AUTHORIZER_PASSWORD": password},
        stdin=password if flag == "-" else "",
    )
    client = server.seen("healthy")["clients"][-1]
    assert (done.returncode, client["password"]) == (0, password.encode().hex())
    assert password not in done.stdout + done.stderr


# -- many targets --------------------------------------------------------------------------------------------------


def _entries(server: FaultyServer, *scenarios: str) -> list[dict[str, Any]]:
    return [{"name": id_, "endpoint": f"localhost:{server.port(id_)}", "ca_file": server.ca_file} for id_ in scenarios]


def test_many_targets_show_the_ill_ones(server: FaultyServer, tmp_path: Path) -> None:
    """One line for a healthy target, all details of an unhealthy one."""
    document = _document(tmp_path, *_entries(server, "healthy", "http-403", "port-closed"))
    done = _run("connect", "--targets", document)
    assert (done.returncode, done.stderr) == (1, "")
    assert re.search(r"^healthy +healthy +localhost:\d+ +[0-9.]+ ms$", done.stdout, re.MULTILINE)
    assert done.stdout.count("unhealthy") == 2
    assert done.stdout.endswith("1 of 3 targets healthy\n")


def test_targets_as_an_argument(server: FaultyServer) -> None:
    """A document without secrets needs no file."""
    done = _run("connect", "--targets", json.dumps({"targets": _entries(server, "healthy")}))
    assert (done.returncode, done.stderr) == (0, "")


def test_only_some_targets(server: FaultyServer, tmp_path: Path) -> None:
    """The others are left alone."""
    document = _document(tmp_path, *_entries(server, "healthy", "http-403"))
    done = _run("connect", "--targets", document, "--only", "healthy", "--json")
    assert (done.returncode, [target["target"] for target in json.loads(done.stdout)["targets"]]) == (0, ["healthy"])


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_document_that_is_partly_wrong(server: FaultyServer, tmp_path: Path, form: Sequence[str]) -> None:
    """The good targets run and are shown; what is wrong with the others follows, with exit code 2."""
    wrong = [{"name": "a", "endpoint": "h", "auth_mode": "x"}, {"name": "b", "endpoint": "https://h"}, 3]
    document = _document(tmp_path, *_entries(server, "healthy"), *wrong)
    done = _run("connect", "--targets", document, *form)
    assert (done.returncode, "healthy" in done.stdout) == (2, True)
    assert [line.split(" is ")[0] for line in done.stderr.splitlines()] == [
        "connect-canary: targets[1].auth_mode",
        "connect-canary: targets[2].endpoint",
        "connect-canary: targets[3]",
    ]


def test_check_lists_targets_and_connects_to_nothing(server: FaultyServer, tmp_path: Path) -> None:
    """What would run, with secrets masked."""
    entry = {**_entries(server, "upgrade-silent")[0], "auth_mode": "custom-unsigned", "authorizer_password": "hidden"}
    document = _document(tmp_path, entry)
    before = server.seen("upgrade-silent")["connections"]
    plain, as_json = _run("check", "--targets", document), _run("check", "--targets", document, "--json")
    assert (plain.returncode, as_json.returncode) == (0, 0)
    assert "1 target can be used; nothing was connected to" in plain.stdout
    answer = json.loads(as_json.stdout)
    assert (answer["dry_run"], answer["targets"][0]["authorizer_password"]) == (True, "***")
    assert "hidden" not in plain.stdout + as_json.stdout
    assert server.seen("upgrade-silent")["connections"] == before


# -- invalid arguments ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "environ", "messages"),
    [
        (["--auth_mode", "foo"], {}, ["--auth_mode is 'foo'; allowed: sigv4, "]),
        ([], {"CANARY_AUTH_MODE": "foo"}, ["CANARY_AUTH_MODE is 'foo'; allowed: sigv4, "]),
        ([], {"CANARY_AUTH_MOD": "foo"}, ["CANARY_AUTH_MOD is not a setting; did you mean CANARY_AUTH_MODE?"]),
        (["--only", "prod"], {}, ["--only names 'prod', which is no target; allowed: default"]),
        (["--ca_file", "/nowhere"], {}, ["--ca_file is '/nowhere'"]),
        (["--endpoint", "wss://h", "--expect", "no"], {}, ["--endpoint is 'wss://h'", "--expect is 'no'"]),
        (["--auth_mode", "sigv4-static"], {}, ["CANARY_ACCESS_KEY_ID is not set", "CANARY_SECRET_ACCESS_KEY is not"]),
        (["--targets", "{}"], {}, ["--targets is '***'; a document that may hold secrets must not be an argument"]),
        (["--targets", "-"], {}, ["--targets is read from standard input, which holds nothing"]),
        (["--nope"], {}, ["--nope is not a flag of connect"]),
        (["--json", "--mqtt_version", "4"], {}, ["--mqtt_version is '4'; allowed: 5, 3.1.1"]),
        ([], {"HTTPS_PROXY": "ftp://h"}, ["HTTPS_PROXY is '***'"]),
    ],
)
def test_wrong_question_gets_sentences(
    arguments: Sequence[str], environ: Mapping[str, str], messages: Sequence[str]
) -> None:
    """Each names what was written as it was written; exit code 2, nothing on standard output."""
    endpoint = [] if "--endpoint" in arguments else ["--endpoint", "localhost:1"]
    done = _run("connect", *endpoint, *arguments, environ=environ)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == len(messages)
    assert all(f"connect-canary: {sentence}" in done.stderr for sentence in messages)


def test_endpoint_that_nobody_gave() -> None:
    """It is requested from AWS IoT, and the sentence names the flag when that fails."""
    done = _run("connect", environ={"AWS_ENDPOINT_URL_IOT": "http://127.0.0.1:1"})
    assert done.returncode == 2
    assert "connect-canary: --endpoint is not set, and iot:DescribeEndpoint failed: " in done.stderr


def test_package_that_is_missing() -> None:
    """A sentence says how to get it; not needed with --json."""
    script = "import sys; sys.modules['rich'] = None; from connect_canary.cli.main import main; sys.exit(main())"
    commands = [[sys.executable, "-c", script, "check", "--endpoint", "localhost", *form] for form in ([], ["--json"])]
    without, with_json = (
        subprocess.run(command, env=AROUND, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        for command in commands
    )
    assert (without.returncode, with_json.returncode) == (2, 0)
    assert "rich is needed for this and not installed: pip install iot-connect-canary" in without.stderr


def test_output_that_cannot_be_written(server: FaultyServer) -> None:
    """A full disk or a closed pipe is reported as such, without a traceback, and is not an unhealthy target."""
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            _command(*_at(server, "healthy")), env=AROUND, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (3, "connect-canary: the system cannot go on: No space left on device\n")
    ours, theirs = os.pipe()
    os.close(ours)
    with open(theirs, "w", encoding="utf-8") as stdout:  # noqa: PTH123 - a descriptor
        done = subprocess.run(
            _command(*_at(server, "healthy")), env=AROUND, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (141, "")


# -- many runs -----------------------------------------------------------------------------------------------------


def test_many_runs_are_summed_up(server: FaultyServer, tmp_path: Path) -> None:
    """How often, how fast, and failures by name."""
    document = _document(tmp_path, *_entries(server, "healthy", "http-403"))
    done = _run("connect", "--targets", document, "--repeat", "3", "--interval", "0")
    assert (done.returncode, done.stderr) == (1, "")
    assert re.search(r"^healthy +3 of 3( +[0-9.]+ ms){3}$", done.stdout, re.MULTILINE)
    assert re.search(r"^http-403 +0 of 3 +- +- +-$", done.stdout, re.MULTILINE)
    assert len(re.findall(r"^run \d +http-403 +UpgradeForbidden ", done.stdout, re.MULTILINE)) == 3
    assert "\nUpgradeForbidden x 3  http-403\n" in done.stdout
    assert not {"\x1b", "\r"} & set(done.stdout)


def test_many_runs_as_json_are_lines(server: FaultyServer) -> None:
    """Each of them is one return value."""
    done = _run(*_at(server, "healthy", "--repeat", "2", "--interval", "0", "--json"))
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, [answer["healthy"] for answer in answers]) == (0, [True, True])
    assert len({answer["targets"][0]["client_id"] for answer in answers}) == 2


def test_fixed_client_id_connects_once_a_second(server: FaultyServer) -> None:
    """AWS IoT takes no more, whatever the interval."""
    began = time.monotonic()
    done = _run(*_at(server, "healthy", "--client_id", "test-one", "--repeat", "3", "--interval", "0"))
    assert done.returncode == 0
    assert time.monotonic() - began > 2


# -- a terminal ----------------------------------------------------------------------------------------------------


class _Terminal:
    """A command on a terminal of 80 columns; a context manager that leaves no process behind."""

    def __init__(self, *arguments: str, **environ: str) -> None:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))
        self._ours, self.screen = ours, ""
        self._process = subprocess.Popen(
            _command(*arguments),
            env={**AROUND, "TERM": "xterm-256color", **environ},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)

    def wait_for(self, text: str) -> None:
        """Read until `text` is shown."""
        deadline = time.monotonic() + DEADLINE_S
        while text not in self.screen and self._read(deadline):
            pass
        assert text in self.screen

    def end(self) -> int:
        """Read to the end and return the exit code."""
        deadline = time.monotonic() + DEADLINE_S
        while self._read(deadline):
            pass
        return self._process.wait(DEADLINE_S)

    def interrupt(self) -> None:
        """Do what Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)

    def type(self, text: str) -> None:
        """Type a line."""
        os.write(self._ours, f"{text}\n".encode())

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._ours], [], [], max(deadline - time.monotonic(), 0))
        data = b""
        # Linux reports the close of a terminal's other side as an error.
        with contextlib.suppress(OSError):
            data = os.read(self._ours, 65536) if ready else b""
        self.screen += data.decode(errors="replace")
        return bool(data)


def test_terminal_has_colour_and_a_live_line(server: FaultyServer) -> None:
    """The live line is gone when the outcome is there."""
    with _Terminal(*_at(server, "http-403")) as terminal:
        assert terminal.end() == 1
    assert "connecting: 0 of 1 target done" in terminal.screen
    assert re.search(r"\x1b\[[0-9;]*31munhealthy", terminal.screen)
    assert "done" not in terminal.screen.rpartition("\r ")[2]


def test_terminal_without_colour(server: FaultyServer) -> None:
    """NO_COLOR leaves bold and dim at most (no-color.org)."""
    with _Terminal(*_at(server, "http-403"), NO_COLOR="1") as terminal:
        assert terminal.end() == 1
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", terminal.screen)


def test_terminal_that_is_dumb(server: FaultyServer) -> None:
    """It gets text and nothing else."""
    with _Terminal(*_at(server, "healthy"), TERM="dumb") as terminal:
        assert terminal.end() == 0
    assert "\x1b" not in terminal.screen
    assert "connecting" not in terminal.screen


def test_interrupted_runs_are_summed_up(server: FaultyServer) -> None:
    """Ctrl-C between runs ends with what there is."""
    with _Terminal(*_at(server, "healthy", "--repeat", "1000", "--interval", "30")) as terminal:
        terminal.wait_for("run 1 of 1000  1 healthy  0 failed")
        terminal.interrupt()
        assert terminal.end() == 0
    assert "1 run in " in terminal.screen
    assert "1 of 1" in terminal.screen
    assert "Traceback" not in terminal.screen


def test_interrupted_before_there_is_an_outcome(server: FaultyServer) -> None:
    """Ctrl-C within the only run is reported at once and without a traceback."""
    before = server.seen("upgrade-silent")["connections"]
    with _Terminal(*_at(server, "upgrade-silent", "--timeout_seconds", "300")) as terminal:
        terminal.wait_for("connecting: 0 of 1")
        while server.seen("upgrade-silent")["connections"] == before:
            time.sleep(0.05)
        terminal.interrupt()
        assert terminal.end() == 130
    assert terminal.screen.endswith("interrupted\r\n")
    assert "Traceback" not in terminal.screen


def test_terminal_asks_for_a_secret_unseen(server: FaultyServer) -> None:
    """What is typed is not shown."""
    mode = ["--auth_mode", "custom-unsigned", "--authorizer_username", "typed", "--authorizer_password", "-"]
    with _Terminal(*_at(server, "healthy", *mode)) as terminal:
        terminal.wait_for("authorizer_password: ")
        terminal.type(SECRETS["authorizer_password"])
        assert terminal.end() == 0
    assert SECRETS["authorizer_password"] not in terminal.screen
    assert server.seen("healthy")["clients"][-1]["password"] == SECRETS["authorizer_password"].encode().hex()
