"""The device gateway as an ASGI application: who is let in, with MiniStack a stand-in; it is real in tests/local."""

from __future__ import annotations

import asyncio
import base64
import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from infra.local.demo.demo_targets import SigningKey
from infra.local.server import custom_auth, ministack_patches
from infra.local.server.authorizers import Authorizers
from infra.local.server.device_gateway import DeviceGateway
from tests.unit.stand_in_ministack import PutInPlace, stand_in

__all__ = ["stand_in"]

ACCOUNT, REGION = "123456789012", "eu-west-1"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"
NAME = "x-amz-customauthorizer-name"
SIGNED = "X-Amz-Algorithm=A&X-Amz-Credential=AKIA/20260101/eu-west-1/iotdevicegateway/aws4_request&X-Amz-Signature=S"
DOCUMENT = '{"Version": "2012-10-17", "Statement": []}'
RESPONSE = {
    "isAuthenticated": True,
    "principalId": "device1",
    "disconnectAfterInSeconds": 3600,
    "refreshAfterInSeconds": 300,
    "policyDocuments": [DOCUMENT],
}
ACCEPTED = {"type": "websocket.accept", "subprotocol": "mqtt"}
CLOSED = {"type": "websocket.close", "code": 1000}
# CONNACKs of MQTT 3.1.1 and 5 for a client that is not authorized, and of 5 for a client id that is too long.
NOT_AUTHORIZED = {4: "20020005", 5: "2003008700"}
BAD_CLIENT_ID = "2003008500"


def field(value: bytes) -> bytes:
    """Return a length-prefixed field of MQTT."""
    return len(value).to_bytes(2, "big") + value


def connect(
    client_id: str = "test-1", *, level: int = 5, username: str | None = None, password: bytes | None = None
) -> bytes:
    """Return a CONNECT packet."""
    flags = 2 | (0x80 if username is not None else 0) | (0x40 if password is not None else 0)
    body = field(b"MQTT") + bytes([level, flags, 0, 60]) + (b"\0" if level == 5 else b"") + field(client_id.encode())
    body += b"" if username is None else field(username.encode())
    body += b"" if password is None else field(password)
    encoded, left = b"", len(body)
    while left >= 128:
        encoded, left = encoded + bytes([left % 128 + 128]), left // 128
    return b"\x10" + encoded + bytes([left]) + body


class Gateway:
    """The gateway with a client on one side and MiniStack's stand-ins on the other."""

    def __init__(self, stand_in: PutInPlace) -> None:
        self.handed_over: list[dict[str, Any]] = []
        self.evaluated: list[dict[str, Any]] = []
        self.invoked: list[tuple[Any, ...]] = []
        self.passed_on: list[tuple[dict[str, Any], object, object]] = []
        self.in_scope: tuple[str, str] | None = None
        self.verified: object = None
        self.function_policy: tuple[object, ...] = ("policy",)
        self.decisions = {"lambda:InvokeFunction": "Allow", "iot:Connect": "Allow"}
        self.answer: tuple[int, dict[str, str], bytes] = (200, {}, json.dumps(RESPONSE).encode())
        self.authorizers = Authorizers()
        self.app = DeviceGateway(self._inner, self.authorizers, ACCOUNT, REGION)
        for patch, value in (
            (ministack_patches.ACCOUNT_ID, lambda: ACCOUNT),
            (ministack_patches.REGION, lambda: REGION),
            (ministack_patches.AUTHENTICATE_UPGRADE, self._authenticate),
            (ministack_patches.RESOLVED_CREDENTIAL, SimpleNamespace),
            (ministack_patches.IOT_WEBSOCKET, self._broker),
            (ministack_patches.REQUEST_SCOPE, self._scope),
            (ministack_patches.LAMBDA_POLICY, self._policy),
            (ministack_patches.LAMBDA_REQUESTS, self._invoke),
            (ministack_patches.EVALUATION_CONTEXT, lambda **context: context),
            (ministack_patches.EVALUATE_RESOURCE_POLICY, self._evaluate_resource),
            (ministack_patches.PARSE_POLICY, lambda document: ("parsed", document)),
            (ministack_patches.EVALUATE_POLICIES, self._evaluate),
        ):
            stand_in(patch, value)

    async def _inner(self, scope: dict[str, Any], receive: object, send: object) -> None:
        self.passed_on.append((scope, receive, send))

    def _authenticate(self, _scope: dict[str, Any], service: str) -> object:
        assert service == "iotdevicegateway"
        return self.verified

    async def _broker(self, scope: dict[str, Any], receive: Any, send: Any, account: str, region: str) -> None:
        assert (account, region) == (ACCOUNT, REGION)
        self.handed_over.append(scope)
        await send({"type": "websocket.accept"})
        while True:
            message = await receive()
            self.handed_over.append(message)
            if message["type"] == "websocket.disconnect":
                return
            await send({"type": "websocket.send", "bytes": b"broker"})

    @contextmanager
    def _scope(self, account: str, region: str) -> Iterator[None]:
        self.in_scope = (account, region)
        yield
        self.in_scope = None

    def _policy(self, arn: str) -> tuple[object, ...] | None:
        assert (arn, self.in_scope) == (FUNCTION, (ACCOUNT, REGION))
        return self.function_policy

    async def _invoke(self, *request: Any) -> tuple[int, dict[str, str], bytes]:
        self.invoked.append(request)
        return self.answer

    def _evaluate_resource(self, policy: object, context: dict[str, Any], *, service: str) -> object:
        assert (policy, service) == ("policy", "iot.amazonaws.com")
        self.evaluated.append(context)
        return SimpleNamespace(decision=self.decisions[context["action"]])

    def _evaluate(self, context: dict[str, Any], documents: list[object]) -> object:
        assert documents == [("parsed", DOCUMENT)]
        self.evaluated.append(context)
        return SimpleNamespace(decision=self.decisions[context["action"]])

    async def opened(
        self, *messages: bytes | str | None, query: str = "", headers: Mapping[str, str] | None = None, **changes: Any
    ) -> list[dict[str, Any]]:
        """Return what a client is sent that sends these messages; None is its end."""
        given = {"host": "gateway.example:8883", "sec-websocket-protocol": "mqtt", **(headers or {})}
        encoded = [(name.encode(), value.encode()) for name, value in given.items()]
        scope = {"type": "websocket", "scheme": "wss", "path": "/mqtt", "headers": encoded}
        sent: list[dict[str, Any]] = []
        coming: list[dict[str, Any]] = [{"type": "websocket.connect"}]
        for message in (*messages, None):
            kind = "websocket.disconnect" if message is None else "websocket.receive"
            key = "text" if isinstance(message, str) else "bytes"
            coming.append({"type": kind, **({} if message is None else {key: message})})

        async def receive() -> dict[str, Any]:
            return coming.pop(0)

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self.app({**scope, "query_string": query.encode(), **changes}, receive, send)
        return sent


@pytest.fixture
def gateway(stand_in: PutInPlace) -> Gateway:
    """A gateway whose MiniStack allows everything; there is one authorizer, which checks no signatures."""
    made = Gateway(stand_in)
    made.authorizers.create("a", {"authorizerFunctionArn": FUNCTION, "signingDisabled": True, "status": "ACTIVE"})
    return made


def refused(*connacks: str) -> list[dict[str, Any]]:
    """Return what a client is sent that is let in to MQTT and refused there."""
    return [ACCEPTED, *({"type": "websocket.send", "bytes": bytes.fromhex(code)} for code in connacks), CLOSED]


async def test_other_connections_are_ministacks(gateway: Gateway) -> None:
    """What is no WebSocket goes on as it came."""
    assert await gateway.opened(type="http") == []
    assert [scope["type"] for scope, _, _ in gateway.passed_on] == ["http"]


BROKER = {"type": "websocket.send", "bytes": b"broker"}


async def test_signed_client_is_handed_over(gateway: Gateway) -> None:
    """A client that signed its upgrade gets to the broker with all that it has sent, and is accepted once."""
    gateway.verified = SimpleNamespace()
    packet, more = connect(), b"\xc0\x00"
    assert await gateway.opened(packet[:5], packet[5:], more, query=SIGNED) == [ACCEPTED, BROKER, BROKER, BROKER]
    scope, *messages = gateway.handed_over
    assert scope["path"] == "/mqtt"
    assert messages == [
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "bytes": packet},
        {"type": "websocket.receive", "bytes": more},
        {"type": "websocket.disconnect"},
    ]
    assert gateway.evaluated == []


@pytest.mark.parametrize("second", [connect("test-2"), b"\x30\xff\xff\xff\xff"])
async def test_second_connect_ends_the_connection(gateway: Gateway, second: bytes) -> None:
    """Nobody has authorized a second client id, nor what can no longer be told apart from one."""
    gateway.verified = SimpleNamespace()
    await gateway.opened(connect(), b"\xc0\x00", second, b"\xc0\x00", query=SIGNED)
    assert [message.get("bytes") for message in gateway.handed_over[2:]] == [connect(), b"\xc0\x00", None]
    assert gateway.handed_over[-1] == {"type": "websocket.disconnect", "code": 1002}


AUTHORIZATION = "AWS4-HMAC-SHA256 Credential=AKIA/20260101/{region}/{service}/aws4_request, SignedHeaders=host"


@pytest.mark.parametrize(
    ("region", "service", "status"),
    [
        ("eu-west-1", "iotdevicegateway", 0),
        ("us-east-1", "iotdevicegateway", 403),
        ("eu-west-1", "iotdata", 403),
        ("eu-west-1/x", "iotdevicegateway", 403),
    ],
)
async def test_scope_of_a_signature(gateway: Gateway, region: str, service: str, status: int) -> None:
    """Signed in the query or in a header, the region and the service must be the gateway's."""
    gateway.verified = SimpleNamespace()
    query = SIGNED.replace("eu-west-1", region).replace("iotdevicegateway", service)
    header = {"authorization": AUTHORIZATION.format(region=region, service=service)}
    for sent in (await gateway.opened(connect(), query=query), await gateway.opened(connect(), headers=header)):
        assert sent[0].get("status", 0) == status


@pytest.mark.parametrize(
    "query", ["X-Amz-Algorithm=", "x-amz-credential=a", "X-AMZ-SIGNATURE=s", "a=b&X-Amz-Signature="]
)
@pytest.mark.parametrize("verified", [None, object()])
async def test_unverified_signature(
    gateway: Gateway, caplog: pytest.LogCaptureFixture, query: str, verified: object
) -> None:
    """Whoever claims a signature that is not verified is forbidden the upgrade, and names no authorizer instead."""
    gateway.verified = verified
    start, body = await gateway.opened(connect(username=f"u?{NAME}=a"), query=query)
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 403)
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    assert headers.keys() == {"content-type", "content-length", "x-amzn-requestid", "x-amzn-errortype"}
    assert int(headers["content-length"]) == len(body["body"])
    assert (headers["content-type"], headers["x-amzn-errortype"]) == ("application/json", "ForbiddenException")
    told = json.loads(body["body"])
    assert body["type"] == "websocket.http.response.body"
    assert told == {"message": "Forbidden", "traceId": headers["x-amzn-requestid"]}
    assert uuid.UUID(told["traceId"])
    assert caplog.messages == ["upgrade refused: root or no credentials"]


async def test_log_says_why_a_signature_is_refused(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    """MiniStack's code of the problem, which the client is not told."""
    gateway.verified = type("Problem", (), {"code": "SignatureDoesNotMatch"})()
    await gateway.opened(connect(), query="X-Amz-Signature=s")
    assert caplog.messages == ["upgrade refused: SignatureDoesNotMatch"]


async def test_root_signature(gateway: Gateway) -> None:
    """Of a header whose key MiniStack does not check, nobody is let in."""
    header = {"authorization": AUTHORIZATION.format(region=REGION, service="iotdevicegateway")}
    assert (await gateway.opened(connect(), headers=header))[0]["status"] == 403


@pytest.mark.parametrize(
    ("changes", "protocols", "status"),
    [
        ({}, "other, mqtt", 0),
        ({}, "mqtt,other", 0),
        ({}, "other", 400),
        ({}, "mqttv3.1", 400),
        ({"scheme": "ws"}, "mqtt", 400),
        ({"path": "/"}, "mqtt", 404),
        ({"path": "/mqtt/"}, "mqtt", 404),
    ],
)
async def test_upgrade(gateway: Gateway, changes: dict[str, str], protocols: str, status: int) -> None:
    """An upgrade is to /mqtt, over TLS, and offers MQTT among its protocols."""
    sent = await gateway.opened(connect(), headers={"sec-websocket-protocol": protocols}, **changes)
    assert sent[0].get("status", 0) == status
    if status:
        assert (b"x-amzn-errortype", b"BadRequestException") in sent[0]["headers"]
        assert json.loads(sent[1]["body"])["message"] == "Bad request"


@pytest.mark.parametrize(
    "messages",
    [
        [],
        ["text"],
        [b"\x20\x02\0\0"],
        [connect()[:-1]],
        [b"\x10\xff\xff\xff\x7f", b"x" * 131_068, b"x"],
        [connect() + b"\0"],
    ],
)
async def test_first_packet_that_is_no_connect(gateway: Gateway, messages: list[Any]) -> None:
    """A client that leaves, sends text, something else or too much before its CONNECT is closed upon."""
    gateway.verified = SimpleNamespace()
    sent = await gateway.opened(*messages, query=SIGNED)
    if messages == [connect() + b"\0"]:
        assert sent[:2] == [ACCEPTED, BROKER]
        return
    assert sent == refused()
    assert gateway.handed_over == []


@pytest.mark.parametrize("spare", [0, 1])
async def test_longest_first_packet(gateway: Gateway, spare: int) -> None:
    """A first packet has at most 128 KiB."""
    gateway.verified = SimpleNamespace()
    properties = 128 * 1024 - 4 - 10 - 3 - 8 + spare
    length = bytes([properties % 128 + 128, properties // 128 % 128 + 128, properties // 16384])
    body = field(b"MQTT") + bytes([5, 2, 0, 60]) + length + b"x" * properties + field(b"test-1")
    left = len(body)
    packet = b"\x10" + bytes([left % 128 + 128, left // 128 % 128 + 128, left // 16384]) + body
    assert len(packet) == 128 * 1024 + spare
    sent = await gateway.opened(packet, query=SIGNED)
    assert (sent == refused()) is bool(spare)


@pytest.mark.parametrize(("client_id", "is_refused"), [("a" * 128, False), ("a" * 129, True), ("é" * 65, True)])
async def test_longest_client_id(gateway: Gateway, client_id: str, *, is_refused: bool) -> None:
    """A client id has at most 128 bytes; a longer one is refused before anybody is asked."""
    sent = await gateway.opened(connect(client_id, username=f"u?{NAME}=a"))
    assert (sent == refused(BAD_CLIENT_ID)) is is_refused
    assert bool(gateway.invoked) is not is_refused


@pytest.mark.parametrize("placement", ["username", "query", "headers"])
async def test_authorizer_lets_in(gateway: Gateway, placement: str) -> None:
    """A client names its authorizer in any of three places, in any case; function and policies are asked once."""
    named = {"X-Amz-CustomAuthorizer-Name": "a"}
    text = "&".join(f"{name}={value}" for name, value in named.items())
    username = f"user?{text}" if placement == "username" else None
    query, headers = text if placement == "query" else "", named if placement == "headers" else None
    sent = await gateway.opened(connect(username=username), query=query, headers=headers)
    assert sent == [ACCEPTED, BROKER, BROKER]
    assert gateway.evaluated == [
        {
            "principal_arn": "*",
            "principal_type": "Service",
            "principal_account": "",
            "action": "lambda:InvokeFunction",
            "resource_arn": FUNCTION,
            "region": REGION,
            "service_context": {
                "aws:sourcearn": f"arn:aws:iot:{REGION}:{ACCOUNT}:authorizer/a",
                "aws:sourceaccount": ACCOUNT,
            },
        },
        {
            "principal_arn": f"arn:aws:iot:{REGION}:{ACCOUNT}:custom-auth",
            "principal_type": "Certificate",
            "principal_account": ACCOUNT,
            "action": "iot:Connect",
            "resource_arn": f"arn:aws:iot:{REGION}:{ACCOUNT}:client/test-1",
            "region": REGION,
            "service_context": {"iot:clientid": "test-1", "iot:domainname": "gateway.example"},
        },
    ]


def event_of(gateway: Gateway) -> dict[str, Any]:
    """Return the event that the authorizer's function was invoked with, once."""
    ((method, path, headers, body, query),) = gateway.invoked
    assert (method, path) == ("POST", f"/2015-03-31/functions/{FUNCTION}/invocations")
    assert (headers, query) == ({}, {})
    return dict(json.loads(body))


async def test_event_of_the_authorizer(gateway: Gateway) -> None:
    """The function is told everything that the client said, the password in base64."""
    username = f"user?{NAME}=a"
    await gateway.opened(connect(username=username, password=b"\0\xff"), query="k=v", headers={"X-Other": "é"})
    event = event_of(gateway)
    assert uuid.UUID(event.pop("connectionMetadata")["id"])
    assert event == {
        "signatureVerified": False,
        "protocols": ["tls", "http", "mqtt"],
        "protocolData": {
            "tls": {"serverName": "gateway.example"},
            "http": {
                "headers": {"host": "gateway.example:8883", "sec-websocket-protocol": "mqtt", "x-other": "é"},
                "queryString": "?k=v",
            },
            "mqtt": {
                "clientId": "test-1",
                "username": username,
                "password": base64.b64encode(b"\0\xff").decode(),
            },
        },
    }


async def test_event_of_a_client_that_says_little(gateway: Gateway) -> None:
    """What the client did not say is not in the event."""
    await gateway.opened(connect(), headers={NAME: "a"})
    data = event_of(gateway)["protocolData"]
    assert (data["http"]["queryString"], data["mqtt"]) == ("", {"clientId": "test-1"})


async def test_default_authorizer(gateway: Gateway) -> None:
    """Who names no authorizer has the default one; without it, or with an unknown name, nobody is let in."""
    assert await gateway.opened(connect()) == refused(NOT_AUTHORIZED[5])
    assert await gateway.opened(connect(username=f"u?{NAME}=b")) == refused(NOT_AUTHORIZED[5])
    gateway.authorizers.set_default("a")
    assert (await gateway.opened(connect()))[1] == BROKER


async def test_signed_client_that_names_an_authorizer(gateway: Gateway) -> None:
    """A signature does not spare a client the authorizer that it names."""
    gateway.verified = SimpleNamespace()
    gateway.decisions["iot:Connect"] = "Deny"
    assert await gateway.opened(connect(username=f"u?{NAME}=a"), query=SIGNED) == refused(NOT_AUTHORIZED[5])


@pytest.mark.parametrize("level", [4, 5])
async def test_client_that_is_refused(gateway: Gateway, level: int) -> None:
    """A client is told in its version of MQTT; one of 3.1.1 that a policy denies sees only the end."""
    client = connect(level=level, username=f"u?{NAME}=a")
    gateway.decisions["iot:Connect"] = "Deny"
    assert await gateway.opened(client) == refused(*([NOT_AUTHORIZED[5]] if level == 5 else []))
    gateway.decisions["lambda:InvokeFunction"] = "Deny"
    assert await gateway.opened(client) == refused(NOT_AUTHORIZED[level])
    assert gateway.handed_over == []


FAILURES: Mapping[str, tuple[int, dict[str, str], bytes]] = {
    "status": (500, {}, json.dumps(RESPONSE).encode()),
    "function-error": (200, {"X-Amz-Function-Error": "Unhandled"}, json.dumps(RESPONSE).encode()),
    "no-json": (200, {}, b""),
    "not-authenticated": (200, {}, json.dumps({**RESPONSE, "isAuthenticated": False}).encode()),
}


@pytest.mark.parametrize("case", FAILURES)
async def test_function_that_fails(gateway: Gateway, case: str) -> None:
    """Whatever the function does wrong, the client is refused."""
    gateway.answer = FAILURES[case]
    assert await gateway.opened(connect(username=f"u?{NAME}=a")) == refused(NOT_AUTHORIZED[5])


async def test_function_without_a_policy(gateway: Gateway) -> None:
    """A function that nobody may invoke is not invoked."""
    gateway.function_policy = ()
    assert await gateway.opened(connect(username=f"u?{NAME}=a")) == refused(NOT_AUTHORIZED[5])
    assert gateway.invoked == []


async def test_function_that_takes_too_long(
    gateway: Gateway, stand_in: PutInPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client is refused when the function takes longer than it may, and the call is given up."""
    given_up = asyncio.Event()

    async def never(*_: object) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            given_up.set()

    stand_in(ministack_patches.LAMBDA_REQUESTS, never)
    monkeypatch.setattr(custom_auth, "_INVOKE_TIMEOUT_SECONDS", 0.05)
    assert await gateway.opened(connect(username=f"u?{NAME}=a")) == refused(NOT_AUTHORIZED[5])
    await asyncio.wait_for(given_up.wait(), 10)


async def test_token_that_must_be_signed(gateway: Gateway) -> None:
    """An authorizer that checks signatures wants a token under its key, and its signature."""
    keys = {"k": SigningKey.new().public}
    request = {"authorizerFunctionArn": FUNCTION, "tokenKeyName": "Token", "tokenSigningPublicKeys": keys}
    gateway.authorizers.create("s", {**request, "status": "ACTIVE"})
    signature = "x-amz-customauthorizer-signature"
    for fields in ("", "&token=", "&token=t", f"&token=t&{signature}=AAAA", f"&{signature}=AAAA"):
        assert await gateway.opened(connect(username=f"u?{NAME}=s{fields}")) == refused(NOT_AUTHORIZED[5])
    assert gateway.invoked == []


async def test_client_that_has_hung_up(gateway: Gateway) -> None:
    """A connection that cannot be closed any more is as good as closed."""
    scope = {"type": "websocket", "scheme": "wss", "path": "/mqtt", "headers": [(b"sec-websocket-protocol", b"mqtt")]}

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "websocket.close":
            raise ConnectionResetError

    await gateway.app({**scope, "query_string": b""}, receive, send)
