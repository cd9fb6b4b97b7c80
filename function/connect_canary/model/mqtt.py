"""What differs between the versions of MQTT, as far as connecting is concerned: one row for each version."""

from collections.abc import Mapping
from enum import StrEnum

from connect_canary.model.frozen import frozen

MAX_CLIENT_ID_BYTES = 128  # AWS general reference, AWS IoT Core quotas
MAX_FIELD_BYTES = 65535  # MQTT, section 1.5: the length of a field takes two bytes


class MqttVersion(StrEnum):
    """MQTT protocol version of the CONNECT."""

    V5 = "5"
    V3_1_1 = "3.1.1"


@frozen
class MqttProtocol:
    """One version of MQTT.

    `alternative` is what to try where an endpoint does not speak this version. `level` and `connect_properties` are of
    the CONNECT (section 3.1). `max_connect_bytes` is what user name and password may take together in the SDK's client
    (measured), None where only a field's own length is limited.
    """

    alternative: MqttVersion
    level: int
    connect_properties: bytes
    password_needs_username: bool
    sdk_hides_connack_code: bool
    denied_by_hang_up: bool
    max_connect_bytes: int | None


PROTOCOLS: Mapping[MqttVersion, MqttProtocol] = {
    MqttVersion.V5: MqttProtocol(
        alternative=MqttVersion.V3_1_1,
        level=5,
        connect_properties=b"\x00",
        password_needs_username=False,
        sdk_hides_connack_code=False,
        denied_by_hang_up=False,
        max_connect_bytes=None,
    ),
    MqttVersion.V3_1_1: MqttProtocol(
        alternative=MqttVersion.V5,
        level=4,
        connect_properties=b"",
        password_needs_username=True,  # section 3.1.2.9, and the SDK leaves the password out
        sdk_hides_connack_code=True,
        denied_by_hang_up=True,  # AWS IoT closes the connection instead of sending a return code
        # The SDK's buffer for a CONNECT has 16,384 bytes; the rest of it is headers and the client id.
        max_connect_bytes=16_384 - 20 - MAX_CLIENT_ID_BYTES,
    ),
}
