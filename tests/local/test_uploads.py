"""Uploads to the local AWS: every way in which an SDK signs a body is taken, and a changed body is not."""

import base64
import hashlib
import io
import zlib
from collections.abc import Iterator
from dataclasses import replace

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest

from infra.local.client.local_aws import AccessKey, LocalAws
from infra.local.client.process import REGION
from tests.local.raw_api import Answer, Request, credentials, send

BUCKET = "local-deployments"
CONTENT = b"first part, " + b"second part"
SIGNED_CHUNKS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
UNSIGNED_CHUNKS = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


def stored(aws: LocalAws, key: str) -> bytes:
    """Return what an object holds."""
    return bytes(aws.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read())


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA256"])
def test_put_object(aws: LocalAws, algorithm: str) -> None:
    """boto3 uploads bytes and files, with a checksum."""
    for key, body in (("bytes", CONTENT), ("file", io.BytesIO(CONTENT))):
        aws.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body, ChecksumAlgorithm=algorithm)
        assert stored(aws, key) == CONTENT


def test_upload_in_parts(aws: LocalAws) -> None:
    """boto3 uploads what is large in parts, at the same time."""
    content = hashlib.sha256(CONTENT).digest() * (1 << 19)
    aws.client("s3").upload_fileobj(io.BytesIO(content), BUCKET, "large")
    assert stored(aws, "large") == content


class ChunkSigner(S3SigV4Auth):  # type: ignore[misc]
    """Signs the headers of an upload, and its chunks one by one."""

    def __init__(self, key: AccessKey, payload: str) -> None:
        super().__init__(credentials(key), "s3", REGION)
        self._payload = payload

    def payload(self, request: AWSRequest) -> str:  # noqa: ARG002 - botocore's
        """Return what stands in place of the body's hash."""
        return self._payload

    def chunks(self, request: AWSRequest, *parts: bytes) -> Iterator[bytes]:
        """Yield the chunks of a signed upload, each signed with the one before."""
        previous = request.headers["Authorization"].rpartition("=")[2]
        for part in (*parts, b""):
            lines = (
                "AWS4-HMAC-SHA256-PAYLOAD",
                request.context["timestamp"],
                self.credential_scope(request),
                previous,
                hashlib.sha256().hexdigest(),
                hashlib.sha256(part).hexdigest(),
            )
            previous = self.signature("\n".join(lines), request)
            yield f"{len(part):x};chunk-signature={previous}\r\n".encode() + part + b"\r\n"


def upload(aws: LocalAws, key: str, payload: str) -> tuple[AWSRequest, ChunkSigner]:
    """Return a signed upload in chunks, without its body, and what signs its chunks."""
    headers = {"Content-Encoding": "aws-chunked", "X-Amz-Decoded-Content-Length": str(len(CONTENT))}
    if payload == UNSIGNED_CHUNKS:
        headers["X-Amz-Trailer"] = "x-amz-checksum-crc32"
    request = AWSRequest("PUT", f"{aws.server.api_url}/{BUCKET}/{key}", headers)
    signer = ChunkSigner(aws.operator, payload)
    signer.add_auth(request)
    return request, signer


def send_body(aws: LocalAws, request: AWSRequest, body: bytes) -> Answer:
    """Send a signed upload with a body."""
    path = str(request.url).removeprefix(aws.server.api_url)
    return send(aws, Request(method="PUT", path=path, headers=tuple(request.headers.items()), body=body))


def test_signed_chunks(aws: LocalAws) -> None:
    """An upload whose chunks are signed is taken, and one with a changed chunk is not."""
    request, signer = upload(aws, "chunks", SIGNED_CHUNKS)
    body = b"".join(signer.chunks(request, CONTENT[:12], CONTENT[12:]))
    assert send_body(aws, request, body.replace(b"second", b"sEcond")).code == "SignatureDoesNotMatch"
    assert send_body(aws, request, body).status == 200
    assert stored(aws, "chunks") == CONTENT


def test_unsigned_chunks(aws: LocalAws) -> None:
    """An upload whose checksum comes after its chunks is taken: its headers are signed, as on AWS its body is not."""
    request, _ = upload(aws, "trailer", UNSIGNED_CHUNKS)
    checksum = base64.b64encode(zlib.crc32(CONTENT).to_bytes(4, "big"))
    body = f"{len(CONTENT):x}\r\n".encode() + CONTENT + b"\r\n0\r\nx-amz-checksum-crc32:" + checksum + b"\r\n\r\n"
    assert send_body(aws, request, body).status == 200
    assert stored(aws, "trailer") == CONTENT
    request.headers.replace_header("Authorization", request.headers["Authorization"][:-1] + "g")
    assert send_body(aws, request, body).code == "SignatureDoesNotMatch"


def test_transfer_encoding(aws: LocalAws) -> None:
    """A body that HTTP itself carries in chunks is the body that is signed."""
    signed = Request(method="PUT", path=f"/{BUCKET}/http", body=CONTENT).signed(aws, aws.operator, "s3")
    chunked = f"{len(CONTENT):x}\r\n".encode() + CONTENT + b"\r\n0\r\n\r\n"
    request = replace(signed, body=chunked).plus(("Transfer-Encoding", "chunked"))
    assert send(aws, request).status == 200
    assert stored(aws, "http") == CONTENT
    assert send(aws, replace(request, body=chunked.replace(b"second", b"sEcond"))).status in (400, 403)
    assert stored(aws, "http") == CONTENT
