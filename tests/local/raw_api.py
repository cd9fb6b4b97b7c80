"""HTTP requests to the local AWS as an attacker makes them: any host, any header, signed or not."""

import json
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection, HTTPSConnection
from typing import Any

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from infra.local.client.local_aws import AccessKey, LocalAws
from infra.local.client.process import REGION

FORM = "application/x-www-form-urlencoded"
_CODE = re.compile(rb'<Code>(?P<xml>\w+)</Code>|"__type": ?"(?P<json>\w+)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A response, with the sentence of a refusal or the code of an error of AWS."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The code of an error in XML or JSON, empty without one."""
        match = _CODE.search(self.body)
        return (match["xml"] or match["json"]).decode() if match else ""

    @property
    def sentence(self) -> str:
        """The message of a response in JSON."""
        return str(json.loads(self.body)["message"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request; a header may be given twice."""

    method: str = "POST"
    path: str = "/"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def plus(self, *headers: tuple[str, str]) -> "Request":
        """Return the request with more headers."""
        return replace(self, headers=(*self.headers, *headers))

    def signed(self, aws: LocalAws, key: AccessKey, service: str) -> "Request":
        """Return the request with the headers of a SigV4 signature for its host."""
        signer = (S3SigV4Auth if service == "s3" else SigV4Auth)(credentials(key), service, REGION)
        request = AWSRequest(self.method, aws.server.api_url + self.path, dict(self.headers), self.body)
        signer.add_auth(request)
        return replace(self, headers=tuple(request.headers.items()))

    def presigned(self, aws: LocalAws, key: AccessKey, seconds: int) -> str:
        """Return the path and query with which the request is signed for S3, without its body."""
        request = AWSRequest(self.method, aws.server.api_url + self.path)
        S3SigV4QueryAuth(credentials(key), "s3", REGION, expires=seconds).add_auth(request)
        return str(request.url).removeprefix(aws.server.api_url)


def credentials(key: AccessKey) -> Credentials:
    """Return an access key as botocore has it."""
    return Credentials(key.access_key_id, key.secret_access_key, key.session_token)


def json_request(target: str, **members: Any) -> Request:
    """Return a request of a JSON protocol."""
    headers = (("Content-Type", "application/x-amz-json-1.1"), ("X-Amz-Target", target))
    return Request(headers=headers, body=json.dumps(members).encode())


def form_request(form: str) -> Request:
    """Return a request of the query protocol."""
    return Request(headers=(("Content-Type", FORM),), body=form.encode())


def send(aws: LocalAws, request: Request, *, host: str = "", port: str = "api") -> Answer:
    """Send a request to the API's port or the devices' (`port="iot"`), by default with the port's own host."""
    connection = _api(aws) if port == "api" else _iot(aws)
    try:
        connection.putrequest(request.method, request.path, skip_host=bool(host), skip_accept_encoding=True)
        for name, value in (*([("Host", host)] if host else []), *request.headers):
            connection.putheader(name, value)
        if not any(name.lower() in ("content-length", "transfer-encoding") for name, _ in request.headers):
            connection.putheader("Content-Length", str(len(request.body)))
        connection.endheaders(request.body)
        response = connection.getresponse()
        return Answer(status=response.status, headers=dict(response.headers), body=response.read())
    finally:
        connection.close()


def _api(aws: LocalAws) -> HTTPConnection:
    return HTTPConnection(aws.server.api_url.removeprefix("http://"), timeout=30)


def _iot(aws: LocalAws) -> HTTPConnection:
    context = ssl.create_default_context(cafile=str(aws.authority))
    return HTTPSConnection(aws.iot_endpoint, context=context, timeout=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a request says of its signature without having one."""

    key_id: str
    service: str
    date: str = field(default="20260101T000000Z")

    @property
    def _scope(self) -> str:
        return f"{self.key_id}/{self.date[:8]}/{REGION}/{self.service}/aws4_request"

    def headers(self) -> tuple[tuple[str, str], ...]:
        """Return the headers of a signature that is none."""
        value = f"AWS4-HMAC-SHA256 Credential={self._scope}, SignedHeaders=host;x-amz-date, Signature=0"
        return (("Authorization", value), ("X-Amz-Date", self.date))

    def query(self) -> str:
        """Return the query of a signature that is none, which needs no header and so no permission of a browser."""
        scope = self._scope.replace("/", "%2F")
        return (
            f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={scope}&X-Amz-Date={self.date}"
            "&X-Amz-SignedHeaders=host&X-Amz-Signature=0"
        )
