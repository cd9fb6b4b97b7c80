"""The local AWS is closed: who does not hold one of its secrets can neither use nor read nor reset it.

MiniStack alone lets most of these attacks through.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http.client import HTTPResponse

import pytest
from botocore.exceptions import ClientError

from infra.local.client.local_aws import AccessKey, LocalAws
from infra.local.client.process import ACCOUNT_ID
from tests.local.mqtt_client import open_websocket
from tests.local.raw_api import Answer, Claim, Request, form_request, json_request, send

# The bucket that artifacts are deployed from.
BUCKET, OBJECT = "local-deployments", "closed-artifact.zip"
PARAMETER = json_request("AmazonSSM.GetParameter", Name="/closed", WithDecryption=True)
NEW_KEY = form_request("Action=CreateAccessKey&UserName=operator&Version=2010-05-08")
DOWNLOAD = Request(method="GET", path=f"/{BUCKET}/{OBJECT}")
OPERATIONS: dict[str, Request] = {
    "ssm": PARAMETER,
    "iam": NEW_KEY,
    "sts": form_request("Action=GetCallerIdentity&Version=2011-06-15"),
    "lambda": Request(method="GET", path="/2015-03-31/functions/"),
    "s3": DOWNLOAD,
}


@pytest.fixture(scope="module", autouse=True)
def _content(aws: LocalAws) -> Iterator[None]:
    """Something to steal."""
    s3, ssm = aws.client("s3"), aws.client("ssm")
    s3.put_object(Bucket=BUCKET, Key=OBJECT, Body=b"PK")
    ssm.put_parameter(Name="/closed", Value="kept", Type="SecureString")
    yield
    assert ssm.get_parameter(Name="/closed", WithDecryption=True)["Parameter"]["Value"] == "kept"
    ssm.delete_parameter(Name="/closed")


def root_of(aws: LocalAws) -> AccessKey:
    """Return the root's access key."""
    return AccessKey(access_key_id=aws.server.root_key_id, secret_access_key=aws.server.root_secret)


UNSIGNED = {
    "ssm": (400, "MissingAuthenticationTokenException"),
    "iam": (403, "MissingAuthenticationToken"),
    "sts": (403, "MissingAuthenticationToken"),
    "lambda": (403, "MissingAuthenticationTokenException"),
    "s3": (403, "AccessDenied"),
}


@pytest.mark.parametrize("service", OPERATIONS)
def test_unsigned_request(aws: LocalAws, service: str) -> None:
    """A request without a signature is refused as the service would say it."""
    answer = send(aws, OPERATIONS[service])
    assert (answer.status, answer.code) == UNSIGNED[service]


UNKNOWN_KEY = {
    "ssm": (400, "UnrecognizedClientException"),
    "iam": (403, "InvalidClientTokenId"),
    "sts": (403, "InvalidClientTokenId"),
    "lambda": (403, "UnrecognizedClientException"),
    "s3": (403, "InvalidAccessKeyId"),
}
WRONG_SECRET = {
    "ssm": (400, "InvalidSignatureException"),
    "iam": (403, "SignatureDoesNotMatch"),
    "sts": (403, "SignatureDoesNotMatch"),
    "lambda": (403, "InvalidSignatureException"),
    "s3": (403, "SignatureDoesNotMatch"),
}


@pytest.mark.parametrize("service", OPERATIONS)
@pytest.mark.parametrize("key_id", ["test", ACCOUNT_ID, "AKIASTRANGER00000000"])
def test_key_of_nobody(aws: LocalAws, service: str, key_id: str) -> None:
    """A key that this server did not make is unknown, also those that MiniStack takes for its root's."""
    for secret in ("test", aws.server.root_secret):
        key = AccessKey(access_key_id=key_id, secret_access_key=secret)
        answer = send(aws, OPERATIONS[service].signed(aws, key, service))
        assert (answer.status, answer.code) == UNKNOWN_KEY[service]


@pytest.mark.parametrize("service", OPERATIONS)
def test_wrong_secret(aws: LocalAws, service: str) -> None:
    """The names of keys are no secret; with another secret they are worth nothing, root's too."""
    for key in (root_of(aws), aws.operator):
        wrong = replace(key, secret_access_key="w" * 40)
        answer = send(aws, OPERATIONS[service].signed(aws, wrong, service))
        assert (answer.status, answer.code) == WRONG_SECRET[service]


@pytest.mark.parametrize("service", OPERATIONS)
def test_right_secret(aws: LocalAws, service: str) -> None:
    """With the secret the same requests are served, for root and for a user."""
    if service == "iam":
        aws.client("iam").create_user(UserName="closed-keys")
    request = replace(OPERATIONS[service], body=OPERATIONS[service].body.replace(b"=operator", b"=closed-keys"))
    for key in (root_of(aws), aws.operator):
        assert send(aws, request.signed(aws, key, service)).status == 200


@pytest.mark.parametrize("key_id", ["test", ACCOUNT_ID, "local-root", ""])
def test_signature_of_nothing(aws: LocalAws, key_id: str) -> None:
    """A key's name in place of a signature is none, in the headers and in the query."""
    now = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    claim = Claim(key_id=key_id, service="ssm", date=now)
    for request in (
        PARAMETER.plus(*claim.headers()),
        replace(PARAMETER, path=f"/?{claim.query()}"),
        replace(PARAMETER, path=f"/?AWSAccessKeyId={key_id}&Signature=0&Expires=9999999999"),
        PARAMETER.plus(("Authorization", f"AWS {key_id}:0")),
        PARAMETER.plus(("Authorization", f"Basic {key_id}")),
    ):
        assert_refused(send(aws, request))


def assert_refused(answer: Answer) -> None:
    """Assert that a request was not served."""
    assert answer.status in (400, 403)
    assert b"kept" not in answer.body


def test_two_keys_in_one_request(aws: LocalAws) -> None:
    """A signature cannot be verified with one key and executed as another."""
    signed = PARAMETER.signed(aws, aws.operator, "ssm")
    names = dict(signed.headers)
    root = Claim(key_id="test", service="ssm")
    twice = names["Authorization"].replace(
        "Credential=", "Credential=test/20260101/eu-west-1/ssm/aws4_request, Credential="
    )
    others = tuple((name, value) for name, value in signed.headers if name != "Authorization")
    for request in (
        replace(signed, path=f"/?{root.query()}"),
        replace(signed, headers=(*others, ("Authorization", twice))),
        replace(signed, headers=(*root.headers(), *signed.headers)),
        signed.plus(*root.headers()),
    ):
        assert_refused(send(aws, request))


def test_request_of_a_web_page(aws: LocalAws) -> None:
    """A page that posts text, which no browser asks about first, is refused for its Origin, signed or not."""
    claim = Claim(key_id="test", service="iam")
    query = "Action=CreateAccessKey&UserName=operator&Version=2010-05-08"
    page = (("Origin", "https://page.example"), ("Content-Type", "text/plain;charset=UTF-8"))
    posted = Request(path=f"/?{query}&{claim.query()}", headers=page, body=b"x")
    preflight = Request(method="OPTIONS", headers=(*page, ("Access-Control-Request-Method", "POST")))
    signed = PARAMETER.signed(aws, aws.operator, "ssm").plus(("Origin", "null"))
    for answer in (send(aws, posted), send(aws, preflight), send(aws, signed)):
        assert answer.status == 403
        assert answer.sentence == "The request has an Origin header: the local AWS takes no requests of web pages."
        assert "access-control-allow-origin" not in {name.lower() for name in answer.headers}


@pytest.mark.parametrize(
    "host", ["page.example", "page.example:{port}", "localhost:1", "localhost.page.example:{port}"]
)
@pytest.mark.parametrize("port", ["api", "iot"])
def test_name_that_was_rebound(aws: LocalAws, host: str, port: str) -> None:
    """A page whose name now resolves to this machine still says the name."""
    address = aws.server.api_url if port == "api" else aws.iot_endpoint
    named = host.format(port=address.rpartition(":")[2])
    for request in (PARAMETER.plus(*Claim(key_id="test", service="ssm").headers()), Request(method="GET")):
        answer = send(aws, request, host=named, port=port)
        assert answer.status == 403
        assert answer.sentence.startswith("The request is for another host: the local AWS is 127.0.0.1:")


INTERNAL = (
    ("POST", "/_ministack/reset"),
    ("POST", "/_ministack/config"),
    ("GET", "/_ministack/health"),
    ("GET", "/_ministack/ready"),
    ("GET", "/_ministack/sqs/messages"),
    ("GET", "/_ministack/ses/messages"),
    ("GET", "/_ministack/sns/sms-messages"),
    ("GET", "/_ministack/iot/ca.pem"),
    ("GET", f"/_ministack/lambda-code/{ACCOUNT_ID}/eu-west-1/f"),
    ("PUT", "/_ministack/cfn-response/t"),
    ("POST", "/_ministack/rds/iam-auth"),
    ("GET", "/_localstack/health"),
    ("GET", "/_aws/execute-api/a/b"),
    ("POST", "/%5Fministack/reset"),
)


@pytest.mark.parametrize(("method", "path"), INTERNAL)
def test_path_of_the_server_itself(aws: LocalAws, method: str, path: str) -> None:
    """MiniStack's administration is closed to everybody, with root's signature too."""
    request = Request(method=method, path=path, body=b"{}" if method != "GET" else b"")
    for each in (request, request.signed(aws, root_of(aws), "s3")):
        answer = send(aws, each)
        assert answer.status == 403
        assert answer.sentence == "The path is one of the server's own: the local AWS serves AWS's operations only."


@pytest.mark.parametrize("path", ["/health", "/latest/meta-data/iam/security-credentials/", "//_ministack/reset"])
def test_path_that_is_no_operation(aws: LocalAws, path: str) -> None:
    """What else MiniStack serves unsigned needs a signature."""
    answer = send(aws, Request(method="GET", path=path))
    assert (answer.status, answer.code) in {
        (403, "AccessDenied"),
        (403, "MissingAuthenticationTokenException"),
    }


def test_api_on_the_port_for_devices(aws: LocalAws) -> None:
    """The port for devices serves no operation, whoever asks."""
    host = aws.server.api_url.removeprefix("http://")
    for request in (PARAMETER, PARAMETER.signed(aws, root_of(aws), "ssm")):
        answer = send(aws, request, port="iot")
        assert answer.status == 403
        assert answer.sentence == f"Devices connect here with MQTT over WebSockets: the API is http://{host}."


def test_upgrade_of_a_web_page(aws: LocalAws) -> None:
    """A browser says where a page that opens a WebSocket comes from, and is refused."""
    with open_websocket(aws, headers={"Origin": "https://page.example"}) as connection:
        response = HTTPResponse(connection)
        response.begin()
        assert (response.status, b"Origin" in response.read()) == (403, True)


def presigned(aws: LocalAws, key: AccessKey, seconds: int = 60) -> str:
    """Return the path and query of a presigned download."""
    return DOWNLOAD.presigned(aws, key, seconds)


def get(aws: LocalAws, path: str) -> Answer:
    """Ask for a path as a browser's address bar does."""
    return send(aws, Request(method="GET", path=path))


def test_presigned_download(aws: LocalAws) -> None:
    """A presigned URL downloads its object, and nothing when it is changed, too old or for too long."""
    for key in (aws.operator, root_of(aws)):
        path = presigned(aws, key)
        answer = get(aws, path)
        assert (answer.status, answer.body) == (200, b"PK")
    for changed in (
        path.replace(OBJECT, "other.zip"),
        path[:-1] + ("0" if path[-1] != "0" else "1"),
        path.replace("X-Amz-Expires=60", "X-Amz-Expires=61"),
        path.replace("X-Amz-Expires=60", ""),
        path.replace("&X-Amz-SignedHeaders=host", "&X-Amz-SignedHeaders="),
        f"{path}&added=1",
        presigned(aws, aws.operator, 8 * 24 * 3600),
        presigned(aws, aws.operator, 0),
        presigned(aws, replace(root_of(aws), secret_access_key="w" * 40)),
        presigned(aws, AccessKey(access_key_id="test", secret_access_key="test")),
    ):
        answer = get(aws, changed)
        assert (answer.status, b"PK" in answer.body) in {(403, False), (400, False)}, changed


def test_body_that_is_not_signed(aws: LocalAws) -> None:
    """A signed request cannot be sent again with another body."""
    for service, request in (("ssm", PARAMETER), ("s3", Request(method="PUT", path=f"/{BUCKET}/new", body=b"mine"))):
        signed = request.signed(aws, aws.operator, service)
        other = request.body[:-1] + b"?"
        answer = send(aws, replace(signed, body=other))
        assert answer.status in (400, 403)
    unsigned = PARAMETER.plus(("X-Amz-Content-SHA256", "UNSIGNED-PAYLOAD")).signed(aws, aws.operator, "ssm")
    assert_refused(send(aws, unsigned))
    with pytest.raises(ClientError, match="404"):
        aws.client("s3").head_object(Bucket=BUCKET, Key="new")


def test_wrong_time(aws: LocalAws) -> None:
    """A signature of an hour ago is refused."""
    signed = PARAMETER.signed(aws, aws.operator, "ssm")
    assert send(aws, signed).status == 200
    stale = tuple(
        (name, "20260101T000000Z" if name == "X-Amz-Date" else value.replace(f"{datetime.now(UTC):%Y%m%d}", "20260101"))
        for name, value in signed.headers
    )
    answer = send(aws, replace(signed, headers=stale))
    assert (answer.status, answer.code) == (400, "InvalidSignatureException")
    assert b"Signature expired" in answer.body
