"""What a device's MQTT 5 client learns from the CONNACK of the local AWS, as the SDK reads it."""

import pytest
from awscrt import mqtt5
from awscrt.auth import AwsCredentialsProvider

from infra.local.client.local_aws import LocalAws
from infra.local.server.mqtt import read_properties
from tests.local.mqtt_client import (
    MQTT_5,
    connack_code,
    connect_packet,
    frame,
    open_websocket,
    read_packet,
    read_status,
)
from tests.local.sdk_clients import Arguments, connect_5, signing
from tests.local.signer import Signer, user


@pytest.fixture(scope="module")
def signer(aws: LocalAws) -> Signer:
    """A user who may connect with every client id."""
    return user(aws, "connack", ("Allow", "iot:Connect", "*"))


@pytest.fixture(scope="module")
def arguments(signer: Signer) -> Arguments:
    """A client of that user."""
    return signing(AwsCredentialsProvider.new_static(signer.key.access_key_id, signer.key.secret_access_key))


def test_properties_of_an_accepted_client(aws: LocalAws, arguments: Arguments) -> None:
    """The limits and features are those that AWS IoT Core documents."""
    connack, settings = connect_5(aws, "test-connack", arguments)
    assert connack.reason_code == mqtt5.ConnectReasonCode.SUCCESS
    assert (connack.receive_maximum, connack.topic_alias_maximum) == (100, 8)
    assert (connack.maximum_qos, connack.maximum_packet_size) == (mqtt5.QoS.AT_LEAST_ONCE, 128 * 1024)
    assert (connack.retain_available, connack.wildcard_subscriptions_available) == (True, True)
    assert (connack.subscription_identifiers_available, connack.shared_subscription_available) == (False, None)
    assert settings.shared_subscriptions_available is True
    assert (connack.session_expiry_interval_sec, connack.assigned_client_identifier) == (None, None)
    assert settings.client_id == "test-connack"


def test_client_without_an_id(aws: LocalAws, signer: Signer) -> None:
    """It is assigned one. The SDK makes one up instead, so the CONNECT is written here."""
    connection = open_websocket(aws, f"/mqtt?{signer.query(aws.iot_endpoint)}")
    with connection, connection.makefile("rb") as stream:
        assert read_status(stream) == 101
        connection.sendall(frame(connect_packet(MQTT_5, "")))
        connack = read_packet(stream)
    assert connack_code(connack) == 0
    assert len(read_properties(connack[5:])[0x12]) > 0


@pytest.mark.parametrize(("asked_s", "assigned_s"), [(45, 45), (6000, 1200)])
def test_keep_alive(aws: LocalAws, arguments: Arguments, asked_s: int, assigned_s: int) -> None:
    """The server assigns at most 20 minutes."""
    packet = mqtt5.ConnectPacket(keep_alive_interval_sec=asked_s, client_id="test-keep-alive")
    connack, settings = connect_5(aws, "", arguments, packet)
    assert (connack.server_keep_alive_sec, settings.server_keep_alive_sec) == (assigned_s, assigned_s)


@pytest.mark.parametrize(("asked_s", "told_s"), [(600, None), (86_400, 3600)])
def test_session_expiry(aws: LocalAws, arguments: Arguments, asked_s: int, told_s: int | None) -> None:
    """The server tells a session expiry that it cuts down to an hour."""
    packet = mqtt5.ConnectPacket(
        keep_alive_interval_sec=60, client_id="test-session", session_expiry_interval_sec=asked_s
    )
    connack, _ = connect_5(aws, "", arguments, packet)
    assert connack.session_expiry_interval_sec == told_s
