"""The table of MQTT clients."""

from collections.abc import Callable, Mapping

from connect_canary.model.target import MqttVersion, Target
from connect_canary.probe.auth.connect_auth import ConnectAuth
from connect_canary.probe.clients.client import Connection
from connect_canary.probe.clients.mqtt5 import Mqtt5Connection
from connect_canary.probe.clients.mqtt311 import Mqtt311Connection


def new_connection(
    target: Target, client_id: str, how: ConnectAuth, tunnel: tuple[str, int], deadline_ms: int
) -> Connection:
    """Return an SDK client for `target` that connects through `tunnel` when told to."""
    return _CONNECTIONS[target.mqtt_version](target, client_id, how, tunnel, deadline_ms)


_NewConnection = Callable[[Target, str, ConnectAuth, tuple[str, int], int], Connection]
_CONNECTIONS: Mapping[MqttVersion, _NewConnection] = {
    MqttVersion.V5: Mqtt5Connection,
    MqttVersion.V3_1_1: Mqtt311Connection,
}
