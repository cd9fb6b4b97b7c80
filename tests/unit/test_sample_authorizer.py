"""The sample authorizer's responses to events of AWS IoT Core."""

import base64
import hashlib
import importlib.util
import json
from collections.abc import Callable
from typing import Any

import pytest

from infra.local.demo.demo_targets import AUTHORIZER_TEMPLATE

Authorize = Callable[[dict[str, Any]], dict[str, Any]]
ARN = "arn:aws:iot:eu-west-1:123456789012:client/test-*"


def sha256(text: bytes) -> str:
    """Return the digest that the function's environment holds."""
    return hashlib.sha256(text).hexdigest()


def with_password(username: object = "canary", password: object = None) -> dict[str, Any]:
    """Return the event of a client with a user name and a password."""
    sent = base64.b64encode(b"\x00\xff").decode() if password is None else password
    mqtt = {"username": username, "password": sent, "clientId": "test-1"}
    return {"signatureVerified": False, "protocolData": {"mqtt": mqtt}}


def with_token(token: object, *, verified: bool = True) -> dict[str, Any]:
    """Return the event of a client with a token."""
    return {"token": token, "signatureVerified": verified, "protocolData": {"mqtt": {}}}


@pytest.fixture
def authorize(monkeypatch: pytest.MonkeyPatch) -> Authorize:
    """The function, loaded from its file as on Lambda, with a password and a token."""
    environment = {
        "USERNAME": "canary",
        "PASSWORD_SHA256": sha256(b"\x00\xff").upper(),
        "TOKEN_SHA256": sha256(b"token"),
        "CLIENT_ARN": ARN,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    path = AUTHORIZER_TEMPLATE.parent / "function" / "sample_authorizer.py"
    spec = importlib.util.spec_from_file_location("sample_authorizer", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return lambda event: dict(module.lambda_handler(event, None))


@pytest.mark.parametrize(
    "event",
    [with_password(), with_password("canary?x-amz-customauthorizer-name=a"), with_token("token")],
)
def test_known_client_may_connect_and_nothing_else(authorize: Authorize, event: dict[str, Any]) -> None:
    """A known client gets one policy, which allows one action under one prefix."""
    response = authorize(event)
    assert response["isAuthenticated"] is True
    (document,) = map(json.loads, response["policyDocuments"])
    assert document["Statement"] == [{"Effect": "Allow", "Action": "iot:Connect", "Resource": ARN}]


@pytest.mark.parametrize(
    "event",
    [
        {},
        with_password("nobody"),
        with_password("CANARY"),
        with_password("canary\u00e9"),
        with_password(password="AAAA"),
        with_password(password=""),
        with_password(password="not base64!"),
        with_token("another"),
        with_token(""),
        with_token("token", verified=False),
    ],
)
def test_unknown_client_is_not_authenticated(authorize: Authorize, event: dict[str, Any]) -> None:
    """Any other client is refused without an error."""
    assert authorize(event) == {"isAuthenticated": False}


@pytest.mark.parametrize(
    ("variable", "event"),
    [("PASSWORD_SHA256", with_password(password="")), ("TOKEN_SHA256", with_token(""))],
)
def test_credential_without_a_digest_is_disabled(
    authorize: Authorize, monkeypatch: pytest.MonkeyPatch, variable: str, event: dict[str, Any]
) -> None:
    """A credential without a digest is refused, also an empty one."""
    monkeypatch.setenv(variable, "")
    assert authorize(event) == {"isAuthenticated": False}
