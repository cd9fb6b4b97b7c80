# ruff: noqa: INP001 - this directory is the root of a Lambda package
"""A sample custom authorizer: checks a user name and password, or a token whose signature AWS IoT Core verified.

The environment holds only SHA-256 digests, so the function's configuration contains no credential. Use long random
credentials: a digest does not protect a guessable one.
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
    """Return whether the client is authenticated, and a policy that allows it to connect under the prefix only."""
    authenticated = _has_token(event) if event.get("signatureVerified") else _has_password(event)
    if not authenticated:
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
    # The authorizer's fields may follow the user name after a question mark.
    username = mqtt.get("username", "").partition("?")[0]
    try:
        password = base64.b64decode(mqtt.get("password", ""), validate=True)
    except (binascii.Error, ValueError):
        return False
    same_name = hmac.compare_digest(username.encode(), os.environ["USERNAME"].encode())
    return _matches(password, "PASSWORD_SHA256") and same_name


def _matches(credential: bytes, variable: str) -> bool:
    expected = os.environ.get(variable, "")
    # An empty digest disables the credential; an empty credential must not match it.
    return bool(expected) and hmac.compare_digest(hashlib.sha256(credential).hexdigest(), expected.lower())


def _policy() -> str:
    statement = {
        "Effect": "Allow",
        "Action": "iot:Connect",
        "Resource": os.environ["CLIENT_ARN"],
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
