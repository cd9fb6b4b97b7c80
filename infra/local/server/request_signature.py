"""SigV4 of an API request: one signature, of a key that this server made, over this body, at this time.

MiniStack verifies signatures too, but takes its root keys (`test`, account ids) without one, does not compare the body
with the hash that is signed, and serves some paths unsigned.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from infra.local.server import ministack_patches
from infra.local.server.ministack_patches import Foreign

_ALGORITHM = "AWS4-HMAC-SHA256"
_QUERY_FIELDS = frozenset({"x-amz-algorithm", "x-amz-credential", "x-amz-signature", "awsaccesskeyid"})
_TIME = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
_MAX_EXPIRES_S = 7 * 24 * 3600
_S3 = "s3"
_CHUNKS_SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
_BODY_NOT_SIGNED = frozenset({"UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"})


class UnauthenticatedError(Exception):
    """A request is not authenticated; `code` is AWS's error code, `message` AWS's sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest:
    """An HTTP request as it arrived; a header that was repeated has all its values, joined by commas."""

    method: str
    raw_path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSignatures:
    """Verifies the signatures of requests to one account; its root key is the only one of MiniStack's root keys."""

    account_id: str
    root_key_id: str

    def verify(self, request: ApiRequest) -> None:
        """Raise `UnauthenticatedError` unless the request carries one valid signature."""
        presigned = bool(_QUERY_FIELDS & {name.lower() for name in request.query})
        signature = _parse(request, presigned=presigned)
        _check_signed_headers(request, signature)
        _check_time(request, signature, presigned=presigned)
        token = _token(request, presigned=presigned)
        secret = self._secret(signature.access_key_id, token)
        _check_payload(request, signature)
        failure = ministack_patches.SIGNATURE_FAILURE.original()(
            signature,
            secret,
            request.method,
            request.raw_path,
            request.query,
            request.headers,
            request.body,
            presigned=presigned,
        )
        if failure:
            raise UnauthenticatedError(*failure)

    def _secret(self, key_id: str, token: str) -> str:
        """Return the secret of an access key whose session token is right."""
        if key_id != self.root_key_id and ministack_patches.IS_ROOT_KEY.original()(key_id):
            raise _unknown_key()
        try:
            account_id = ministack_patches.ACCOUNT_OF_KEY.original()(key_id)
        except ValueError as error:
            raise _unknown_key() from error
        account_id = account_id or ministack_patches.ACCOUNT_OF_SESSION.original()(key_id) or self.account_id
        credential = ministack_patches.RESOLVE_CREDENTIAL.original()(key_id, account_id, token)
        if isinstance(credential, ministack_patches.RESOLVED_CREDENTIAL.original()):
            return str(credential.secret_access_key)
        # AWS treats a session's key without its token as unknown.
        if credential.code == "InvalidToken" and not token:
            raise _unknown_key()
        raise UnauthenticatedError(credential.code, credential.message)


def _parse(request: ApiRequest, *, presigned: bool) -> Foreign:
    """Return the only signature of a request; there must be one, and MiniStack must see the same key in it."""
    authorization = request.headers.get("authorization", "")
    if not authorization and not presigned:
        raise UnauthenticatedError("MissingAuthenticationToken", "Request is missing Authentication Token")
    algorithms = request.query.get("X-Amz-Algorithm") if presigned else [authorization.partition(" ")[0]]
    if (authorization and presigned) or algorithms != [_ALGORITHM]:
        raise _nonconforming()
    if presigned:
        signature = ministack_patches.PARSE_QUERY_SIGNATURE.original()(request.query)
    else:
        signature = ministack_patches.PARSE_HEADER_SIGNATURE.original()(request.headers)
    if isinstance(signature, tuple):
        raise UnauthenticatedError(*signature)
    # A request that names two keys could be verified with one and executed as the other.
    if ministack_patches.KEY_OF_REQUEST.original()(request.headers, request.query) != signature.access_key_id:
        raise _nonconforming()
    return signature


def _check_signed_headers(request: ApiRequest, signature: Foreign) -> None:
    must_be_signed = {"host", *(name for name in request.headers if name.startswith("x-amz-"))}
    if must_be_signed - set(signature.signed_headers.split(";")):
        raise UnauthenticatedError("AccessDenied", "There were headers present in the request which were not signed")


def _check_time(request: ApiRequest, signature: Foreign, *, presigned: bool) -> None:
    if not _TIME.fullmatch(signature.amz_date):
        raise _nonconforming()
    if not (presigned and signature.service == _S3):
        failure = ministack_patches.TIME_FAILURE.original()(signature)
        if failure:
            raise UnauthenticatedError(*failure)
        return
    expires = request.query.get("X-Amz-Expires", [""])[0]
    if not expires.isdecimal() or not 0 < int(expires) <= _MAX_EXPIRES_S:
        message = "X-Amz-Expires must be a number of seconds from 1 to 604800"
        raise UnauthenticatedError("AuthorizationQueryParametersError", message)
    if ministack_patches.IS_EXPIRED.original()(signature.amz_date, expires):
        raise UnauthenticatedError("AccessDenied", "Request has expired")


def _token(request: ApiRequest, *, presigned: bool) -> str:
    if presigned:
        return request.query.get("X-Amz-Security-Token", [""])[0]
    return request.headers.get("x-amz-security-token", "")


def _check_payload(request: ApiRequest, signature: Foreign) -> None:
    """Raise unless the body is the one whose hash is signed, or one that S3 takes without a signature."""
    declared = request.headers.get("x-amz-content-sha256")
    if declared is None:
        return
    if signature.service == _S3 and (declared in _BODY_NOT_SIGNED or declared.startswith(_CHUNKS_SIGNED)):
        return
    if declared != hashlib.sha256(request.body).hexdigest():
        message = "The provided 'x-amz-content-sha256' header does not match what was computed."
        raise UnauthenticatedError("XAmzContentSHA256Mismatch", message)


def _unknown_key() -> UnauthenticatedError:
    return UnauthenticatedError("UnrecognizedClientException", "The security token included in the request is invalid.")


def _nonconforming() -> UnauthenticatedError:
    return UnauthenticatedError("UnsupportedSignature", "The request signature does not conform to AWS standards.")
