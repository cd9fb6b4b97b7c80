"""SigV4 at the upgrade: a client with an invalid signature or policy is refused."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http.client import HTTPResponse
from typing import Any

import pytest

from infra.local.client.local_aws import AccessKey, LocalAws
from infra.local.client.process import ACCOUNT_ID, REGION
from tests.local.gateway import ACCEPTED, DENIED, REFUSED
from tests.local.mqtt_client import MQTT_5, Reply, connect_packet, exchange, frame, open_websocket
from tests.local.signer import PREFIX, Signer, user

FORBIDDEN = Reply(status=403)


@pytest.fixture(scope="module")
def right(aws: LocalAws) -> Signer:
    """A user that may connect under the prefix."""
    return user(aws, "upgrade-right", ("Allow", "iot:Connect", PREFIX))


def connect(aws: LocalAws, query: str, *, version: int = MQTT_5, client_id: str = "test-1") -> Reply:
    """Upgrade with a query string and send a CONNECT."""
    return exchange(aws, frame(connect_packet(version, client_id)), query=query)


def test_right_signature(aws: LocalAws, right: Signer, version: int) -> None:
    """A valid signature is accepted, in the query string and in the header, also minutes later."""
    assert connect(aws, right.query(aws.iot_endpoint), version=version) == ACCEPTED[version]
    assert (
        connect(aws, replace(right, age=timedelta(minutes=4)).query(aws.iot_endpoint), version=version)
        == ACCEPTED[version]
    )
    headers = right.headers(aws.iot_endpoint)
    assert exchange(aws, frame(connect_packet(version)), headers=headers) == ACCEPTED[version]


WRONG: dict[str, dict[str, Any]] = {
    "region": {"region": "us-east-1"},
    "service": {"service": "iotdata"},
    "hour-old": {"age": timedelta(hours=1)},
    "hour-ahead": {"age": timedelta(hours=-1)},
}


@pytest.mark.parametrize("case", WRONG)
def test_signed_for_another_scope_or_time(aws: LocalAws, right: Signer, case: str) -> None:
    """A signature for another region, service or hour is refused, in the query string and in the header."""
    wrong = replace(right, **WRONG[case])
    assert connect(aws, wrong.query(aws.iot_endpoint)) == FORBIDDEN
    headers = wrong.headers(aws.iot_endpoint)
    assert exchange(aws, frame(connect_packet()), headers=headers) == FORBIDDEN


def test_signed_with_another_key(aws: LocalAws, right: Signer) -> None:
    """A wrong secret, an unknown key id, and the root key with any secret are refused."""
    keys, root = right.key, aws.server
    wrong = (
        replace(keys, secret_access_key="w" * 40),
        replace(keys, access_key_id="AKIAUNKNOWNUNKNOWN00"),
        AccessKey(access_key_id=root.root_key_id, secret_access_key="w" * 40),
        AccessKey(access_key_id=root.root_key_id, secret_access_key=root.root_secret),
        AccessKey(access_key_id="test", secret_access_key="test"),
    )
    replies = [connect(aws, Signer(key=each).query(aws.iot_endpoint)) for each in wrong]
    assert replies == [FORBIDDEN] * len(wrong)


def tampered(query: str) -> Iterator[str]:
    """Yield variants of a signed query string with one change each."""
    parameters = query.split("&")
    yield f"{query}&added=1"
    yield query[:-1] + ("0" if query[-1] != "0" else "1")
    for each in parameters:
        yield "&".join(other for other in parameters if other != each)
    yield query.replace("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=")


def test_signed_query_changed(aws: LocalAws, right: Signer) -> None:
    """A signed query string with anything added, changed or removed is refused."""
    query = right.query(aws.iot_endpoint)
    replies = {each: connect(aws, each) for each in tampered(query)}
    assert len(replies) >= 7
    assert replies == dict.fromkeys(replies, FORBIDDEN)


def test_signed_for_another_host(aws: LocalAws, right: Signer) -> None:
    """A signature for another host is refused."""
    assert connect(aws, right.query("abc-ats.iot.eu-west-1.amazonaws.com")) == FORBIDDEN


@pytest.mark.parametrize(
    "query",
    [
        "X-Amz-Algorithm=AWS4-HMAC-SHA256",
        "X-Amz-Credential=test/20260101/eu-west-1/iotdevicegateway/aws4_request",
        "X-Amz-Credential=123456789012/20260101/eu-west-1/iotdevicegateway/aws4_request&X-Amz-Signature=0",
        "X-Amz-Signature=0",
        "x-amz-signature=0",
    ],
)
def test_half_a_signature(aws: LocalAws, query: str) -> None:
    """A request with parts of a signature but no valid one is refused at the upgrade."""
    assert connect(aws, query) == FORBIDDEN


@pytest.mark.parametrize("value", ["AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=a, Signature=0"])
def test_half_a_signature_in_the_header(aws: LocalAws, value: str) -> None:
    """The same in the Authorization header is refused at the upgrade."""
    assert exchange(aws, frame(connect_packet()), headers={"Authorization": value}) == FORBIDDEN


def test_no_signature(aws: LocalAws, version: int) -> None:
    """A client without a signature and an authorizer is refused with a CONNACK."""
    assert connect(aws, "", version=version) == REFUSED[version]
    basic = exchange(aws, frame(connect_packet(version)), headers={"Authorization": "Basic dGVzdDp0ZXN0"})
    assert basic == REFUSED[version]


DENIALS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "no-statement-on-iot": (("Allow", "sts:GetCallerIdentity", "*"),),
    "another-action": (("Allow", "iot:Publish", "*"),),
    "another-prefix": (("Allow", "iot:Connect", PREFIX.replace("test-", "other-")),),
    "another-account": (("Allow", "iot:Connect", PREFIX.replace(ACCOUNT_ID, "210987654321")),),
    "another-region": (("Allow", "iot:Connect", PREFIX.replace(REGION, "us-east-1")),),
    "denied": (("Allow", "iot:*", "*"), ("Deny", "iot:Connect", PREFIX)),
}


@pytest.mark.parametrize("case", DENIALS)
def test_policy_does_not_allow_the_client(aws: LocalAws, case: str, version: int) -> None:
    """A valid signature of a user whose policy does not allow the client id is denied after the upgrade."""
    signer = user(aws, f"upgrade-{case}-{version}", *DENIALS[case])
    assert connect(aws, signer.query(aws.iot_endpoint), version=version) == DENIED[version]


def test_client_id_outside_the_prefix(aws: LocalAws, right: Signer, version: int) -> None:
    """The policy matches the client id case-sensitively."""
    query = right.query(aws.iot_endpoint)
    for client_id in ("other-1", "Test-1", "test"):
        assert connect(aws, query, version=version, client_id=client_id) == DENIED[version]
    assert connect(aws, query, version=version, client_id="test-") == ACCEPTED[version]


@pytest.mark.parametrize(
    ("target", "status", "name", "message"),
    [
        ("/mqtt?X-Amz-Signature=0", 403, "ForbiddenException", "Forbidden"),
        ("/other", 404, "BadRequestException", "Bad request"),
    ],
)
def test_response_of_a_refused_upgrade(aws: LocalAws, target: str, status: int, name: str, message: str) -> None:
    """The response has AWS's error type, and the same request id in its headers and its body."""
    with open_websocket(aws, target) as connection:
        response = HTTPResponse(connection)
        response.begin()
        body = json.loads(response.read())
    assert (response.status, response.headers["x-amzn-ErrorType"], body["message"]) == (status, name, message)
    assert response.headers["x-amzn-RequestId"] == body["traceId"] != ""
