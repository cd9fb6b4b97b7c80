"""`make invoke-local DOCKER=1`: the built artifact in AWS's runtime image, through `sam local invoke`."""

import os
import subprocess
import sys

import pytest

from tests.foreign.programs import program
from tests.template.cloudformation import ROOT

SECONDS = 300


@pytest.fixture(scope="module", autouse=True)
def engine() -> None:
    """Skip where no engine of Docker runs."""
    done = subprocess.run([program("docker"), "info"], capture_output=True, check=False, timeout=SECONDS)
    if done.returncode:
        pytest.skip("no engine of Docker runs")


def _invoke(*arguments: str) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CANARY_"))}
    command = [sys.executable, "-m", "infra.invoke.main", "--docker", *arguments]
    return subprocess.run(command, cwd=ROOT, env=own, capture_output=True, text=True, check=False, timeout=SECONDS)


@pytest.mark.parametrize("mode", ["sigv4", "sigv4-static", "custom-unsigned", "custom-signed"])
def test_healthy(mode: str) -> None:
    """The container reaches the endpoint on this machine, in each auth mode: exit code 0."""
    done = _invoke("--mode", mode)
    assert done.returncode == 0, done.stderr
    target, report = done.stdout.splitlines()
    assert target.startswith(f"default ({mode}, MQTT 5): healthy, connected in ")
    assert report.startswith("REPORT RequestId: ")


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        ("name-unknown", "DnsFailed in phase dns (network team): endpoint.invalid does not resolve"),
        ("proxy-407", "ProxyAuthRequired in phase proxy (canary's owner): egress proxy "),
        ("port-closed", "TcpRefused in phase tcp (network team): "),
        (
            "certificate-expired",
            "CertificateExpired in phase tls (endpoint's owner): the certificate of endpoint.test ",
        ),
        ("http-403", "UpgradeForbidden in phase upgrade (IAM team): HTTP 403 to the WebSocket upgrade"),
        ("upgrade-silent", "UpgradeTimedOut in phase upgrade (endpoint's owner): no answer"),
        ("connack-5-135", "NotAuthorized in phase connack (IAM team): CONNACK 135"),
    ],
)
def test_fault(fault: str, line: str) -> None:
    """The failure is named as without Docker: exit code 1."""
    done = _invoke("--fault", fault)
    assert done.returncode == 1, done.stderr
    assert line in done.stdout
