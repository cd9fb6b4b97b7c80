"""The IoT API's part about authorizers, request by request; MiniStack is a stand-in here and real in tests/local."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pytest

from infra.local.demo.demo_targets import SigningKey
from infra.local.server import ministack_patches
from infra.local.server.authorizers import Authorizers, install_authorizers_api
from tests.unit.stand_in_ministack import PutInPlace, Requests, stand_in

__all__ = ["stand_in"]

FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:f"
ARN = "arn:aws:iot:eu-west-1:123456789012:authorizer"
KEYS = {"k": SigningKey.new().public}
SIGNED: dict[str, Any] = {
    "authorizerFunctionArn": FUNCTION,
    "tokenKeyName": "T",
    "tokenSigningPublicKeys": KEYS,
    "status": "ACTIVE",
}
UNSIGNED: dict[str, Any] = {"authorizerFunctionArn": FUNCTION, "signingDisabled": True, "status": "ACTIVE"}
HEADERS = {"Content-Type": "application/json"}


class Api:
    """The API, asked without a connection."""

    def __init__(self, stand_in: PutInPlace) -> None:
        self.authorizers = Authorizers()
        self.original = Requests(404, b"original")
        stand_in(ministack_patches.IOT_REQUESTS, self.original)
        stand_in(ministack_patches.ACCOUNT_ID, lambda: "123456789012")
        stand_in(ministack_patches.REGION, lambda: "eu-west-1")
        install_authorizers_api(self.authorizers)

    async def send(self, method: str, path: str, body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body of a response."""
        status, headers, answer = await ministack_patches.IOT_REQUESTS.original()(method, path, {"h": "1"}, body, {})
        return status, headers, answer

    async def ask(self, method: str, path: str, request: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the body of a request that is served."""
        status, headers, body = await self.send(method, path, b"" if request is None else json.dumps(request).encode())
        assert (status, headers) == (200, HEADERS), body
        return dict(json.loads(body))

    async def refused(self, method: str, path: str, request: Mapping[str, Any] | None = None) -> tuple[int, str]:
        """Return status and error of a request that is refused."""
        status, headers, body = await self.send(method, path, b"" if request is None else json.dumps(request).encode())
        assert headers["Content-Type"] == "application/json"
        assert json.loads(body).keys() == {"message"}
        return status, headers["x-amzn-ErrorType"]

    async def described(self, name: str) -> dict[str, Any]:
        """Return an authorizer as it is described, without its times."""
        found: dict[str, Any] = (await self.ask("GET", f"/authorizer/{name}"))["authorizerDescription"]
        assert time.time() - 60 < found.pop("creationDate") == found.pop("lastModifiedDate") <= time.time()
        return found


@pytest.fixture
def api(stand_in: PutInPlace) -> Api:
    """The API without any authorizer."""
    return Api(stand_in)


async def test_created_described_and_listed(api: Api) -> None:
    """An authorizer is described as it was created, and listed with the others."""
    assert await api.ask("POST", "/authorizer/a", SIGNED) == {"authorizerName": "a", "authorizerArn": f"{ARN}/a"}
    await api.ask("POST", "/authorizer/b", {"authorizerFunctionArn": FUNCTION, "signingDisabled": True})
    signed = {"authorizerName": "a", "authorizerArn": f"{ARN}/a", "signingDisabled": False, **SIGNED}
    assert await api.described("a") == signed
    unsigned = {"tokenKeyName": "", "tokenSigningPublicKeys": {}, "status": "INACTIVE", "signingDisabled": True}
    assert await api.described("b") == {
        "authorizerName": "b",
        "authorizerArn": f"{ARN}/b",
        "authorizerFunctionArn": FUNCTION,
        **unsigned,
    }
    listed = [{"authorizerName": name, "authorizerArn": f"{ARN}/{name}"} for name in "ab"]
    assert await api.ask("GET", "/authorizers") == await api.ask("GET", "/authorizers/") == {"authorizers": listed}


async def test_updated(api: Api) -> None:
    """An update changes what it names, leaves the rest, and never whether signatures are checked."""
    await api.ask("POST", "/authorizer/a", SIGNED)
    expected = await api.described("a")
    others = {"l": SigningKey.new().public}
    for change in (
        {"authorizerFunctionArn": f"{FUNCTION}2"},
        {"tokenKeyName": "U"},
        {"tokenSigningPublicKeys": others},
        {"status": "INACTIVE"},
        {"tokenKeyName": "V"},
        {"status": "ACTIVE"},
    ):
        answered = await api.ask("PUT", "/authorizer/a", change)
        assert answered == {"authorizerName": "a", "authorizerArn": f"{ARN}/a"}
        expected |= change
        assert await api.described("a") == expected
    await api.ask("PUT", "/authorizer/a", {"signingDisabled": True})
    assert await api.described("a") == expected


async def test_found_by_a_client(api: Api) -> None:
    """A client finds active authorizers by name, and the default one without a name."""
    await api.ask("POST", "/authorizer/on", UNSIGNED)
    await api.ask("POST", "/authorizer/off", {**UNSIGNED, "status": "INACTIVE"})
    found = api.authorizers.find("on")
    assert found is not None
    assert found.name == "on"
    assert [api.authorizers.find(name) for name in ("off", "none", "")] == [None, None, None]
    assert await api.ask("POST", "/default-authorizer", {"authorizerName": "on"}) == {
        "authorizerName": "on",
        "authorizerArn": f"{ARN}/on",
    }
    assert api.authorizers.find("") is found
    assert await api.ask("DELETE", "/default-authorizer") == {}
    assert api.authorizers.find("") is None


async def test_default_authorizer(api: Api) -> None:
    """The default authorizer is described, and cannot be deleted until another one, or none, is the default."""
    assert await api.refused("GET", "/default-authorizer") == (404, "ResourceNotFoundException")
    await api.ask("POST", "/authorizer/a", UNSIGNED)
    await api.ask("POST", "/authorizer/b", UNSIGNED)
    await api.ask("POST", "/default-authorizer", {"authorizerName": "a"})
    described = await api.ask("GET", "/default-authorizer")
    assert described == await api.ask("GET", "/authorizer/a")
    assert await api.refused("DELETE", "/authorizer/a") == (409, "DeleteConflictException")
    await api.ask("POST", "/default-authorizer", {"authorizerName": "b"})
    assert await api.ask("DELETE", "/authorizer/a") == {}
    assert await api.refused("GET", "/authorizer/a") == (404, "ResourceNotFoundException")


NO_RSA = (
    "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----"
)
WRONG: Mapping[str, Mapping[str, Any]] = {
    "no-function": {"authorizerFunctionArn": ""},
    "another-services-arn": {"authorizerFunctionArn": "arn:aws:sns:eu-west-1:123456789012:function:f"},
    "status": {"status": "ON"},
    "no-token-key-name": {"tokenKeyName": ""},
    "no-public-key": {"tokenSigningPublicKeys": {}},
    "bad-public-key": {"tokenSigningPublicKeys": {"k": "none"}},
    "one-bad-public-key": {"tokenSigningPublicKeys": {**KEYS, "l": NO_RSA}},
    "public-key-is-no-text": {"tokenSigningPublicKeys": {"k": 1}},
}


@pytest.mark.parametrize("case", WRONG)
async def test_wrong_request(api: Api, case: str) -> None:
    """A wrong request is refused and changes nothing, be it to create or to update."""
    assert await api.refused("POST", "/authorizer/a", {**SIGNED, **WRONG[case]}) == (400, "InvalidRequestException")
    await api.ask("POST", "/authorizer/a", SIGNED)
    before = await api.described("a")
    assert await api.refused("PUT", "/authorizer/a", WRONG[case]) == (400, "InvalidRequestException")
    assert await api.described("a") == before


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("POST", "/authorizer/a", 409, "ResourceAlreadyExistsException"),
        ("POST", "/authorizer/" + quote("a b"), 400, "InvalidRequestException"),
        ("POST", "/authorizer/" + quote("é"), 400, "InvalidRequestException"),
        ("POST", "/authorizer/" + "a" * 129, 400, "InvalidRequestException"),
        ("PUT", "/authorizer/b", 404, "ResourceNotFoundException"),
        ("GET", "/authorizer/b", 404, "ResourceNotFoundException"),
        ("DELETE", "/authorizer/b", 404, "ResourceNotFoundException"),
    ],
)
async def test_refused_by_name(api: Api, method: str, path: str, status: int, error: str) -> None:
    """A name that is taken, wrong or unknown is refused in AWS's words."""
    await api.ask("POST", "/authorizer/a", UNSIGNED)
    assert await api.refused(method, path, UNSIGNED) == (status, error)
    assert [each["authorizerName"] for each in api.authorizers.as_list_response()] == ["a"]


@pytest.mark.parametrize("name", ["a", "A_b=c,d@e-1", "a" * 128])
async def test_allowed_name(api: Api, name: str) -> None:
    """A name is read from the path, where some signs are escaped."""
    answered = await api.ask("POST", f"/authorizer/{quote(name)}", UNSIGNED)
    assert answered == {"authorizerName": name, "authorizerArn": f"{ARN}/{name}"}


async def test_default_that_is_unknown(api: Api) -> None:
    """Only an authorizer that exists is made the default one."""
    for request in ({"authorizerName": "b"}, {}):
        assert await api.refused("POST", "/default-authorizer", request) == (404, "ResourceNotFoundException")


@pytest.mark.parametrize("body", [b"{", b"\xff"])
async def test_body_that_is_not_json(api: Api, body: bytes) -> None:
    """A body that is not JSON is an invalid request, where it is about authorizers."""
    status, headers, _ = await api.send("POST", "/authorizer/a", body)
    assert (status, headers["x-amzn-ErrorType"]) == (400, "InvalidRequestException")
    assert await api.send("POST", "/things/a", body) == (404, {"x": "original"}, b"original")


async def test_body_that_is_no_object(api: Api) -> None:
    """Any other JSON says nothing."""
    status, headers, _ = await api.send("POST", "/authorizer/a", b"[1]")
    assert (status, headers["x-amzn-ErrorType"]) == (400, "InvalidRequestException")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/authorizers"),
        ("PATCH", "/authorizer/a"),
        ("PUT", "/default-authorizer"),
        ("GET", "/authorizer"),
        ("GET", "/authorizer/a/b"),
        ("GET", "/endpoint"),
    ],
)
async def test_other_requests_are_ministacks(api: Api, method: str, path: str) -> None:
    """What is not about authorizers goes on as it came."""
    assert await api.send(method, path, b"{}") == (404, {"x": "original"}, b"original")
    assert api.original.asked == [(method, path, {"h": "1"}, b"{}", {})]


async def test_refusal_says_why(api: Api) -> None:
    """The message of a refused request is a sentence with the authorizer's name."""
    _, _, body = await api.send("GET", "/authorizer/b")
    assert json.loads(body) == {"message": "Authorizer b does not exist."}
