"""A device with the AWS IoT Device SDK for Node.js in front of the local AWS, in each way to authenticate."""

import base64
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import quote

import pytest

from connect_canary.model.mqtt import MqttVersion
from infra.local.client.local_aws import LocalAws
from infra.local.demo.demo_targets import (
    AUTHORIZER_STACK,
    TOKEN_KEY_NAME,
    USERNAME,
    DemoSecrets,
    DemoTargets,
    set_up,
)
from tests.foreign.canary import every_version
from tests.foreign.node_packages import Device, connect_all, node_with
from tests.local.targets import sign

_UPGRADE_REFUSED = "AWS_ERROR_HTTP_WEBSOCKET_UPGRADE_FAILURE"
# What the SDK says of CONNACK 135 in MQTT 5, and of 5 in MQTT 3.1.1, whose code it hides.
_NOT_AUTHORIZED: Mapping[str, str] = {
    MqttVersion.V5: "AWS_ERROR_MQTT5_CONNACK_CONNECTION_REFUSED",
    MqttVersion.V3_1_1: "AWS_ERROR_MQTT_PROTOCOL_ERROR",
}


def _static(demo: DemoTargets, secret: str | None = None) -> Device:
    key = demo.static_key
    return {
        "staticKey": {
            "accessKeyId": key["access_key_id"],
            "secretAccessKey": secret or key["secret_access_key"],
        }
    }


def _unsigned(secrets: DemoSecrets, password: bytes | None = None) -> Device:
    password = password or secrets.password
    return {
        "authorizer": {
            "name": f"{AUTHORIZER_STACK}-unsigned",
            "username": USERNAME,
            "password": base64.b64encode(password).decode(),
        }
    }


def _signed(secrets: DemoSecrets, signed: str | None = None) -> Device:
    return {
        "authorizer": {
            "name": f"{AUTHORIZER_STACK}-signed",
            "tokenKeyName": TOKEN_KEY_NAME,
            "tokenValue": quote(secrets.token, safe=""),
            # Encoded, as the SDK's samples ask for: its MQTT 5 builder for WebSockets sends it as it is.
            "tokenSignature": quote(sign(signed or secrets.token, secrets.signing_key.private), safe=""),
        }
    }


RIGHT: Mapping[str, Callable[[DemoTargets, DemoSecrets], Device]] = {
    "default": lambda _demo, _secrets: {},
    "static": lambda demo, _secrets: _static(demo),
    "unsigned": lambda _demo, secrets: _unsigned(secrets),
    "signed": lambda _demo, secrets: _signed(secrets),
}
WRONG: Mapping[str, Callable[[DemoTargets, DemoSecrets], Device]] = {
    "static": lambda demo, _secrets: _static(demo, "w" * 40),
    "unsigned": lambda _demo, secrets: _unsigned(secrets, b"wrong"),
    "signed": lambda _demo, secrets: _signed(secrets, "another token"),
}
# The SDK's sample for custom authorizers in MQTT 3.1.1, which signs its upgrade too.
SAMPLE: Mapping[str, Callable[[DemoSecrets], Device]] = {
    "right": lambda secrets: _unsigned(secrets) | {"signsToo": True},
    "wrong": lambda secrets: _unsigned(secrets, b"wrong") | {"signsToo": True},
}


@pytest.fixture(scope="module")
def outcomes() -> Iterator[dict[str, str | None]]:
    """What became of every device, from one process of Node: None, or the SDK's error."""
    node = node_with("aws-iot-device-sdk-v2")
    secrets = DemoSecrets()
    with LocalAws.start() as aws:
        demo = set_up(aws, "node-devices", secrets)
        # The authorizer has 5 s, which its first start can take on a busy machine.
        (function,) = aws.client("lambda").list_functions()["Functions"]
        aws.invoke(function["FunctionName"], {})
        devices = {
            f"{kind}-{mode}-{version}": make(demo, secrets) | {"version": version}
            for kind, table in (("right", RIGHT), ("wrong", WRONG))
            for mode, make in table.items()
            for version in MqttVersion
        }
        devices |= {f"sample-{kind}": make(secrets) | {"version": "3.1.1"} for kind, make in SAMPLE.items()}
        yield connect_all(node, aws, demo, devices)


@every_version
@pytest.mark.parametrize("mode", RIGHT)
def test_device_with_right_credentials(outcomes: dict[str, str | None], mode: str, version: MqttVersion) -> None:
    """A client of each builder connects and disconnects."""
    assert outcomes[f"right-{mode}-{version}"] is None


@every_version
@pytest.mark.parametrize("mode", WRONG)
def test_device_with_one_credential_wrong(outcomes: dict[str, str | None], mode: str, version: MqttVersion) -> None:
    """A wrong secret key is refused at the upgrade, a wrong password or another token's signature at CONNECT."""
    expected = _UPGRADE_REFUSED if mode == "static" else _NOT_AUTHORIZED[version]
    assert outcomes[f"wrong-{mode}-{version}"] == expected


def test_sample_that_signs_its_upgrade_too(outcomes: dict[str, str | None]) -> None:
    """The authorizer decides: its password lets the client in, and the signature does not replace it."""
    assert outcomes["sample-right"] is None
    assert outcomes["sample-wrong"] == _NOT_AUTHORIZED[MqttVersion.V3_1_1]
