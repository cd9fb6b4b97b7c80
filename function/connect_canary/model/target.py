"""A target: one endpoint and one way to authenticate there."""

import base64
from collections.abc import Collection
from dataclasses import fields
from enum import StrEnum

from connect_canary.model.frozen import frozen
from connect_canary.model.mqtt import MqttVersion
from connect_canary.model.secret import Secret


class AuthMode(StrEnum):
    """How the client authenticates."""

    SIGV4 = "sigv4"
    SIGV4_STATIC = "sigv4-static"
    CUSTOM_UNSIGNED = "custom-unsigned"
    CUSTOM_SIGNED = "custom-signed"


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
    """Return whether `text` is PEM itself and not the path of a file."""
    return "-----BEGIN" in text


SUFFIX_CHARACTERS = 8
_BINARY = "base64:"


@frozen
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
    confirm_after_seconds: float
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

    def as_dict(self, masked: Collection[str] = ()) -> dict[str, object]:
        """Return every setting that is set, for display; secrets and the settings in `masked` are masked."""
        shown: dict[str, object] = {"target": self.name, "endpoint": self.endpoint}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name not in {"name", "host", "port"} and value not in {None, ""}:
                shown[field.name] = "***" if isinstance(value, Secret) or field.name in masked else value
        if is_pem(self.ca_file):
            shown["ca_file"] = "PEM text"
        return shown


def password_bytes(password: Secret | None) -> bytes | None:
    """Return the password as the CONNECT carries it; raise ValueError if it is malformed `base64:...`."""
    if password is None:
        return None
    text = password.reveal()
    if not text.startswith(_BINARY):
        return text.encode()
    return base64.b64decode(text.removeprefix(_BINARY), validate=True)
