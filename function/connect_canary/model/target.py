"""A target: one endpoint and one way to authenticate there."""

import base64
from collections.abc import Collection
from dataclasses import dataclass, fields
from enum import StrEnum

from connect_canary.model.secret import Secret


class AuthMode(StrEnum):
    """How the client proves who it is."""

    SIGV4 = "sigv4"
    SIGV4_STATIC = "sigv4-static"
    CUSTOM_UNSIGNED = "custom-unsigned"
    CUSTOM_SIGNED = "custom-signed"


class MqttVersion(StrEnum):
    """MQTT protocol version of the CONNECT."""

    V5 = "5"
    V3_1_1 = "3.1.1"


class Expect(StrEnum):
    """What a healthy target does with the client."""

    CONNECT = "connect"
    REFUSE = "refuse"


class AuthorizerPlacement(StrEnum):
    """Where a custom authorizer's fields travel (AWS IoT developer guide, custom-auth)."""

    USERNAME = "username"
    HEADERS = "headers"
    QUERY = "query"


def is_pem(text: str) -> bool:
    """Tell whether `text` is PEM itself instead of the path to it."""
    return "-----BEGIN" in text


SUFFIX_CHARACTERS = 8
MAX_CLIENT_ID_BYTES = 128
MAX_FIELD_BYTES = 65535  # MQTT, section 1.5: a field's length has two bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One endpoint and one way to authenticate there; secrets are masked in its repr."""

    name: str
    host: str
    port: int
    signing_region: str
    auth_mode: AuthMode
    mqtt_version: MqttVersion
    client_id_prefix: str
    client_id: str
    ca_file: str
    timeout_seconds: float
    expect: Expect
    access_key_id: Secret | None
    secret_access_key: Secret | None
    session_token: Secret | None
    authorizer_name: str
    authorizer_username: str
    authorizer_password: Secret | None
    authorizer_token_key_name: str
    authorizer_token_value: Secret | None
    authorizer_token_signature: Secret | None
    authorizer_signing_key: Secret | None
    authorizer_placement: AuthorizerPlacement

    @property
    def endpoint(self) -> str:
        """`host:port`."""
        return f"{self.host}:{self.port}"

    def as_dict(self, hidden: Collection[str] = ()) -> dict[str, object]:
        """Return the target for people: every setting that is set, secrets and those that are `hidden` masked."""
        shown: dict[str, object] = {"target": self.name, "endpoint": self.endpoint}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name not in {"name", "host", "port"} and value not in {None, ""}:
                shown[field.name] = "***" if isinstance(value, Secret) or field.name in hidden else value
        if is_pem(self.ca_file):
            shown["ca_file"] = "PEM text"
        return shown


def password_bytes(password: Secret | None) -> bytes | None:
    """Return the password as it goes into the CONNECT; raise ValueError when its base64 is malformed."""
    if password is None:
        return None
    kind, colon, rest = password.reveal().partition("base64:")
    if kind or not colon:
        return password.reveal().encode()
    return base64.b64decode(rest, validate=True)
