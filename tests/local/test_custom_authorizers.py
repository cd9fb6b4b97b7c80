"""Each rule of AWS IoT Core's custom authentication: one case that violates it, and the nearest valid one."""

import base64
import json
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.exceptions import ClientError

from infra.local.client.process import ACCOUNT_ID, REGION
from infra.local.demo.demo_targets import SigningKey
from tests.local.gateway import (
    ABSENT,
    ACCEPTED,
    CLIENTS,
    DENIED,
    NAME,
    REFUSED,
    RIGHT,
    TOKEN_KEY,
    Gateway,
    policy,
    returns,
)
from tests.local.mqtt_client import MQTT_5, Reply, connect_packet, exchange, frame


@pytest.fixture(scope="module")
def authorizer(gateway: Gateway) -> str:
    """An active, unsigned authorizer with permission to invoke its function."""
    return gateway.create()


def padded(characters: int) -> str:
    """Return a policy document of this length that allows the connection."""
    return policy() + " " * (characters - len(policy()))


# A member of the response, an invalid value, and the nearest valid one.
RESPONSES: Mapping[str, tuple[str, Any, Any]] = {
    "not-authenticated": ("isAuthenticated", False, True),
    "authenticated-missing": ("isAuthenticated", ABSENT, True),
    "authenticated-null": ("isAuthenticated", None, True),
    "authenticated-text": ("isAuthenticated", "true", True),
    "authenticated-number": ("isAuthenticated", 1, True),
    "principal-missing": ("principalId", ABSENT, "a"),
    "principal-null": ("principalId", None, "None"),
    "principal-number": ("principalId", 12, "12"),
    "principal-empty": ("principalId", "", "Z"),
    "principal-too-long": ("principalId", "a" * 129, "a" * 128),
    "principal-with-dash": ("principalId", "a-b", "aB9"),
    "principal-with-accent": ("principalId", "d\u00e9vice", "device"),
    "principal-with-line-end": ("principalId", "device\n", "device"),
    "disconnect-missing": ("disconnectAfterInSeconds", ABSENT, 300),
    "disconnect-too-soon": ("disconnectAfterInSeconds", 299, 300),
    "disconnect-too-late": ("disconnectAfterInSeconds", 86401, 86400),
    "disconnect-text": ("disconnectAfterInSeconds", "300", 300),
    "refresh-missing": ("refreshAfterInSeconds", ABSENT, 300),
    "refresh-too-soon": ("refreshAfterInSeconds", 299, 300),
    "refresh-too-late": ("refreshAfterInSeconds", 86401, 86400),
    "eleven-policies": ("policyDocuments", [policy()] * 11, [policy()] * 10),
    "policy-too-long": ("policyDocuments", [padded(2049)], [padded(2048)]),
    "policies-no-list": ("policyDocuments", policy(), [policy()]),
    "policies-missing": ("policyDocuments", ABSENT, [json.loads(policy())]),
    "policy-no-document": ("policyDocuments", [policy(), 1], [policy()]),
    "policy-no-json": ("policyDocuments", [policy(), "Allow"], [policy(), "{}"]),
}
DENIALS: Mapping[str, tuple[list[str], list[str]]] = {
    "no-policy": ([], [policy()]),
    "another-action": ([policy(action="iot:Publish")], [policy(action="iot:*")]),
    "another-client": ([policy(resource=f"{CLIENTS}/other-*")], [policy(resource=f"{CLIENTS}/test-1")]),
    "another-account": ([policy(resource=f"arn:aws:iot:{REGION}:210987654321:client/*")], [policy(resource="*")]),
    "another-region": ([policy(resource=f"arn:aws:iot:us-east-1:{ACCOUNT_ID}:client/*")], [policy()]),
    "denied-beside": ([policy(), policy("Deny")], [policy(), policy("Deny", resource=f"{CLIENTS}/other-1")]),
    "another-domain": (
        [policy(StringEquals={"iot:DomainName": "elsewhere.example"})],
        [policy(StringEquals={"iot:DomainName": "localhost"})],
    ),
    "client-denied-by-name": (
        [policy(), policy("Deny", StringEquals={"iot:ClientId": "test-1"})],
        [policy(), policy("Deny", StringEquals={"iot:ClientId": "test-2"})],
    ),
}


@pytest.mark.parametrize("case", RESPONSES)
def test_response_that_breaks_one_rule(gateway: Gateway, authorizer: str, case: str, version: int) -> None:
    """A response with one invalid member refuses the client; the nearest valid one accepts it."""
    member, wrong, right = RESPONSES[case]
    assert gateway.connect({NAME: authorizer}, returns(**{member: wrong}), version=version) == REFUSED[version]
    assert gateway.connect({NAME: authorizer}, returns(**{member: right}), version=version) == ACCEPTED[version]


@pytest.mark.parametrize("case", DENIALS)
def test_policies_that_do_not_allow_the_client(gateway: Gateway, authorizer: str, case: str, version: int) -> None:
    """A client is denied without a policy that allows it, or with one that denies it."""
    wrong, right = DENIALS[case]
    for documents, expected in ((wrong, DENIED), (right, ACCEPTED)):
        reply = gateway.connect({NAME: authorizer}, returns(policyDocuments=documents), version=version)
        assert reply == expected[version]


@pytest.mark.parametrize("response", [[RIGHT], "true", True, None, 1])
def test_response_that_is_no_object(gateway: Gateway, authorizer: str, response: object) -> None:
    """A response that is not a JSON object refuses the client."""
    assert gateway.connect({NAME: authorizer}, {"returns": response}) == REFUSED[MQTT_5]


def test_function_that_raises(gateway: Gateway, authorizer: str, version: int) -> None:
    """A function error refuses the client, even if the error message is a valid response."""
    script = {"raises": json.dumps(RIGHT), "returns": RIGHT}
    assert gateway.connect({NAME: authorizer}, script, version=version) == REFUSED[version]


def test_function_that_is_gone(gateway: Gateway) -> None:
    """An authorizer whose function does not exist refuses the client."""
    name = gateway.create(authorizerFunctionArn=f"{gateway.function_arn}-gone", permitted=False)
    assert gateway.connect({NAME: name}) == REFUSED[MQTT_5]


def test_event_of_the_function(gateway: Gateway, version: int) -> None:
    """The event has the fields of the developer guide: TLS, HTTP and MQTT, the password in base64."""
    name, client_id = gateway.create(), f"test-event-{version}"
    sent = connect_packet(version, client_id, username="user", password=json.dumps({"returns": RIGHT}).encode())
    query = urlencode({NAME: name, "a b": "c"})
    assert exchange(gateway.aws, frame(sent), query=query, headers={"X-Extra": "1"}) == ACCEPTED[version]
    (event,) = gateway.events(client_id)
    assert uuid.UUID(event.pop("connectionMetadata").pop("id"))
    http = event["protocolData"].pop("http")
    assert http["queryString"] == f"?{query}"
    assert http["headers"].items() >= {"host": gateway.aws.iot_endpoint, "x-extra": "1", "upgrade": "websocket"}.items()
    password = base64.b64encode(json.dumps({"returns": RIGHT}).encode()).decode()
    assert event == {
        "signatureVerified": False,
        "protocols": ["tls", "http", "mqtt"],
        "protocolData": {
            "tls": {"serverName": "localhost"},
            "mqtt": {"clientId": client_id, "username": "user", "password": password},
        },
    }


def test_event_without_user_name_and_password(gateway: Gateway) -> None:
    """The event omits fields that the client does not send."""
    sent = connect_packet(MQTT_5, "test-bare")
    assert exchange(gateway.aws, frame(sent), headers={NAME: gateway.create()}) == REFUSED[MQTT_5]
    (event,) = gateway.events("test-bare")
    assert event["protocolData"]["mqtt"] == {"clientId": "test-bare"}
    assert event["protocolData"]["http"]["queryString"] == ""
    assert "token" not in event


def test_function_slower_than_five_seconds(gateway: Gateway, authorizer: str) -> None:
    """A response after 12 s is too late and one after 3 s is not; the refusal is sent after 5 s."""

    def connect(sleep_s: float) -> tuple[Reply, float]:
        started = time.monotonic()
        reply = gateway.connect({NAME: authorizer}, {"sleep_s": sleep_s, "returns": RIGHT})
        return reply, time.monotonic() - started

    with ThreadPoolExecutor() as pool:
        (late, late_s), (early, early_s) = pool.map(connect, (12, 3))
    assert late == REFUSED[MQTT_5]
    assert 5 <= late_s < 12
    assert early == ACCEPTED[MQTT_5]
    assert early_s >= 3


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        {"Principal": "iotevents.amazonaws.com"},
        {"Principal": ACCOUNT_ID},
        {"Action": "lambda:GetFunction"},
        {"SourceArn": f"arn:aws:iot:{REGION}:{ACCOUNT_ID}:authorizer/another"},
        {"SourceAccount": "210987654321"},
    ],
    ids=["none", "service", "account", "action", "source-arn", "source-account"],
)
def test_aws_iot_may_not_invoke_the_function(gateway: Gateway, wrong: Mapping[str, str] | None) -> None:
    """The function needs a permission for iot.amazonaws.com to invoke it for this authorizer."""
    name = gateway.create(permitted=False)
    arn = gateway.aws.client("iot").describe_authorizer(authorizerName=name)["authorizerDescription"]["authorizerArn"]
    if wrong is not None:
        gateway.permit(**{"SourceArn": arn, **wrong})
    assert gateway.connect({NAME: name}) == REFUSED[MQTT_5]
    gateway.permit(SourceArn=arn, SourceAccount=ACCOUNT_ID)
    assert gateway.connect({NAME: name}) == ACCEPTED[MQTT_5]


def test_authorizer_that_is_not_active(gateway: Gateway, version: int) -> None:
    """An INACTIVE authorizer refuses every client, an ACTIVE one accepts."""
    name, iot = gateway.create(status="INACTIVE"), gateway.aws.client("iot")
    assert gateway.connect({NAME: name}, version=version) == REFUSED[version]
    iot.update_authorizer(authorizerName=name, status="ACTIVE")
    assert gateway.connect({NAME: name}, version=version) == ACCEPTED[version]
    iot.update_authorizer(authorizerName=name, status="INACTIVE")
    assert gateway.connect({NAME: name}, version=version) == REFUSED[version]


def test_authorizer_that_does_not_exist(gateway: Gateway, authorizer: str, version: int) -> None:
    """An unknown name, or one in another case, refuses the client."""
    for name in ("unknown", authorizer.upper()):
        assert gateway.connect({NAME: name}, version=version) == REFUSED[version]
    assert gateway.connect({NAME: authorizer}, version=version) == ACCEPTED[version]


def test_default_authorizer(gateway: Gateway, version: int) -> None:
    """A client that names no authorizer is refused unless there is an active default authorizer."""
    name, iot = gateway.create(), gateway.aws.client("iot")
    assert gateway.connect({}, version=version) == REFUSED[version]
    iot.set_default_authorizer(authorizerName=name)
    try:
        assert gateway.connect({}, version=version) == ACCEPTED[version]
        assert gateway.connect({NAME: "unknown"}, version=version) == REFUSED[version]
        iot.update_authorizer(authorizerName=name, status="INACTIVE")
        assert gateway.connect({}, version=version) == REFUSED[version]
    finally:
        iot.clear_default_authorizer()
    iot.update_authorizer(authorizerName=name, status="ACTIVE")
    assert gateway.connect({}, version=version) == REFUSED[version]


@pytest.mark.parametrize(
    "changes",
    [
        {"authorizerFunctionArn": "none"},
        {"tokenKeyName": ""},
        {"tokenSigningPublicKeys": {}},
        {"tokenSigningPublicKeys": {"k": "no key"}},
        {"status": "SLEEPING"},
    ],
)
def test_authorizer_that_could_never_work(gateway: Gateway, changes: Mapping[str, Any]) -> None:
    """CreateAuthorizer and UpdateAuthorizer reject an invalid property and change nothing."""
    right: dict[str, Any] = {
        "signingDisabled": False,
        "tokenKeyName": TOKEN_KEY,
        "tokenSigningPublicKeys": {"k": SigningKey.new().public},
    }
    with pytest.raises(ClientError, match="InvalidRequestException"):
        gateway.create(**{**right, **changes})
    name, iot = gateway.create(**right), gateway.aws.client("iot")
    before = iot.describe_authorizer(authorizerName=name)["authorizerDescription"]
    with pytest.raises(ClientError, match="InvalidRequestException"):
        iot.update_authorizer(authorizerName=name, **changes)
    assert iot.describe_authorizer(authorizerName=name)["authorizerDescription"] == before
