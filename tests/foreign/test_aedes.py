"""Aedes, a broker that speaks MQTT 3.1.1 and no MQTT 5."""

from collections.abc import Iterator, Sequence

import pytest

from connect_canary.model.mqtt import MqttVersion
from tests.faulty.pki import Pki
from tests.foreign.canary import Canary
from tests.foreign.node_packages import NODE_FOLDER, node_with
from tests.foreign.programs import running


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory, pki: Pki) -> Iterator[int]:
    """The port of an aedes with TLS and WebSockets."""
    node = node_with("aedes")
    directory = tmp_path_factory.mktemp("aedes")

    def configure(ports: Sequence[int]) -> list[str]:
        return [node, str(NODE_FOLDER / "aedes.mjs"), str(ports[0]), str(pki.file("good"))]

    with running(configure, directory / "log") as (chosen,):
        yield chosen


def test_client_of_mqtt_311(canary: Canary, port: int) -> None:
    """A client of MQTT 3.1.1 connects and disconnects."""
    outcome = canary.connect(port, version=MqttVersion.V3_1_1)
    assert outcome["healthy"], str(outcome)
    assert outcome["failure"] is None


def test_client_of_mqtt_5(canary: Canary, port: int) -> None:
    """A client of MQTT 5 is refused at the CONNECT, and the hint is the version to try."""
    outcome = canary.connect(port, version=MqttVersion.V5)
    assert (outcome["healthy"], outcome["phase"], outcome["http_status"]) == (False, "connack", 101), outcome
    assert outcome["owner"] == "endpoint's owner"
    assert (outcome["failure"], outcome["connack_code"]) == ("ConnectRefused", 1), outcome
    assert outcome["hint"].startswith("the endpoint speaks no MQTT 5: try mqtt_version 3.1.1")
