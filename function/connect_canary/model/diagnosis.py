"""What one more connection revealed about a failure."""

from dataclasses import dataclass

from connect_canary.model.mqtt import MqttVersion


@dataclass(slots=True, kw_only=True)
class Diagnosis:
    """What the endpoint responded to one more connection; what it did not say is None.

    `spoken_version` is the MQTT version of a CONNACK that is not of the CONNECT's. `clock_skew_s` is this host's
    clock minus the endpoint's.
    """

    http_status: int | None = None
    request_id: str | None = None
    message: str | None = None
    connack_code: int | None = None
    close_code: int | None = None
    spoken_version: MqttVersion | None = None
    clock_skew_s: float | None = None
    accepted: bool = False
