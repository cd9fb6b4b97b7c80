"""Requests to the local AWS before MiniStack sees them, and the credentials of its functions."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import pytest

from infra.local.server import ministack_patches
from infra.local.server.asgi import Receive
from infra.local.server.function_credentials import install_function_credentials
from infra.local.server.request_authentication import RequestAuthentication, install_secure_transport
from infra.local.server.request_rules import RequestRules
from tests.unit.stand_in_ministack import PutInPlace
from tests.unit.stand_in_signatures import ACCOUNT, API, SIGNATURES, SIGNED, MiniStack, ministack, stand_in

__all__ = ["ministack", "stand_in"]

IOT = "localhost:8883"
RULES = RequestRules(api_port=4566, iot_port=8883)
OTHER_HOST = "The request is for another host: the local AWS is 127.0.0.1:{0} or localhost:{0}."
WEB_PAGE = "The request has an Origin header: the local AWS takes no requests of web pages."
DEVICES = "Devices connect here with MQTT over WebSockets: the API is http://127.0.0.1:4566."
INTERNAL = "The path is one of the server's own: the local AWS serves AWS's operations only."


def scope_of(
    *headers: tuple[str, str], scheme: str = "http", kind: str = "http", path: str = "/", query: bytes = b""
) -> dict[str, Any]:
    """Return the scope of a request or an upgrade."""
    encoded = [(name.encode(), value.encode()) for name, value in headers]
    return {
        "type": kind,
        "scheme": scheme,
        "method": "POST",
        "path": path,
        "query_string": query,
        "headers": encoded,
    }


RULED: dict[str, tuple[dict[str, Any], str | None]] = {
    "api": (scope_of(("host", API)), None),
    "api-by-name": (scope_of(("Host", "LOCALHOST:4566")), None),
    "api-without-port": (scope_of(("host", "localhost")), OTHER_HOST.format(4566)),
    "api-on-the-other-port": (scope_of(("host", "localhost:8883")), OTHER_HOST.format(4566)),
    "no-host": (scope_of(("x-host", API)), OTHER_HOST.format(4566)),
    "two-hosts": (scope_of(("host", API), ("host", API)), OTHER_HOST.format(4566)),
    "rebound": (scope_of(("host", "page.example:4566")), OTHER_HOST.format(4566)),
    "below": (scope_of(("host", "bucket.localhost:4566")), OTHER_HOST.format(4566)),
    "origin": (scope_of(("host", API), ("Origin", "null")), WEB_PAGE),
    "internal": (scope_of(("host", API), path="/_ministack/reset"), INTERNAL),
    "internal-to-others": (scope_of(("host", API), path="/_aws/x"), INTERNAL),
    "underscore-later": (scope_of(("host", API), path="/a/_b"), None),
    "upgrade": (scope_of(("host", IOT), scheme="wss", kind="websocket", path="/mqtt"), None),
    "upgrade-without-port": (scope_of(("host", "localhost"), scheme="wss", kind="websocket"), None),
    "upgrade-to-the-other-port": (scope_of(("host", API), scheme="wss", kind="websocket"), OTHER_HOST.format(8883)),
    "upgrade-of-a-page": (scope_of(("host", IOT), ("origin", "a"), scheme="wss", kind="websocket"), WEB_PAGE),
    "devices": (scope_of(("host", IOT), scheme="https"), DEVICES),
}


@pytest.mark.parametrize("case", RULED)
def test_rules(case: str) -> None:
    """A request names one host of its port, no origin and no path of the server's own."""
    scope, problem = RULED[case]
    assert RULES.problem(scope) == problem


class Connection:
    """The application with a client on one side and MiniStack on the other."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.passed_on: list[dict[str, Any]] = []
        self.received = 0
        self.app = RequestAuthentication(inner=self._inner, rules=RULES, signatures=SIGNATURES)

    async def _inner(self, scope: dict[str, Any], receive: Receive, _send: object) -> None:
        self.passed_on += [scope, await receive(), await receive()]

    async def opened(self, scope: dict[str, Any], *messages: dict[str, Any]) -> list[dict[str, Any]]:
        """Return what a client is sent that sends these messages and leaves."""
        coming = [*messages, LEFT]

        async def receive() -> dict[str, Any]:
            self.received += 1
            return coming.pop(0)

        async def send(message: dict[str, Any]) -> None:
            self.sent.append(message)

        await self.app(scope, receive, send)
        return self.sent


LEFT = {"type": "http.disconnect"}
BODY = ({"type": "http.request", "body": b"bo", "more_body": True}, {"type": "http.request", "body": b"dy"})


async def test_authenticated_request_is_passed_on(ministack: MiniStack) -> None:
    """MiniStack receives the body again, whole, and then what comes after it."""
    scope = scope_of(*SIGNED.items(), ("x-two", "é"), ("X-Two", "b"), path="/a b", query=b"k=&k=v")
    connection = Connection()
    assert await connection.opened(scope, *BODY) == []
    assert connection.passed_on == [scope, {"type": "http.request", "body": b"body", "more_body": False}, LEFT]
    ((_, _, method, raw_path, query, headers, body, _),) = ministack.verified
    assert (method, raw_path, query, body) == ("POST", "/a%20b", {"k": ["", "v"]}, b"body")
    assert headers == {**SIGNED, "x-two": "é,b"}
    await Connection().opened({**scope, "raw_path": b"/a%2fb", "query_string": b"k=\xff"}, *BODY)
    assert ministack.verified[-1][3:5] == ("/a%2fb", {"k": ["\ufffd"]})


async def test_request_that_is_not_authenticated(ministack: MiniStack, caplog: pytest.LogCaptureFixture) -> None:
    """The service says the error, and MiniStack sees nothing of the request; the log names no part of a signature."""
    connection = Connection()
    start, body = await connection.opened(scope_of(("host", API), path="/p"), *BODY)
    assert (connection.passed_on, ministack.verified) == ([], [])
    assert [record.getMessage() for record in caplog.records] == ["POST /p refused: MissingAuthenticationToken"]
    service = json.loads(body["body"])
    assert service == [["POST", "/p", {"routed": "body"}], "Request is missing Authentication Token"]
    assert (start["type"], start["status"], body["type"]) == ("http.response.start", 400, "http.response.body")
    length = str(len(body["body"])).encode()
    assert start["headers"] == [(b"x-code", b"MissingAuthenticationToken"), (b"content-length", length)]


@pytest.mark.usefixtures("ministack")
async def test_client_that_leaves() -> None:
    """A request without its end is none."""
    connection = Connection()
    assert await connection.opened(scope_of(*SIGNED.items()), BODY[0]) == []
    assert connection.passed_on == []


@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_request_against_the_rules(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """It is refused with the sentence, before anything of its body is received, and logged."""
    connection = Connection()
    coming = BODY if kind == "http" else ({"type": "websocket.connect"},)
    start, body = await connection.opened(scope_of(("host", "page.example"), kind=kind), *coming)
    prefix = "http.response" if kind == "http" else "websocket.http.response"
    assert (start["type"], start["status"], body["type"]) == (f"{prefix}.start", 403, f"{prefix}.body")
    assert json.loads(body["body"]) == {"message": OTHER_HOST.format(4566)}
    headers = dict(start["headers"])
    assert (headers[b"content-type"], headers[b"x-amzn-errortype"]) == (b"application/json", b"ForbiddenException")
    assert (connection.passed_on, connection.received) == ([], 0 if kind == "http" else 1)
    logged = f"/ refused: {OTHER_HOST.format(4566)}"
    assert caplog.record_tuples == [("request_authentication", logging.WARNING, logged)]


async def test_upgrades_are_authenticated_behind_it() -> None:
    """An upgrade that keeps the rules, and the server's own start and end, are passed on as they are."""
    upgrade = scope_of(("host", IOT), scheme="wss", kind="websocket", path="/mqtt")
    for scope in (upgrade, {"type": "lifespan"}):
        connection = Connection()
        await connection.opened(scope, {"type": "first"})
        assert connection.passed_on == [scope, {"type": "first"}, LEFT]


def test_policies_see_tls(stand_in: PutInPlace) -> None:
    """Whether a request came over TLS or not, policies are told that it did, and from where."""
    seen: list[tuple[str, bool]] = []
    stand_in(ministack_patches.REQUEST_ORIGIN, lambda client, is_tls: seen.append((client, is_tls)))
    install_secure_transport()
    for is_tls in (False, True):
        ministack_patches.REQUEST_ORIGIN.original()("127.0.0.1", is_tls)
    assert seen == [("127.0.0.1", True)] * 2


def test_credentials_of_functions(stand_in: PutInPlace) -> None:
    """A function keeps its credentials, another one or another run of the server has others."""
    sessions: dict[str, dict[str, str]] = {}
    for patch in (ministack_patches.WORKER_CREDENTIALS, ministack_patches.FUNCTION_CREDENTIALS):
        stand_in(patch, None)
    stand_in(ministack_patches.REGISTER_SESSION, sessions.__setitem__)
    config = {
        "FunctionArn": f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:f",
        "FunctionName": "f" * 65,
        "Role": f"arn:aws:iam::{ACCOUNT}:role/path/r",
    }
    install_function_credentials()
    credentials = ministack_patches.WORKER_CREDENTIALS.original()
    assert credentials is ministack_patches.FUNCTION_CREDENTIALS.original()
    first = credentials(config)
    assert first == credentials(config)
    key, secret, token = first.values()
    assert [*first] == ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]
    assert re.fullmatch("ASIA[0-9A-F]{16}", key)
    assert len(secret) == len(token) == 64
    assert sessions == {
        key: {
            "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/r/{'f' * 64}",
            "UserId": f"r:{'f' * 64}",
            "SecretAccessKey": secret,
            "SessionToken": token,
        }
    }
    others = [credentials({**config, "Role": "other"}), credentials({**config, "FunctionArn": f"a:b:c:d:{ACCOUNT}:f"})]
    install_function_credentials()
    others.append(ministack_patches.WORKER_CREDENTIALS.original()(config))
    values = [value for each in (first, *others) for value in each.values()]
    assert len(set(values)) == len(values) == 12
