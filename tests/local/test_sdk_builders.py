"""A device that uses awsiotsdk's own builders, in each way to authenticate that they offer."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import pytest
from awscrt.auth import AwsCredentialsProvider

from infra.local.demo.demo_targets import AUTHORIZER_STACK, TOKEN_KEY_NAME, USERNAME
from tests.local.deployed import DeployedCanary
from tests.local.mqtt_client import MQTT_5
from tests.local.sdk_clients import Arguments, error_name, signing
from tests.local.targets import sign

_UPGRADE_REFUSED = "AWS_ERROR_HTTP_WEBSOCKET_UPGRADE_FAILURE"
# What the SDK says of CONNACK 135 in MQTT 5, and of 5 in MQTT 3.1.1, whose code it hides.
_NOT_AUTHORIZED = {5: "AWS_ERROR_MQTT5_CONNACK_CONNECTION_REFUSED", 4: "AWS_ERROR_MQTT_PROTOCOL_ERROR"}
_WRONG = {"secret_access_key": "w" * 40, "password": b"wrong", "signed": "another token"}


def _default(canary: DeployedCanary, **changes: Any) -> Arguments:
    with pytest.MonkeyPatch.context() as environ:
        for name, value in {**canary.demo.static_key, **changes}.items():
            environ.setenv(f"AWS_{name.upper()}", value)
        environ.delenv("AWS_SESSION_TOKEN", raising=False)
        provider = AwsCredentialsProvider.new_default_chain()
        # The chain reads the environment at its first use, and keeps what it has read.
        provider.get_credentials().result(30)
    return signing(provider)


def _static(canary: DeployedCanary, **changes: Any) -> Arguments:
    key = {**canary.demo.static_key, **changes}
    return signing(AwsCredentialsProvider.new_static(key["access_key_id"], key["secret_access_key"]))


def _unsigned(canary: DeployedCanary, password: bytes | None = None) -> Arguments:
    return {
        "auth_authorizer_name": f"{AUTHORIZER_STACK}-unsigned",
        "auth_username": USERNAME,
        "auth_password": password or canary.secrets.password,
    }


def _signed(canary: DeployedCanary, signed: str | None = None) -> Arguments:
    token = canary.secrets.token
    return {
        "auth_authorizer_name": f"{AUTHORIZER_STACK}-signed",
        "auth_username": "",
        "auth_token_key_name": TOKEN_KEY_NAME,
        # The builder encodes the signature, and leaves it to its caller to encode the token.
        "auth_token_value": quote(token, safe=""),
        "auth_authorizer_signature": sign(signed or token, canary.secrets.signing_key.private),
    }


MODES: Mapping[str, tuple[Callable[..., Arguments], str]] = {
    "default": (_default, "secret_access_key"),
    "static": (_static, "secret_access_key"),
    "unsigned": (_unsigned, "password"),
    "signed": (_signed, "signed"),
}


@pytest.mark.parametrize("mode", MODES)
def test_device_with_right_credentials(canary: DeployedCanary, mode: str, version: int) -> None:
    """A client of each builder connects and disconnects."""
    make, _ = MODES[mode]
    assert error_name(canary.aws, version, f"test-builder-{mode}-{version}", make(canary)) is None


@pytest.mark.parametrize("mode", MODES)
def test_device_with_one_credential_wrong(canary: DeployedCanary, mode: str, version: int) -> None:
    """A wrong secret key is refused at the upgrade, a wrong password or another token's signature at CONNECT."""
    make, secret = MODES[mode]
    arguments = make(canary, **{secret: _WRONG[secret]})
    name = error_name(canary.aws, version, f"test-builder-{mode}-{version}", arguments)
    expected = _UPGRADE_REFUSED if secret == "secret_access_key" else _NOT_AUTHORIZED[version]
    assert name == expected


def test_device_outside_the_prefix(canary: DeployedCanary, version: int) -> None:
    """The policy denies another client id: the MQTT 3.1.1 client sees only that the connection ends."""
    name = error_name(canary.aws, version, "other-builder", _static(canary))
    assert name == (_NOT_AUTHORIZED[MQTT_5] if version == MQTT_5 else "AWS_ERROR_MQTT_UNEXPECTED_HANGUP")
