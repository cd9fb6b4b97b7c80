"""Stands in for what MiniStack knows of keys and signatures; it is real in tests/local/test_closed.py."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from infra.local.server import ministack_patches
from infra.local.server.request_signature import ApiRequest, RequestSignatures
from tests.unit.stand_in_ministack import PutInPlace, stand_in

__all__ = ["stand_in"]

API, ACCOUNT, ROOT = "127.0.0.1:4566", "123456789012", "local-root"


@dataclass
class MiniStack:
    """Stands in for what MiniStack knows of keys, signatures and services."""

    secrets: dict[tuple[str, str, str], str]
    valid: bool = True
    skewed: tuple[str, str] | None = None
    expired: bool = False
    verified: list[tuple[Any, ...]] = field(default_factory=list)

    def put_in_place(self, stand_in: PutInPlace) -> None:
        """Give each name its stand-in."""
        for patch, value in (
            (ministack_patches.IS_ROOT_KEY, lambda key: key in {"", "test", ROOT, ACCOUNT}),
            (ministack_patches.ACCOUNT_OF_KEY, self._account_of_key),
            (ministack_patches.ACCOUNT_OF_SESSION, lambda key: "2" * 12 if key == "ASIA" else None),
            (ministack_patches.RESOLVE_CREDENTIAL, self._resolve),
            (ministack_patches.RESOLVED_CREDENTIAL, SimpleNamespace),
            (ministack_patches.PARSE_HEADER_SIGNATURE, self._parse_header),
            (ministack_patches.PARSE_QUERY_SIGNATURE, self._parse_query),
            (ministack_patches.KEY_OF_REQUEST, self._key),
            (ministack_patches.TIME_FAILURE, lambda _signature: self.skewed),
            (ministack_patches.IS_EXPIRED, lambda _date, _expires: self.expired),
            (ministack_patches.SIGNATURE_FAILURE, self._verify),
            (ministack_patches.DECODE_HEADER, bytes.decode),
            (ministack_patches.ROUTING_PARAMETERS, lambda *request: {"routed": request[3].decode()}),
            (ministack_patches.SERVICE_OF_REQUEST, lambda method, path, _headers, query: (method, path, query)),
            (ministack_patches.CREDENTIAL_FAILURE, self._failure),
        ):
            stand_in(patch, value)

    def _account_of_key(self, key: str) -> str | None:
        if key == "AKIATWICE":
            raise ValueError(key)
        return "1" * 12 if key == "AKIA" else None

    def _resolve(self, key: str, account: str, token: str) -> object:
        secret = self.secrets.get((key, account, token))
        if secret:
            return SimpleNamespace(secret_access_key=secret)
        error = Unresolved()
        error.code = "InvalidToken" if key == "ASIA" else "UnrecognizedClientException"
        return error

    @staticmethod
    def _parse_header(headers: Mapping[str, str]) -> object:
        _, _, fields = headers["authorization"].partition(" ")
        if not fields:
            return ("IncompleteSignature", "Authorization header requires 'Credential' parameter.")
        key, service, signed = fields.split("/")
        date = headers.get("x-amz-date", "20260101T000000Z")
        return SimpleNamespace(access_key_id=key, service=service, signed_headers=signed, amz_date=date)

    @staticmethod
    def _parse_query(query: Mapping[str, list[str]]) -> object:
        key, service, signed = query["X-Amz-Credential"][0].split("/")
        date = query.get("X-Amz-Date", ["20260101T000000Z"])[0]
        return SimpleNamespace(access_key_id=key, service=service, signed_headers=signed, amz_date=date)

    @staticmethod
    def _key(headers: Mapping[str, str], query: Mapping[str, list[str]]) -> str:
        said = headers.get("authorization", "").partition(" ")[2] or query["X-Amz-Credential"][0]
        return headers.get("x-seen", said.partition("/")[0])

    def _verify(self, *arguments: object, presigned: bool) -> tuple[str, str] | None:
        self.verified.append((*arguments, presigned))
        return None if self.valid else ("SignatureDoesNotMatch", "no match")

    @staticmethod
    def _failure(service: object, action: str, _id: str, error: Any, headers: object) -> tuple[int, object, bytes]:
        assert action == ""
        assert isinstance(headers, dict)
        return 400, {"X-Code": error.code}, json.dumps([service, error.message]).encode()


class Unresolved:
    """Why MiniStack knows no credential for a key."""

    code = ""
    message = "The security token included in the request is invalid."


SIGNATURES = RequestSignatures(account_id=ACCOUNT, root_key_id=ROOT)
SIGNED = {"authorization": "AWS4-HMAC-SHA256 AKIA/ssm/host", "host": API}
PRESIGNED = {
    "X-Amz-Algorithm": ["AWS4-HMAC-SHA256"],
    "X-Amz-Credential": ["AKIA/s3/host"],
    "X-Amz-Expires": ["604800"],
}
HEADER = ApiRequest(method="POST", raw_path="/", query={}, headers=SIGNED, body=b"body")
QUERY = ApiRequest(method="GET", raw_path="/b/k", query=PRESIGNED, headers={"host": API}, body=b"")


@pytest.fixture
def ministack(stand_in: PutInPlace) -> MiniStack:
    """MiniStack with keys of a user, a session and root."""
    secrets = {
        ("AKIA", "1" * 12, ""): "user",
        ("ASIA", "2" * 12, "token"): "session",
        # To MiniStack these are root too.
        **{(key, ACCOUNT, ""): "root" for key in (ROOT, "test", ACCOUNT)},
    }
    made = MiniStack(secrets)
    made.put_in_place(stand_in)
    return made
