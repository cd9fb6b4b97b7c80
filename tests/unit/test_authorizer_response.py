"""Which responses of a custom authorizer's function the local AWS accepts."""

import json
from typing import Any

import pytest

from infra.local.server.authorizer_response import RefusedError, policy_documents

DOCUMENT = '{"Version": "2012-10-17", "Statement": []}'
RIGHT: dict[str, Any] = {
    "isAuthenticated": True,
    "principalId": "device1",
    "disconnectAfterInSeconds": 3600,
    "refreshAfterInSeconds": 300,
    "policyDocuments": [DOCUMENT],
}
ABSENT = object()
# In the shortest form of its JSON.
EXACTLY_2048 = {"a": "x" * 2034, "b": 1}


def payload(**changes: Any) -> bytes:
    """Return the JSON of a valid response with some members changed or omitted."""
    return json.dumps({k: v for k, v in {**RIGHT, **changes}.items() if v is not ABSENT}).encode()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"principalId": "a"},
        {"principalId": "Z" * 128},
        {"principalId": "0"},
        {"disconnectAfterInSeconds": 300},
        {"disconnectAfterInSeconds": 86_400},
        {"refreshAfterInSeconds": 86_400},
        {"policyDocuments": []},
        {"policyDocuments": [DOCUMENT] * 10},
        {"policyDocuments": [DOCUMENT.ljust(2048)]},
        {"policyDocuments": [json.loads(DOCUMENT), DOCUMENT]},
        {"policyDocuments": [EXACTLY_2048]},
        {"another": "member"},
    ],
)
def test_response_within_every_limit(changes: dict[str, Any]) -> None:
    """A valid response, also at each limit, returns its policy documents unchanged."""
    assert policy_documents(payload(**changes)) == {**RIGHT, **changes}["policyDocuments"]


@pytest.mark.parametrize("value", [False, None, "true", "True", 1, [], {}, ABSENT])
def test_client_is_authenticated_by_true_only(value: object) -> None:
    """Only the JSON value true authenticates a client."""
    with pytest.raises(RefusedError, match="not authenticated"):
        policy_documents(payload(isAuthenticated=value))


@pytest.mark.parametrize("value", [ABSENT, None, "", "a" * 129, "a-b", "a b", "\u00e9", "device\n", 1, True, ["a"]])
def test_principal_id(value: object) -> None:
    """A principalId is text of 1 to 128 letters and digits of ASCII."""
    with pytest.raises(RefusedError, match="principalId is not 1 to 128"):
        policy_documents(payload(principalId=value))


@pytest.mark.parametrize("name", ["disconnectAfterInSeconds", "refreshAfterInSeconds"])
@pytest.mark.parametrize("value", [ABSENT, None, 0, 299, 86_401, -300, "300", 300.5, True])
def test_interval(name: str, value: object) -> None:
    """Both intervals are whole numbers of seconds from 300 to 86400."""
    with pytest.raises(RefusedError, match=f"{name} is not 300 to 86400"):
        policy_documents(payload(**{name: value}))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (ABSENT, "not a list"),
        (None, "not a list"),
        (DOCUMENT, "not a list"),
        (json.loads(DOCUMENT), "not a list"),
        ([DOCUMENT] * 11, "more than ten"),
        ([DOCUMENT, DOCUMENT.ljust(2049)], "at most 2048 characters"),
        ([{**EXACTLY_2048, "b": 12}], "at most 2048 characters"),
        ([DOCUMENT, "Allow"], "not JSON"),
        ([DOCUMENT, "[]"], "not JSON"),
        ([DOCUMENT, 1], "not JSON"),
        ([DOCUMENT, None], "not JSON"),
    ],
)
def test_policy_documents(value: object, reason: str) -> None:
    """Policies are a list of at most ten JSON objects or strings of 2048 characters each."""
    with pytest.raises(RefusedError, match=reason):
        policy_documents(payload(policyDocuments=value))


@pytest.mark.parametrize("body", [b"", b"null", b"true", b"[]", b'"text"', b"{", b"\xff"])
def test_no_json_object(body: bytes) -> None:
    """A payload that is not a JSON object is refused."""
    with pytest.raises(RefusedError, match="no JSON object"):
        policy_documents(body)
