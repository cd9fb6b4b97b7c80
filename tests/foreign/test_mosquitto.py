"""Mosquitto with TLS and WebSockets: who it lets in, and how it turns a client away."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from connect_canary.model.mqtt import MqttVersion
from tests.faulty.pki import Pki
from tests.foreign.canary import Canary, every_version
from tests.foreign.programs import LOOPBACK, program, running

USERNAME, PASSWORD = "device", "right password"
PREFIX = "test-"


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory, pki: Pki) -> Iterator[tuple[int, int]]:
    """A mosquitto whose first port takes everybody, its second one user."""
    mosquitto, passwd = program("mosquitto"), program("mosquitto_passwd")
    directory = tmp_path_factory.mktemp("mosquitto")
    passwords = directory / "passwords"
    passwords.touch(mode=0o600)
    subprocess.run([passwd, "-b", passwords, USERNAME, PASSWORD], check=True, capture_output=True)

    def configure(chosen: Sequence[int]) -> list[str]:
        path = directory / "mosquitto.conf"
        path.write_text(_configuration(chosen, pki.file("good"), passwords))
        return [mosquitto, "-c", str(path)]

    with running(configure, directory / "log", ports=3) as (anyone, one_user, _unused):
        yield anyone, one_user


def _configuration(ports: Sequence[int], identity: Path, passwords: Path) -> str:
    # As root it would become a user that cannot read the test's files.
    lines = ["user root"] if os.geteuid() == 0 else []
    # Mosquitto 2.0.11 does not start with WebSockets alone, nor keep to the address unless it is told IPv4.
    lines += ["per_listener_settings true", f"clientid_prefixes {PREFIX}", f"listener {ports[2]} {LOOPBACK}"]
    for port, rule in zip(ports, ("allow_anonymous true", "allow_anonymous false"), strict=False):
        lines += [f"listener {port} {LOOPBACK}", "socket_domain ipv4", "protocol websockets", rule]
        lines += [f"certfile {identity}", f"keyfile {identity}"]
    return "\n".join([*lines, f"password_file {passwords}", ""])


@every_version
def test_client_is_accepted(canary: Canary, ports: tuple[int, int], version: MqttVersion) -> None:
    """A client connects and disconnects, without a user and with the right password."""
    anyone, one_user = ports
    for outcome in (
        canary.connect(anyone, version=version),
        canary.connect_as(USERNAME, PASSWORD, one_user, version),
    ):
        assert outcome["healthy"], str(outcome)
        assert outcome["failure"] is None
        assert outcome["phases_ms"].keys() == {"dns", "tcp", "tls", "upgrade", "connack"}


@every_version
@pytest.mark.parametrize(
    ("username", "password"), [(USERNAME, "wrong"), ("nobody", PASSWORD)], ids=["password", "username"]
)
def test_bad_credentials(
    canary: Canary, ports: tuple[int, int], version: MqttVersion, username: str, password: str
) -> None:
    """A wrong password or an unknown user is refused with a CONNACK; mosquitto says for both: not authorized."""
    outcome = canary.connect_as(username, password, ports[1], version)
    code = 135 if version is MqttVersion.V5 else 5
    assert (outcome["failure"], outcome["connack_code"], outcome["phase"]) == ("NotAuthorized", code, "connack")
    assert outcome["owner"] == "authorizer's owner"


@every_version
def test_client_id_is_not_authorized(canary: Canary, ports: tuple[int, int], version: MqttVersion) -> None:
    """A client id outside the prefix is refused with a CONNACK."""
    outcome = canary.connect(ports[0], version=version, client_id_prefix="other-")
    code = 135 if version is MqttVersion.V5 else 5
    assert (outcome["failure"], outcome["connack_code"]) == ("NotAuthorized", code)
    assert (outcome["http_status"], outcome["owner"]) == (101, "IAM team")
