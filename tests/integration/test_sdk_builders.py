"""Our clients say to an endpoint what awsiotsdk's own builders make theirs say."""

import asyncio
import concurrent.futures
from typing import Any

import pytest
from awscrt import mqtt5
from awscrt.auth import AwsCredentialsProvider
from awsiot import mqtt5_client_builder, mqtt_connection_builder

from connect_canary.model.mqtt import MqttVersion
from connect_canary.probe.attempt import run_attempt
from connect_canary.run import plan_run
from tests.faulty.process import FaultyServer

_SECONDS = 10
_CLIENT_ID = "test-same"
_KEY_ID, _SECRET_KEY, _TOKEN = "AKIDEXAMPLE", "not-a-secret", "neither/a+token=="
# What differs from one request to the next.
_CHANGING = ("X-Amz-Date=", "X-Amz-Signature=")

# What the SDK adds to its user name where it goes through a proxy, which the tunnel is.
_THROUGH_A_PROXY = ",H/A"


def _from_builder(version: MqttVersion, **arguments: Any) -> None:
    arguments |= {
        "endpoint": "localhost",
        "region": "eu-west-1",
        "client_id": _CLIENT_ID,
        "credentials_provider": AwsCredentialsProvider.new_static(_KEY_ID, _SECRET_KEY, _TOKEN),
    }
    if version is MqttVersion.V3_1_1:
        connection = mqtt_connection_builder.websockets_with_default_aws_signing(clean_session=True, **arguments)
        connection.connect().result(_SECONDS)
        connection.disconnect().result(_SECONDS)
        return
    connected: concurrent.futures.Future[None] = concurrent.futures.Future()
    stopped: concurrent.futures.Future[None] = concurrent.futures.Future()
    client = mqtt5_client_builder.websockets_with_default_aws_signing(
        on_lifecycle_connection_success=lambda _: connected.set_result(None),
        on_lifecycle_stopped=lambda _: stopped.set_result(None),
        **arguments,
    )
    client.start()
    connected.result(_SECONDS)
    client.stop(mqtt5.DisconnectPacket())
    stopped.result(_SECONDS)


def _ours(version: MqttVersion, port: int, ca_file: str) -> None:
    environ = {
        "CANARY_ENDPOINT": f"localhost:{port}",
        "CANARY_CA_FILE": ca_file,
        "CANARY_CLIENT_ID": _CLIENT_ID,
        "CANARY_MQTT_VERSION": version,
        "CANARY_AUTH_MODE": "sigv4-static",
        "CANARY_ACCESS_KEY_ID": _KEY_ID,
        "CANARY_SECRET_ACCESS_KEY": _SECRET_KEY,
        "CANARY_SESSION_TOKEN": _TOKEN,
        "AWS_REGION": "eu-west-1",
    }
    (planned,) = plan_run({}, environ).planned
    assert asyncio.run(run_attempt(planned.target, timeout_s=_SECONDS)).healthy


def _comparable(request: dict[str, Any]) -> tuple[list[str], dict[str, str]]:
    path, _, query = request["target"].partition("?")
    signed = [field for field in query.split("&") if not field.startswith(_CHANGING)]
    headers = {name.lower(): value for name, value in request["headers"].items()}
    headers["sec-websocket-key"] = str(len(headers["sec-websocket-key"]))
    return [path, *sorted(signed)], headers


@pytest.mark.parametrize("version", list(MqttVersion))
def test_endpoint_sees_the_same_from_us_and_from_the_builders(version: MqttVersion) -> None:
    """The same upgrade request, signed the same way, and the same CONNECT to the last field."""
    with FaultyServer("healthy") as server:
        port = server.port("healthy")
        _from_builder(version, port=port, ca_filepath=server.ca_file)
        _ours(version, port, server.ca_file)
        seen = server.seen("healthy")
    theirs, ours = map(_comparable, seen["requests"])
    assert ours == theirs
    their_connect, our_connect = seen["clients"]
    assert our_connect["username"].count(_THROUGH_A_PROXY) == 1
    assert our_connect | {"username": our_connect["username"].replace(_THROUGH_A_PROXY, "")} == their_connect
