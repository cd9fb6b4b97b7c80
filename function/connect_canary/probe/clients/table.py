"""The table of MQTT clients."""

from collections.abc import Callable, Mapping

from connect_canary.model.mqtt import MqttVersion
from connect_canary.probe.clients.client import Connection, ConnectionOptions
from connect_canary.probe.clients.mqtt5 import Mqtt5Connection

NewConnection = Callable[[ConnectionOptions], Connection]


def _mqtt5() -> NewConnection:
    return Mqtt5Connection


def _mqtt311() -> NewConnection:
    # Imported late: modules that the default version does not need.
    from connect_canary.probe.clients.mqtt311 import Mqtt311Connection  # noqa: PLC0415

    return Mqtt311Connection


# Each row returns its client's class.
CONNECTIONS: Mapping[MqttVersion, Callable[[], NewConnection]] = {
    MqttVersion.V5: _mqtt5,
    MqttVersion.V3_1_1: _mqtt311,
}


def new_connection(options: ConnectionOptions) -> Connection:
    """Return an SDK client of the target's MQTT version; it connects when `connect` is called."""
    return CONNECTIONS[options.target.mqtt_version]()(options)
