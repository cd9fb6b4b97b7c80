"""Clients from awsiotsdk's own builders, as a device would use them, with what the local AWS says to each."""

import concurrent.futures
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from awscrt import mqtt5
from awscrt.auth import AwsCredentialsProvider
from awscrt.exceptions import AwsCrtError
from awsiot import mqtt5_client_builder, mqtt_connection_builder

from infra.local.client.local_aws import LocalAws
from infra.local.client.process import REGION
from tests.local.mqtt_client import MQTT_5

_SECONDS = 30
_CONNACK_MS = 20_000
_CLEANLY = mqtt5.DisconnectPacket(reason_code=mqtt5.DisconnectReasonCode.NORMAL_DISCONNECTION)

# A builder's keyword arguments beyond those of the endpoint.
Arguments: TypeAlias = Mapping[str, Any]
Connack: TypeAlias = mqtt5.ConnackPacket


def connect(aws: LocalAws, version: int, client_id: str, arguments: Arguments) -> None:
    """Connect and disconnect with a client of the builder that `arguments` are for; raise the SDK's error."""
    if version == MQTT_5:
        connect_5(aws, client_id, arguments)
        return
    build = (
        mqtt_connection_builder.websockets_with_custom_authorizer
        if "auth_authorizer_name" in arguments
        else mqtt_connection_builder.websockets_with_default_aws_signing
    )
    # The SDK waits 3 s for a CONNACK of MQTT 3.1.1, and a busy machine can be slower.
    connection = build(
        **_endpoint(aws), client_id=client_id, clean_session=True, ping_timeout_ms=_CONNACK_MS, **arguments
    )
    connection.connect().result(_SECONDS)
    connection.disconnect().result(_SECONDS)


def connect_5(
    aws: LocalAws, client_id: str, arguments: Arguments, packet: mqtt5.ConnectPacket | None = None
) -> tuple[Connack, mqtt5.NegotiatedSettings]:
    """Connect and disconnect an MQTT 5 client; return its CONNACK and what the SDK makes of it, or raise its error."""
    connected: concurrent.futures.Future[mqtt5.LifecycleConnectSuccessData] = concurrent.futures.Future()
    stopped: concurrent.futures.Future[None] = concurrent.futures.Future()
    build = (
        mqtt5_client_builder.websockets_with_custom_authorizer
        if "auth_authorizer_name" in arguments
        else mqtt5_client_builder.websockets_with_default_aws_signing
    )
    client = build(
        **_endpoint(aws),
        **({"client_id": client_id} if packet is None else {"connect_options": packet}),
        on_lifecycle_connection_success=_first(connected.set_result, connected),
        on_lifecycle_connection_failure=_first(lambda data: connected.set_exception(data.exception), connected),
        on_lifecycle_stopped=lambda _: stopped.set_result(None),
        **arguments,
    )
    client.start()
    try:
        success = connected.result(_SECONDS)
    finally:
        client.stop(_CLEANLY if connected.done() and not connected.exception() else None)
        stopped.result(_SECONDS)
    return success.connack_packet, success.negotiated_settings


def error_name(aws: LocalAws, version: int, client_id: str, arguments: Arguments) -> str | None:
    """Return the name of the SDK's error, None for a client that is accepted."""
    try:
        connect(aws, version, client_id, arguments)
    except AwsCrtError as error:
        return str(error.name)
    return None


def signing(provider: AwsCredentialsProvider) -> Arguments:
    """Return the arguments of a client that signs its upgrade."""
    return {"region": REGION, "credentials_provider": provider}


def _endpoint(aws: LocalAws) -> dict[str, Any]:
    host, _, port = aws.iot_endpoint.partition(":")
    return {"endpoint": host, "port": int(port), "ca_filepath": str(aws.authority)}


def _first(use: Callable[[Any], None], future: "concurrent.futures.Future[Any]") -> Callable[[Any], None]:
    """Return a callback that uses only the first result: the client connects again until it is stopped."""
    return lambda data: None if future.done() else use(data)
