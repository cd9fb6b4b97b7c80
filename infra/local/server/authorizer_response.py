"""Validates the response of a custom authorizer's function against AWS IoT Core's limits. Pure functions.

https://docs.aws.amazon.com/iot/latest/developerguide/custom-auth-lambda.html
"""

import json
import re
from collections.abc import Mapping
from typing import Any

Document = str | dict[str, Any]

_MAX_POLICIES = 10
_MAX_POLICY_CHARACTERS = 2048
_PRINCIPAL = re.compile(r"[a-zA-Z0-9]{1,128}")
_INTERVALS = ("disconnectAfterInSeconds", "refreshAfterInSeconds")
_MIN_INTERVAL_SECONDS = 300
_MAX_INTERVAL_SECONDS = 86400


class RefusedError(Exception):
    """The client is refused; the message goes to the server log only."""


def policy_documents(payload: bytes) -> list[Document]:
    """Return the policy documents of a response that authenticates the client, or raise `RefusedError`."""
    try:
        response = json.loads(payload)
    except ValueError:
        response = None
    if not isinstance(response, dict):
        raise RefusedError("the authorizer returned no JSON object")
    _check_identity(response)
    return _checked_documents(response.get("policyDocuments"))


def _check_identity(response: Mapping[str, Any]) -> None:
    if response.get("isAuthenticated") is not True:
        raise RefusedError("the authorizer says that the client is not authenticated")
    principal = response.get("principalId")
    if not isinstance(principal, str) or not _PRINCIPAL.fullmatch(principal):
        raise RefusedError("the authorizer's principalId is not 1 to 128 letters and digits")
    for name in _INTERVALS:
        seconds = response.get(name)
        if not isinstance(seconds, int) or not _MIN_INTERVAL_SECONDS <= seconds <= _MAX_INTERVAL_SECONDS:
            raise RefusedError(f"the authorizer's {name} is not 300 to 86400")


def _checked_documents(documents: object) -> list[Document]:
    if not isinstance(documents, list):
        raise RefusedError("the authorizer's policyDocuments is not a list")
    if len(documents) > _MAX_POLICIES:
        raise RefusedError("the authorizer returned more than ten policy documents")
    if not all(_is_policy(document) for document in documents):
        raise RefusedError("a policy document of the authorizer is not JSON of at most 2048 characters")
    return documents


def _is_policy(document: object) -> bool:
    if isinstance(document, dict):
        return len(json.dumps(document, separators=(",", ":"))) <= _MAX_POLICY_CHARACTERS
    if not isinstance(document, str) or len(document) > _MAX_POLICY_CHARACTERS:
        return False
    try:
        return isinstance(json.loads(document), dict)
    except ValueError:
        return False
