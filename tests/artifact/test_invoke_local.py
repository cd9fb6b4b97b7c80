"""`make invoke-local`: what it prints, its exit codes, and what it refuses before it runs anything."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.invoke.emulator import Invocation
from infra.invoke.env_file import EnvFileError, declared_variables, read_env_file
from infra.invoke.report import exit_code, report_lines
from tests.template.cloudformation import ROOT
from tests.template.sam_tools import run_tool

TEMPLATE = ROOT / ".aws-sam" / "build" / "template.yaml"


def _invoke_local(*arguments: str) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CANARY_"))}
    return subprocess.run(
        [sys.executable, "-m", "infra.invoke.main", *arguments],
        cwd=ROOT,
        env={**own, "HOME": "/nowhere", "AWS_EC2_METADATA_DISABLED": "true"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_healthy() -> None:
    """A line for the target, Lambda's REPORT line, exit code 0."""
    done = _invoke_local("--mode", "custom-signed")
    assert done.returncode == 0, done.stderr
    target, report = done.stdout.splitlines()
    assert target.startswith("default (custom-signed, MQTT 5): healthy, connected in ")
    assert report.startswith("REPORT RequestId: ")


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        (
            "certificate-expired",
            "CertificateExpired in phase tls (endpoint's owner): the certificate of localhost expired",
        ),
        ("name-unknown", "DnsFailed in phase dns (network team): endpoint.invalid does not resolve"),
        ("proxy-407", "ProxyAuthRequired in phase proxy (canary's owner): egress proxy 127.0.0.1:"),
        ("proxy-name-unknown", "ProxyUnreachable in phase proxy (proxy's owner): egress proxy proxy.invalid does not"),
    ],
)
def test_fault(fault: str, line: str) -> None:
    """Failure, phase, owner and reason in a line, exit code 1; egress proxies too."""
    done = _invoke_local("--fault", fault)
    assert done.returncode == 1, done.stderr
    assert line in done.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--fault", "nonsense"), "nonsense is no scenario; known: "),
        (("--mode", "nonsense"), "invalid choice: 'nonsense'"),
        (("--event", "nowhere.json"), "nowhere.json: No such file or directory"),
        (("--env", "events/env.example.json", "--fault", "healthy"), "leave MODE and FAULT out, or ENV"),
    ],
    ids=["fault", "mode", "event", "both"],
)
def test_invalid(arguments: tuple[str, ...], sentence: str) -> None:
    """One sentence, exit code 2."""
    done = _invoke_local(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_misspelt_name(tmp_path: Path) -> None:
    """It is refused before the run: sam would drop it, and run with the default."""
    path = tmp_path / "env.json"
    path.write_text('{"CanaryFunction": {"CANARY_ENDPIONT": "localhost"}}')
    done = _invoke_local("--env", str(path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "declares no variable CANARY_ENDPIONT; did you mean CANARY_ENDPOINT?" in done.stderr


def test_credentials_missing() -> None:
    """The example's target needs AWS credentials: the failure is named, and how to pass them."""
    done = _invoke_local("--env", "events/env.example.json")
    assert done.returncode == 1, done.stderr
    assert "CredentialsUnavailable in phase credentials" in done.stdout
    assert "AWS_PROFILE" in done.stderr


def test_docker_that_does_not_run(tmp_path: Path) -> None:
    """A sentence that says how to do without it, exit code 3."""
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\nexit 1\n")
    docker.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        done = _invoke_local("--docker")
    assert done.returncode == 3
    assert done.stderr.strip() == "Docker is needed and does not run here; leave DOCKER=1 out to do without."


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "is no JSON"),
        ("[]", "must be"),
        ('{"CanaryFuncton": {}}', "must be"),
        ('{"CanaryFunction": {}, "Other": {}}', "name no other function"),
        ('{"CanaryFunction": {"CANARY_TIMEOUT_SECONDS": 5}}', "CANARY_TIMEOUT_SECONDS must be a text"),
        ('{"CanaryFunction": {"AWS_ENDPOINT_URL": "x"}}', "declares no variable AWS_ENDPOINT_URL"),
    ],
)
def test_file_of_variables_that_cannot_be_used(tmp_path: Path, text: str, sentence: str) -> None:
    """Each fault is a sentence that names the file."""
    path = tmp_path / "env.json"
    path.write_text(text)
    with pytest.raises(EnvFileError, match=sentence) as raised:
        read_env_file(path, declared_variables(TEMPLATE))
    assert str(path) in str(raised.value)


@pytest.mark.parametrize(
    ("response", "code"),
    [
        ({"healthy": True, "targets": []}, 0),
        ({"healthy": False, "targets": []}, 1),
        ({"dry_run": True, "targets": []}, 0),
        ({"errorType": "SettingsError", "errorMessage": "CANARY_MQTT_VERSION"}, 2),
        ({"errorType": "ExceptionGroup", "errorMessage": "the canary itself failed"}, 3),
        ("Task timed out after 3.00 seconds", 3),
    ],
)
def test_exit_codes(response: object, code: int) -> None:
    """They are those of connect-canary."""
    assert exit_code(Invocation(response=response, output="", wall_ms=1.0)) == code


def test_control_characters_do_not_reach_the_terminal() -> None:
    """A reason may hold what an endpoint has sent."""
    error = {"errorType": "SettingsError", "errorMessage": "\x1b[2J\nall is well"}
    assert list(report_lines(Invocation(response=error, output="", wall_ms=1.0))) == ["SettingsError: ?[2J?all is well"]


def test_sam_local_invoke_takes_the_example() -> None:
    """`sam local invoke` reads samconfig.toml, template, event and the ignored file; Docker is all that it lacks."""
    assert json.loads((ROOT / "events" / "env.json").read_text()).keys() == {"CanaryFunction"}
    ignored = subprocess.run(["git", "check-ignore", "--quiet", "events/env.json"], cwd=ROOT, check=False)
    assert ignored.returncode == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
        done = run_tool("sam", "local", "invoke", "CanaryFunction")
    assert done.returncode != 0
    assert "Invoking connect_canary.handler.lambda_handler (python3.13)" in done.stderr or "ontainer" in done.stderr
