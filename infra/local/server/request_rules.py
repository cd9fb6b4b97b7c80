"""Which requests are refused before they are authenticated: what no client of the local AWS sends. Pure functions."""

from dataclasses import dataclass

from infra.local.server.asgi import Scope

_LOOPBACK_NAMES = ("127.0.0.1", "localhost")
_TLS_SCHEMES = ("https", "wss")
# MiniStack's administration (/_ministack, /_localstack) and its other ways to a service (/_aws, /_alb).
_INTERNAL_PATHS = "/_"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRules:
    """The rules of the two ports: plain HTTP for the API, TLS for devices."""

    api_port: int
    iot_port: int

    def problem(self, scope: Scope) -> str | None:
        """Return the sentence that refuses a request or an upgrade, None for one that may be authenticated."""
        is_device_port = scope.get("scheme") in _TLS_SCHEMES
        port = self.iot_port if is_device_port else self.api_port
        allowed = [f"{name}:{port}" for name in _LOOPBACK_NAMES]
        hosts, origins = _values(scope, b"host"), _values(scope, b"origin")
        # A name that an attacker's name server resolves to this machine is no name of it.
        # The AWS SDK names the host of an upgrade without its port.
        names = [*allowed, *_LOOPBACK_NAMES] if is_device_port else allowed
        if len(hosts) != 1 or hosts[0].lower() not in names:
            return f"The request is for another host: the local AWS is {' or '.join(allowed)}."
        if origins:
            return "The request has an Origin header: the local AWS takes no requests of web pages."
        if scope["type"] == "http" and is_device_port:
            return f"Devices connect here with MQTT over WebSockets: the API is http://127.0.0.1:{self.api_port}."
        if scope.get("path", "").startswith(_INTERNAL_PATHS):
            return "The path is one of the server's own: the local AWS serves AWS's operations only."
        return None


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for header, value in scope.get("headers", []) if header.lower() == name]
