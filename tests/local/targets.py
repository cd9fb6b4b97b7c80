"""Targets of the local AWS, one for each auth mode."""

import base64
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from infra.local.demo.demo_targets import AUTHORIZER_STACK, TOKEN_KEY_NAME, USERNAME
from tests.local.deployed import DeployedCanary

# One target as the JSON object of a document.
TargetObject = dict[str, Any]


def named(name: str, version: str, target: TargetObject) -> TargetObject:
    """Return a target with a name made of a test case and its MQTT version."""
    return {"name": f"{name}-{version}", "mqtt_version": version, **target}


def sign(token: str, pem: str) -> str:
    """Return the base64 signature of a token."""
    key = serialization.load_pem_private_key(pem.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return base64.b64encode(key.sign(token.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()


def role() -> TargetObject:
    """Return a target that uses the function's role."""
    return {"auth_mode": "sigv4"}


def static(canary: DeployedCanary) -> TargetObject:
    """Return a target that uses a static access key."""
    return {"auth_mode": "sigv4-static", **canary.demo.static_key}


def unsigned(canary: DeployedCanary) -> TargetObject:
    """Return a target with a user name and a binary password."""
    password = base64.b64encode(canary.secrets.password).decode()
    return {
        "auth_mode": "custom-unsigned",
        "authorizer_name": f"{AUTHORIZER_STACK}-unsigned",
        "authorizer_username": USERNAME,
        "authorizer_password": f"base64:{password}",
    }


def signed(canary: DeployedCanary) -> TargetObject:
    """Return a target that signs its token at each run."""
    return {
        "auth_mode": "custom-signed",
        "authorizer_name": f"{AUTHORIZER_STACK}-signed",
        "authorizer_token_key_name": TOKEN_KEY_NAME,
        "authorizer_token_value": canary.secrets.token,
        "authorizer_signing_key": canary.secrets.signing_key.private,
    }


def presigned(canary: DeployedCanary) -> TargetObject:
    """Return a target with the signature of its token."""
    target = signed(canary)
    target["authorizer_token_signature"] = sign(target["authorizer_token_value"], target.pop("authorizer_signing_key"))
    return target
