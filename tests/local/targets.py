"""Targets of the local AWS, one for each way to authenticate."""

import base64
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from infra.local.demo.demo_targets import AUTHORIZER_STACK, TOKEN_KEY_NAME, USERNAME
from tests.local.deployed import DeployedCanary

TargetObject = dict[str, Any]


def named(name: str, version: str, target: TargetObject) -> TargetObject:
    """Return a target of a test case under its own name and MQTT version."""
    return {"name": f"{name}-{version}", "mqtt_version": version, **target}


def sign(token: str, pem: str) -> str:
    """Return the token's signature as its owner would hand it out."""
    key = serialization.load_pem_private_key(pem.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return base64.b64encode(key.sign(token.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()


def role() -> TargetObject:
    """A target that uses the function's role."""
    return {"auth_mode": "sigv4"}


def static(canary: DeployedCanary) -> TargetObject:
    """A target that uses a static key."""
    return {"auth_mode": "sigv4-static", **canary.demo.static_key}


def unsigned(canary: DeployedCanary) -> TargetObject:
    """A target that gives a user name and a binary password."""
    password = base64.b64encode(canary.secrets.password).decode()
    return {
        "auth_mode": "custom-unsigned",
        "authorizer_name": f"{AUTHORIZER_STACK}-unsigned",
        "authorizer_username": USERNAME,
        "authorizer_password": f"base64:{password}",
    }


def signed(canary: DeployedCanary) -> TargetObject:
    """A target that signs its token at each run."""
    return {
        "auth_mode": "custom-signed",
        "authorizer_name": f"{AUTHORIZER_STACK}-signed",
        "authorizer_token_key_name": TOKEN_KEY_NAME,
        "authorizer_token_value": canary.secrets.token,
        "authorizer_signing_key": canary.secrets.signing_key.private,
    }


def presigned(canary: DeployedCanary) -> TargetObject:
    """A target whose token was signed beforehand."""
    target = signed(canary)
    target["authorizer_token_signature"] = sign(target["authorizer_token_value"], target.pop("authorizer_signing_key"))
    return target
