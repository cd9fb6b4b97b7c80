"""Factories of environments, targets, outcomes and keys, and the problems that a setting causes."""

import functools
import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connect_canary.config.plan import Plan
from connect_canary.config.problems import SettingsError
from connect_canary.model.outcome import Outcome
from connect_canary.model.target import Target
from connect_canary.network.loopback_listener import TunnelAddress
from connect_canary.run import plan_run

REGION = "eu-west-1"
ENDPOINT = "abc-ats.iot.eu-west-1.amazonaws.com"


def environment(**settings: str) -> dict[str, str]:
    """Return the environment of a complete canary, overridden by `settings`."""
    canary = {f"CANARY_{key.upper()}": value for key, value in settings.items()}
    return {"AWS_REGION": REGION, "CANARY_ENDPOINT": ENDPOINT, **canary}


def document(*targets: object) -> str:
    """Return a targets document."""
    return json.dumps({"targets": list(targets)})


def plan_of(event: object = None, **settings: str) -> Plan:
    """Return the plan for an environment."""
    return plan_run({} if event is None else event, environment(**settings))


def target_of(**settings: str) -> Target:
    """Return the one target that the settings describe."""
    (planned,) = plan_of(**settings).planned
    return planned.target


def plan_or_problems(event: object, environ: Mapping[str, str]) -> tuple[Plan | None, tuple[str, ...]]:
    """Return the plan, None for none, and the problems, whether or not another target can run."""
    try:
        plan = plan_run(event, environ)
    except SettingsError as error:
        return None, error.problems
    return plan, plan.problems


def problems_of(event: object = None, **settings: str) -> tuple[str, ...]:
    """Return the problems of an environment."""
    return plan_or_problems({} if event is None else event, environment(**settings))[1]


def tunnel_request(address: TunnelAddress, authority: str = "iot.example.com:443") -> bytes:
    """Return the CONNECT request with which the attempt's own client opens its tunnel."""
    credentials = b64encode(f"{address.username}:{address.password.reveal()}".encode()).decode()
    head = f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nProxy-Authorization: Basic {credentials}\r\n\r\n"
    return head.encode()


def outcome_of(**facts: Any) -> Outcome:
    """Return the outcome of a healthy connect, with `facts` instead."""
    healthy: dict[str, Any] = {
        "target": "prod",
        "endpoint": f"{ENDPOINT}:443",
        "auth_mode": "sigv4",
        "mqtt_version": "5",
        "client_id": "test-prod-5f3a9c1e",
        "expect": "connect",
        "healthy": True,
        "connect_ms": 94.1234,
        "disconnect_ms": 1.5,
        "elapsed_ms": 97.25,
        "phases_ms": {"dns": 1.2345, "tcp": 8.0, "tls": 17.4, "upgrade": 9.1, "connack": 58.4},
        "certificate_days_left": 213.456,
    }
    return Outcome(**{**healthy, **facts})


@functools.cache
def private_key() -> rsa.RSAPrivateKey:
    """Return a key that signs tokens."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: rsa.RSAPrivateKey, *, pkcs8: bool = True, passphrase: bytes | None = None) -> str:
    """Return the private key as the signing key setting holds it."""
    form = serialization.PrivateFormat.PKCS8 if pkcs8 else serialization.PrivateFormat.TraditionalOpenSSL
    sealed = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, sealed).decode()
