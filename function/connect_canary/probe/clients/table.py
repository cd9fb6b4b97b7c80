"""The table of MQTT clients."""

from collections.abc import Callable, Mapping

from connect_canary.model.mqtt import MqttVersion
from connect_canary.probe.clients.client import Connection, ConnectionOptions
from connect_canary.probe.clients.mqtt5 import Mqtt5Connection
from connect_canary.probe.clients.mqtt311 import Mqtt311Connection

CONNECTIONS: Mapping[MqttVersion, Callable[[ConnectionOptions], Connection]] = {
    MqttVersion.V5: Mqtt5Connection,
    MqttVersion.V3_1_1: Mqtt311Connection,
}


def new_connection(options: ConnectionOptions) -> Connection:
    """Return an SDK client of the target's MQTT version; it connects when `connect` is called."""
    return CONNECTIONS[options.target.mqtt_version](options)
