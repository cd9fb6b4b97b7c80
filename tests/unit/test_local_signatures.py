"""Signatures of requests to the local AWS: which are verified, and which are none."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from infra.local.server.request_signature import ApiRequest, UnauthenticatedError
from tests.unit.stand_in_signatures import (
    ACCOUNT,
    API,
    HEADER,
    PRESIGNED,
    QUERY,
    ROOT,
    SIGNATURES,
    SIGNED,
    MiniStack,
    ministack,
    stand_in,
)

__all__ = ["ministack", "stand_in"]


def with_headers(**headers: str) -> ApiRequest:
    """Return the signed request with other headers; `_` stands for `-`."""
    changed = {name.replace("_", "-"): value for name, value in headers.items()}
    return replace(HEADER, headers={**SIGNED, **changed})


def with_query(**query: str) -> ApiRequest:
    """Return the presigned request with other parameters; `_` stands for `-`."""
    changed = {name.replace("_", "-"): [value] for name, value in query.items()}
    return replace(QUERY, query={**PRESIGNED, **changed})


DIGEST = hashlib.sha256(b"body").hexdigest()
HASHED = "AWS4-HMAC-SHA256 AKIA/{}/host;x-amz-content-sha256"
ACCEPTED: dict[str, tuple[ApiRequest, str]] = {
    "user": (HEADER, "user"),
    "root": (with_headers(authorization=f"AWS4-HMAC-SHA256 {ROOT}/ssm/host"), "root"),
    "session": (
        with_headers(authorization="AWS4-HMAC-SHA256 ASIA/ssm/host;x-amz-security-token", x_amz_security_token="token"),
        "session",
    ),
    "hashed": (with_headers(authorization=HASHED.format("ssm"), x_amz_content_sha256=DIGEST), "user"),
    "s3-unsigned": (with_headers(authorization=HASHED.format("s3"), x_amz_content_sha256="UNSIGNED-PAYLOAD"), "user"),
    "s3-trailer": (
        with_headers(authorization=HASHED.format("s3"), x_amz_content_sha256="STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
        "user",
    ),
    "s3-chunks": (
        with_headers(authorization=HASHED.format("s3"), x_amz_content_sha256="STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
        "user",
    ),
    "presigned": (QUERY, "user"),
    "presigned-session": (
        with_query(X_Amz_Credential="ASIA/s3/host", X_Amz_Security_Token="token"),
        "session",
    ),
    "presigned-for-another-service": (with_query(X_Amz_Credential="AKIA/sts/host", X_Amz_Expires="x"), "user"),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_signature_that_is_verified(ministack: MiniStack, case: str) -> None:
    """The request is verified as it arrived, with the secret of its key."""
    request, secret = ACCEPTED[case]
    SIGNATURES.verify(request)
    ((_, *rest),) = ministack.verified
    presigned = case.startswith("presigned")
    assert rest == [secret, request.method, request.raw_path, request.query, request.headers, request.body, presigned]
    ministack.valid = False
    with pytest.raises(UnauthenticatedError, match="no match") as raised:
        SIGNATURES.verify(request)
    assert raised.value.code == "SignatureDoesNotMatch"


UNSUPPORTED, UNKNOWN = "UnsupportedSignature", "UnrecognizedClientException"
MISMATCH, EXPIRES = "XAmzContentSHA256Mismatch", "AuthorizationQueryParametersError"
REFUSED: dict[str, tuple[ApiRequest, str]] = {
    "nothing": (replace(HEADER, headers={"host": API}), "MissingAuthenticationToken"),
    "empty": (with_headers(authorization=""), "MissingAuthenticationToken"),
    "basic": (with_headers(authorization="Basic AKIA/ssm/host"), UNSUPPORTED),
    "sigv2": (with_headers(authorization="AWS AKIA/ssm/host"), UNSUPPORTED),
    "sigv4a": (with_headers(authorization="AWS4-ECDSA-P256-SHA256 AKIA/ssm/host"), UNSUPPORTED),
    "no-fields": (with_headers(authorization="AWS4-HMAC-SHA256"), "IncompleteSignature"),
    "both": (replace(HEADER, query=PRESIGNED), UNSUPPORTED),
    **{
        f"header-and-{name}": (replace(HEADER, query={name: ["x"]}), UNSUPPORTED)
        for name in ("X-Amz-Algorithm", "X-AMZ-CREDENTIAL", "x-amz-signature", "AWSAccessKeyId")
    },
    "half-a-query": (replace(HEADER, query={"x-amz-signature": ["0"]}), UNSUPPORTED),
    "query-without-algorithm": (replace(QUERY, query={"X-Amz-Credential": ["AKIA/s3/host"]}), UNSUPPORTED),
    "query-of-two-algorithms": (
        replace(QUERY, query={**PRESIGNED, "X-Amz-Algorithm": ["AWS4-HMAC-SHA256"] * 2}),
        UNSUPPORTED,
    ),
    "sigv2-query": (replace(QUERY, query={"AWSAccessKeyId": ["AKIA"]}), UNSUPPORTED),
    "two-keys": (with_headers(x_seen="test"), UNSUPPORTED),
    "host-not-signed": (with_headers(authorization="AWS4-HMAC-SHA256 AKIA/ssm/date"), "AccessDenied"),
    "target-not-signed": (with_headers(x_amz_target="AmazonSSM.GetParameter"), "AccessDenied"),
    "no-time": (
        with_headers(authorization="AWS4-HMAC-SHA256 AKIA/ssm/host;x-amz-date", x_amz_date="20260101T000000Z "),
        UNSUPPORTED,
    ),
    "key-of-nobody": (with_headers(authorization="AWS4-HMAC-SHA256 AKIANOBODY/ssm/host"), UNKNOWN),
    "root-of-ministack": (with_headers(authorization="AWS4-HMAC-SHA256 test/ssm/host"), UNKNOWN),
    "account": (with_headers(authorization=f"AWS4-HMAC-SHA256 {ACCOUNT}/ssm/host"), UNKNOWN),
    "key-of-two": (with_headers(authorization="AWS4-HMAC-SHA256 AKIATWICE/ssm/host"), UNKNOWN),
    "session-without-token": (with_headers(authorization="AWS4-HMAC-SHA256 ASIA/ssm/host"), UNKNOWN),
    "session-with-another-token": (
        with_headers(authorization="AWS4-HMAC-SHA256 ASIA/ssm/host;x-amz-security-token", x_amz_security_token="t"),
        "InvalidToken",
    ),
    "another-body": (
        replace(with_headers(authorization=HASHED.format("ssm"), x_amz_content_sha256=DIGEST), body=b"bodY"),
        MISMATCH,
    ),
    "another-body-of-s3": (
        replace(with_headers(authorization=HASHED.format("s3"), x_amz_content_sha256=DIGEST), body=b"bodY"),
        MISMATCH,
    ),
    "unsigned-body": (
        with_headers(authorization=HASHED.format("ssm"), x_amz_content_sha256="UNSIGNED-PAYLOAD"),
        MISMATCH,
    ),
    "presigned-body": (
        replace(
            with_query(X_Amz_Credential="AKIA/s3/host;x-amz-content-sha256"),
            headers={"host": API, "x-amz-content-sha256": DIGEST},
        ),
        MISMATCH,
    ),
    "presigned-without-end": (
        replace(QUERY, query={name: value for name, value in PRESIGNED.items() if name != "X-Amz-Expires"}),
        EXPIRES,
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_signature_that_is_refused(ministack: MiniStack, case: str) -> None:
    """What is no signature of one key over the whole request is refused before it is verified."""
    request, code = REFUSED[case]
    with pytest.raises(UnauthenticatedError) as raised:
        SIGNATURES.verify(request)
    assert raised.value.code == code
    assert str(raised.value) == raised.value.message != ""
    assert ministack.verified == []


def test_lifetime_of_a_presigned_download(ministack: MiniStack) -> None:
    """It is a whole number of seconds, from one to a week of them."""
    for seconds in ("1", "604800"):
        SIGNATURES.verify(with_query(X_Amz_Expires=seconds))
    assert len(ministack.verified) == 2
    for seconds in ("0", "604801", "-1", "1.5", ""):
        with pytest.raises(UnauthenticatedError, match="from 1 to 604800") as raised:
            SIGNATURES.verify(with_query(X_Amz_Expires=seconds))
        assert raised.value.code == EXPIRES


def test_signature_of_another_time(ministack: MiniStack) -> None:
    """A presigned download has its own time, every other request a window around now."""
    ministack.skewed = ("RequestTimeTooSkewed", "old")
    SIGNATURES.verify(QUERY)
    for request in (HEADER, with_query(X_Amz_Credential="AKIA/sts/host")):
        with pytest.raises(UnauthenticatedError, match="old"):
            SIGNATURES.verify(request)
    ministack.skewed, ministack.expired = None, True
    SIGNATURES.verify(HEADER)
    with pytest.raises(UnauthenticatedError, match="Request has expired") as raised:
        SIGNATURES.verify(QUERY)
    assert raised.value.code == "AccessDenied"
