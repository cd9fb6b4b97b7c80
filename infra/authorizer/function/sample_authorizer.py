# ruff: noqa: INP001 - this directory is the root of a Lambda package
"""A sample custom authorizer: a user name and password, or a token that AWS IoT verified.

The environment holds SHA-256 digests only, so reading the function's configuration gives nobody
a credential. Choose long random credentials: a digest does not protect a guessable one.
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
from typing import Any

_DISCONNECT_SECONDS = 3600
_REFRESH_SECONDS = 300


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer AWS IoT Core: who the client is, and that it may connect under the prefix only."""
    known = _has_token(event) if event.get("signatureVerified") else _has_password(event)
    if not known:
        return {"isAuthenticated": False}
    return {
        "isAuthenticated": True,
        "principalId": "canary",
        "disconnectAfterInSeconds": _DISCONNECT_SECONDS,
        "refreshAfterInSeconds": _REFRESH_SECONDS,
        "policyDocuments": [_policy()],
    }


def _has_token(event: dict[str, Any]) -> bool:
    return _matches(str(event.get("token", "")).encode(), "TOKEN_SHA256")


def _has_password(event: dict[str, Any]) -> bool:
    mqtt = event.get("protocolData", {}).get("mqtt", {})
    # The user name arrives with the authorizer's fields behind its question mark.
    username = mqtt.get("username", "").partition("?")[0]
    try:
        password = base64.b64decode(mqtt.get("password", ""), validate=True)
    except (binascii.Error, ValueError):
        return False
    same_name = hmac.compare_digest(username.encode(), os.environ["USERNAME"].encode())
    return _matches(password, "PASSWORD_SHA256") and same_name


def _matches(credential: bytes, variable: str) -> bool:
    expected = os.environ.get(variable, "")
    # An empty digest means that this way in is closed, also for an empty credential.
    return bool(expected) and hmac.compare_digest(hashlib.sha256(credential).hexdigest(), expected.lower())


def _policy() -> str:
    statement = {
        "Effect": "Allow",
        "Action": "iot:Connect",
        "Resource": os.environ["CLIENT_ARN"],
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
