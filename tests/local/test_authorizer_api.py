"""The authorizer operations of the local IoT API, called with boto3."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local.client.local_aws import LocalAws
from infra.local.client.process import ACCOUNT_ID, REGION
from infra.local.demo.demo_targets import SigningKey

FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:none"
ARN = f"arn:aws:iot:{REGION}:{ACCOUNT_ID}:authorizer"
KEYS = {"key": SigningKey.new().public}


@pytest.fixture
def iot(aws: LocalAws) -> Iterator[Any]:
    """An IoT client; authorizers that a test creates are deleted afterwards."""
    client = aws.client("iot")
    before = {a["authorizerName"] for a in client.list_authorizers()["authorizers"]}
    yield client
    client.clear_default_authorizer()
    for name in {a["authorizerName"] for a in client.list_authorizers()["authorizers"]} - before:
        client.delete_authorizer(authorizerName=name)


def create(iot: Any, name: str = "api", **request: Any) -> dict[str, Any]:
    """Create an authorizer that checks signatures."""
    properties = {"authorizerFunctionArn": FUNCTION, "tokenKeyName": "T", "tokenSigningPublicKeys": KEYS, **request}
    return dict(iot.create_authorizer(authorizerName=name, **properties))


def test_created_authorizer_is_described(iot: Any) -> None:
    """CreateAuthorizer returns name and ARN; DescribeAuthorizer returns every property of the request."""
    since = time.time()
    created = create(iot, status="ACTIVE")
    assert (created["authorizerName"], created["authorizerArn"]) == ("api", f"{ARN}/api")
    described = iot.describe_authorizer(authorizerName="api")["authorizerDescription"]
    assert since - 1 <= described.pop("creationDate").timestamp() <= time.time()
    assert since - 1 <= described.pop("lastModifiedDate").timestamp() <= time.time()
    assert described == {
        "authorizerName": "api",
        "authorizerArn": f"{ARN}/api",
        "authorizerFunctionArn": FUNCTION,
        "tokenKeyName": "T",
        "tokenSigningPublicKeys": KEYS,
        "status": "ACTIVE",
        "signingDisabled": False,
    }
    listed = iot.list_authorizers()["authorizers"]
    assert {"authorizerName": "api", "authorizerArn": f"{ARN}/api"} in listed


def test_updated_authorizer(iot: Any) -> None:
    """UpdateAuthorizer changes the given properties only."""
    create(iot, status="ACTIVE")
    before = iot.describe_authorizer(authorizerName="api")["authorizerDescription"]
    for change in ({"tokenKeyName": "U"}, {"authorizerFunctionArn": f"{FUNCTION}2"}, {"status": "INACTIVE"}):
        updated = iot.update_authorizer(authorizerName="api", **change)
        assert (updated["authorizerName"], updated["authorizerArn"]) == ("api", f"{ARN}/api")
        before |= change
        assert iot.describe_authorizer(authorizerName="api")["authorizerDescription"] == before


@pytest.mark.parametrize("name", ["a", "A_b=c,d@e-1", "a" * 128])
def test_name_of_an_authorizer(iot: Any, name: str) -> None:
    """A name has 1 to 128 letters, digits and _ = , @ -."""
    assert create(iot, name)["authorizerArn"] == f"{ARN}/{name}"
    assert iot.describe_authorizer(authorizerName=name)["authorizerDescription"]["authorizerName"] == name


def test_default_authorizer(iot: Any) -> None:
    """The default authorizer is set, described and cleared."""
    create(iot)
    assert iot.set_default_authorizer(authorizerName="api")["authorizerArn"] == f"{ARN}/api"
    assert iot.describe_default_authorizer()["authorizerDescription"]["authorizerName"] == "api"
    iot.clear_default_authorizer()
    with pytest.raises(ClientError) as refused:
        iot.describe_default_authorizer()
    assert code_and_status(refused.value) == ("ResourceNotFoundException", 404)


def code_and_status(error: ClientError) -> tuple[str, int]:
    """Return an error's AWS code and HTTP status."""
    return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]


def default_then_delete(iot: Any) -> None:
    """Delete the default authorizer."""
    iot.set_default_authorizer(authorizerName="api")
    iot.delete_authorizer(authorizerName="api")


REFUSALS: dict[str, tuple[Callable[[Any], object], str, int]] = {
    "name-with-space": (lambda iot: create(iot, "a b"), "InvalidRequestException", 400),
    "name-too-long": (lambda iot: create(iot, "a" * 129), "InvalidRequestException", 400),
    "name-taken": (create, "ResourceAlreadyExistsException", 409),
    "wrong-property": (lambda iot: create(iot, "b", status="ON"), "InvalidRequestException", 400),
    "described": (lambda iot: iot.describe_authorizer(authorizerName="b"), "ResourceNotFoundException", 404),
    "updated": (lambda iot: iot.update_authorizer(authorizerName="b"), "ResourceNotFoundException", 404),
    "deleted": (lambda iot: iot.delete_authorizer(authorizerName="b"), "ResourceNotFoundException", 404),
    "made-default": (lambda iot: iot.set_default_authorizer(authorizerName="b"), "ResourceNotFoundException", 404),
    "default-deleted": (default_then_delete, "DeleteConflictException", 409),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refused_request(iot: Any, case: str) -> None:
    """An invalid request fails with AWS's error code and changes nothing."""
    create(iot)
    before = iot.list_authorizers()["authorizers"]
    request, *expected = REFUSALS[case]
    with pytest.raises(ClientError) as refused:
        request(iot)
    assert code_and_status(refused.value) == tuple(expected)
    assert iot.list_authorizers()["authorizers"] == before


@pytest.mark.parametrize("body", [b"{", b"\xff"])
def test_body_that_is_not_json(aws: LocalAws, iot: Any, body: bytes) -> None:
    """A body that is not JSON is an invalid request, not a server error."""
    client = aws.client("iot", aws.operator)
    client.meta.events.register("before-sign.iot.CreateAuthorizer", lambda request, **_: setattr(request, "data", body))
    with pytest.raises(ClientError) as refused:
        create(client)
    assert code_and_status(refused.value) == ("InvalidRequestException", 400)
    assert "api" not in [a["authorizerName"] for a in iot.list_authorizers()["authorizers"]]
