"""A read-only copy of the artifact without privileges, and the endpoints that it connects to."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from infra.invoke.emulator import Emulator, EmulatorError, Invocation, LocalFunction
from infra.invoke.local_endpoint import MODES, ROLE
from infra.invoke.programs import built_artifact, emulator_binary, runtime_python
from tests.faulty.process import FaultyServer

FAULTS = {
    "port-closed": ("tcp", "TcpRefused"),
    "tls-alert": ("tls", "TlsFailed"),
    "certificate-expired": ("tls", "CertificateExpired"),
    "certificate-untrusted": ("tls", "CertificateUntrusted"),
    "certificate-wrong-name": ("tls", "CertificateNameMismatch"),
    "http-403": ("upgrade", "UpgradeForbidden"),
    "http-404": ("upgrade", "UpgradeRejected"),
    "http-429": ("upgrade", "Throttled"),
    "upgrade-garbage": ("upgrade", "UpgradeFailed"),
    "upgrade-silent": ("upgrade", "UpgradeTimedOut"),
    "connack-5-135": ("connack", "NotAuthorized"),
    "connack-4-134": ("connack", "BadCredentials"),
    "connack-3-136": ("connack", "ServerUnavailable"),
    "mqtt-garbage": ("connack", "ProtocolViolated"),
}
# As Lambda's user: no rights of root, not even to write where the modes of files forbid it.
_UNPRIVILEGED = ("setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all")

Invoke = Callable[[Mapping[str, str]], Invocation]


@pytest.fixture(scope="session")
def read_only_artifact() -> Iterator[Path]:
    """A copy of the built artifact that nobody may write to."""
    with tempfile.TemporaryDirectory(prefix="artifact-") as directory:
        copy = Path(directory) / "task"
        shutil.copytree(built_artifact(), copy)
        folders = [copy, *(path for path in copy.rglob("*") if path.is_dir())]
        for path in copy.rglob("*"):
            if path.is_file():
                path.chmod(0o444)
        for folder in folders:
            folder.chmod(0o555)
        yield copy
        for folder in folders:
            folder.chmod(0o755)


@pytest.fixture(scope="session")
def unprivileged() -> tuple[str, ...]:
    """The words that take all privileges from the command after them; root needs them, others have none."""
    if os.geteuid():
        return ()
    if shutil.which(_UNPRIVILEGED[0]) is None:
        pytest.skip("root without setpriv (util-linux) cannot give its privileges up")
    return _UNPRIVILEGED


@pytest.fixture(scope="session")
def python() -> Path:
    """The Python that stands for the runtime's."""
    try:
        return runtime_python()
    except EmulatorError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def python_version(python: Path) -> str:
    """Its version, as `3.13`."""
    command = [str(python), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="session")
def server() -> Iterator[FaultyServer]:
    """The faulty endpoint, with every listener that these tests need."""
    with FaultyServer("healthy", *FAULTS) as running:
        yield running


@pytest.fixture
def start(
    read_only_artifact: Path, unprivileged: tuple[str, ...], python: Path
) -> Iterator[Callable[[Mapping[str, str]], Emulator]]:
    """Start the emulator with variables, until the end of the test."""
    with ExitStack() as stack:

        def start_emulator(environ: Mapping[str, str], *, timeout_s: int = 30) -> Emulator:
            function = LocalFunction(
                artifact=read_only_artifact, python=python, environ={**ROLE, **environ}, timeout_s=timeout_s
            )
            return stack.enter_context(Emulator(function, binary=emulator_binary(), before=unprivileged))

        yield start_emulator


def settings(server: FaultyServer, scenario: str = "healthy", mode: str = "sigv4") -> dict[str, str]:
    """Return the variables of a canary in front of one scenario, in one auth mode."""
    return {
        "CANARY_NAME": "artifact",
        "CANARY_ENDPOINT": f"localhost:{server.port(scenario)}",
        "CANARY_SIGNING_REGION": "eu-west-1",
        "CANARY_CA_FILE": server.ca_file,
        "CANARY_AUTH_MODE": mode,
        **MODES[mode],
    }
