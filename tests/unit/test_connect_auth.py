"""Authentication: what each mode puts into the upgrade request and the CONNECT, encoded exactly once."""

import base64
import hmac
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

import pytest
from awscrt.http import HttpHeaders, HttpRequest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from hypothesis import given
from hypothesis import strategies as st

from connect_canary.config.sources.schemes import is_reference
from connect_canary.model.secret import Secret
from connect_canary.model.target import AuthorizerPlacement
from connect_canary.probe.auth.authorizer_fields import sign_token
from connect_canary.probe.auth.connect_auth import ConnectAuth
from connect_canary.probe.auth.table import authenticate
from tests.unit.factories import ENDPOINT, pem, private_key, target_of

AWKWARD = "a+b/c=d%e&f?g#h i;j,k@l:m\"n'o~p_q.r-s*t(u)vÄw€x😀"
SIGNATURE = "ab+c/d=="
NAME_FIELD, SIGNATURE_FIELD = "x-amz-customauthorizer-name", "x-amz-customauthorizer-signature"
HEADERS = {"X-Amz-CustomAuthorizer-Name": NAME_FIELD, "X-Amz-CustomAuthorizer-Signature": SIGNATURE_FIELD}
ANY = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(
    lambda text: text == text.strip() and not is_reference(text)
)


def _custom(**settings: str) -> dict[str, str]:
    return {"auth_mode": "custom-unsigned", **settings}


def _signed(**settings: str) -> dict[str, str]:
    return {
        "auth_mode": "custom-signed",
        "authorizer_name": "gate",
        "authorizer_token_key_name": "token",
        "authorizer_token_value": "value",
        "authorizer_token_signature": SIGNATURE,
        **settings,
    }


async def _authenticated(**settings: str) -> tuple[HttpRequest, ConnectAuth]:
    """Return the upgrade request as it would be sent, and the handshake."""
    auth = await authenticate(target_of(**settings))
    request = HttpRequest("GET", "/mqtt", HttpHeaders([("Host", ENDPOINT)]))
    signed = auth.sign(request)
    signed.result(timeout=5)
    return request, auth


async def _fields(placement: AuthorizerPlacement, **settings: str) -> dict[str, str]:
    """Return the authorizer's fields as AWS IoT would read them: decoded once, from where they travel."""
    request, auth = await _authenticated(**settings, authorizer_placement=placement)
    headers = dict(request.headers)
    path, _, query = request.path.partition("?")
    _, _, appended = (auth.username or "").partition("?")
    assert path == "/mqtt"
    read = {
        AuthorizerPlacement.USERNAME: dict(parse_qsl(appended, strict_parsing=True)) if appended else {},
        AuthorizerPlacement.QUERY: dict(parse_qsl(query, strict_parsing=True)) if query else {},
        AuthorizerPlacement.HEADERS: {
            HEADERS.get(name, name): value for name, value in headers.items() if name != "Host"
        },
    }
    assert all(not fields for other, fields in read.items() if other is not placement)
    return read[placement]


@pytest.mark.parametrize("placement", AuthorizerPlacement)
async def test_signed_fields_travel_where_they_should(placement: AuthorizerPlacement) -> None:
    """Name, token and signature arrive as they were set, and nowhere else."""
    assert await _fields(placement, **_signed()) == {
        NAME_FIELD: "gate",
        "token": "value",
        SIGNATURE_FIELD: SIGNATURE,
    }


@pytest.mark.parametrize("placement", AuthorizerPlacement)
async def test_unsigned_fields_are_the_name_only(placement: AuthorizerPlacement) -> None:
    """Without a name the endpoint's default authorizer is used, and no field is sent."""
    assert await _fields(placement, **_custom(authorizer_name="gate")) == {NAME_FIELD: "gate"}
    assert await _fields(placement, **_custom()) == {}


@pytest.mark.parametrize("placement", AuthorizerPlacement)
async def test_awkward_fields_arrive_as_they_were_set(placement: AuthorizerPlacement) -> None:
    """Every character that means something in a URL, and some that are not ASCII."""
    settings = _signed(authorizer_name=AWKWARD, authorizer_token_value=AWKWARD)
    if placement is not AuthorizerPlacement.HEADERS:
        settings["authorizer_token_key_name"] = AWKWARD
    fields = await _fields(placement, **settings)
    assert set(fields.values()) == {AWKWARD, SIGNATURE}
    assert fields[settings["authorizer_token_key_name"]] == AWKWARD


@pytest.mark.parametrize("placement", AuthorizerPlacement)
@pytest.mark.parametrize("encode", [quote, lambda text: quote(text, safe="").replace("%2B", "%2b")])
async def test_fields_that_are_encoded_already_are_not_encoded_again(
    placement: AuthorizerPlacement, encode: Any
) -> None:
    """The consoles and samples of AWS hand out encoded values; both cases of hexadecimal digits are in use."""
    plain = "a+b==&é" if encode is not quote else "a%b"
    written = encode(plain) if encode is not quote else quote(plain, safe="")
    fields = await _fields(
        placement,
        **_signed(
            authorizer_name=written,
            authorizer_token_value=written,
            authorizer_token_signature=quote(SIGNATURE, safe=""),
        ),
    )
    assert fields == {NAME_FIELD: plain, "token": plain, SIGNATURE_FIELD: SIGNATURE}


@pytest.mark.parametrize("placement", AuthorizerPlacement)
@pytest.mark.parametrize("written", ["100%", "%", "%zz", "a%20b c", "%FF", "%41"])
async def test_fields_that_only_look_encoded_are_taken_as_they_are(
    placement: AuthorizerPlacement, written: str
) -> None:
    """A percent sign alone makes no encoding."""
    fields = await _fields(placement, **_signed(authorizer_token_value=written))
    assert fields["token"] == written


@pytest.mark.parametrize(
    ("written", "sent"),
    [("fleet/7", "fleet/7"), ("fleet%2F7", "fleet/7"), ("fleet%2f7", "fleet/7"), ("a%20b/c", "a%20b/c")],
)
async def test_user_name_that_is_encoded_already(written: str, sent: str) -> None:
    """As with the fields: the whole of it, or it is taken as it is."""
    _, auth = await _authenticated(**_custom(authorizer_name="gate", authorizer_username=written))
    assert unquote((auth.username or "").partition("?")[0]) == sent


@pytest.mark.parametrize("placement", AuthorizerPlacement)
async def test_token_that_contains_its_own_key_keeps_it(placement: AuthorizerPlacement) -> None:
    """The SDK's builder drops the key then."""
    fields = await _fields(placement, **_signed(authorizer_token_value="token=value"))
    assert fields["token"] == "token=value"


async def test_signature_with_line_breaks_is_joined() -> None:
    """The base64 command wraps its output."""
    fields = await _fields(AuthorizerPlacement.QUERY, **_signed(authorizer_token_signature="ab+c\n/d==\n"))
    assert fields[SIGNATURE_FIELD] == SIGNATURE


@given(name=ANY, token=ANY, placement=st.sampled_from([AuthorizerPlacement.USERNAME, AuthorizerPlacement.QUERY]))
async def test_any_field_is_decoded_to_what_was_set(name: str, token: str, placement: AuthorizerPlacement) -> None:
    """One decoding gives the value, or the value that was encoded before."""
    fields = await _fields(placement, **_signed(authorizer_name=name, authorizer_token_value=token))
    assert fields[NAME_FIELD] in {name, unquote(name)}
    assert fields["token"] in {token, unquote(token)}
    if "%" not in name + token:
        assert (fields[NAME_FIELD], fields["token"]) == (name, token)


@pytest.mark.parametrize(
    ("username", "sent"),
    [("alice", "alice"), ("al?ice&b", "al%3Fice%26b"), ("al%3Fice", "al%3Fice"), ("", ""), ("a@b:c", "a@b:c")],
)
async def test_username_is_told_from_the_fields_behind_it(username: str, sent: str) -> None:
    """Only the first question mark begins the fields."""
    _, auth = await _authenticated(**_custom(authorizer_name="gate", authorizer_username=username))
    assert auth.username == f"{sent}?{NAME_FIELD}=gate"


async def test_username_alone_has_no_question_mark() -> None:
    """Nor is an empty one sent when there is nothing to say."""
    _, auth = await _authenticated(**_custom(authorizer_username="alice"))
    assert auth.username == "alice"
    _, auth = await _authenticated(**_custom())
    assert auth.username is None


@pytest.mark.parametrize("placement", AuthorizerPlacement)
async def test_sdk_adds_nothing_to_the_username_of_an_authorizer(placement: AuthorizerPlacement) -> None:
    """It would append its version to what the authorizer sees."""
    _, auth = await _authenticated(**_custom(authorizer_placement=placement))
    assert auth.sdk_metrics is False


@pytest.mark.parametrize("mode", ["custom-unsigned", "custom-signed"])
async def test_password_is_sent_in_both_custom_modes(mode: str) -> None:
    """As text or, behind base64:, any bytes."""
    binary = base64.b64encode(bytes(range(256))).decode()
    settings = _signed(auth_mode=mode, authorizer_password=f"base64:{binary}")
    assert (await _authenticated(**settings))[1].password == bytes(range(256))
    assert (await _authenticated(**{**settings, "authorizer_password": "grün"}))[1].password == "grün".encode()


@pytest.mark.parametrize("pkcs8", [True, False])
async def test_canary_signs_the_token_as_aws_verifies_it(*, pkcs8: bool) -> None:
    """RSA with SHA-256 over the token before any encoding (AWS IoT developer guide, custom-auth)."""
    settings = _signed(authorizer_token_value="töken value", authorizer_signing_key=pem(private_key(), pkcs8=pkcs8))
    fields = await _fields(AuthorizerPlacement.HEADERS, **{**settings, "authorizer_token_signature": ""})
    private_key().public_key().verify(
        base64.b64decode(fields[SIGNATURE_FIELD], validate=True),
        "töken value".encode(),
        padding.PKCS1v15(),
        hashes.SHA256(),
    )


def test_signature_of_a_token_is_the_same_each_time() -> None:
    """PKCS#1 v1.5 has no randomness, so two signatures with the same key are equal."""
    key = Secret(pem(private_key()))
    assert sign_token(key, "value") == sign_token(key, "value") != sign_token(key, "other")


def _signature(query: dict[str, str], secret: str) -> str:
    """Return the request's signature without its session token (AWS General Reference, Signature Version 4)."""
    covered = {name: query[name] for name in sorted(query) if name not in {"X-Amz-Signature", "X-Amz-Security-Token"}}
    canonical = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in covered.items())
    request = f"GET\n/mqtt\n{canonical}\nhost:{ENDPOINT}\n\nhost\n{sha256().hexdigest()}"
    scope = query["X-Amz-Credential"].partition("/")[2]
    text = f"AWS4-HMAC-SHA256\n{query['X-Amz-Date']}\n{scope}\n{sha256(request.encode()).hexdigest()}"
    key = f"AWS4{secret}".encode()
    for part in [*scope.split("/"), text]:
        key = hmac.digest(key, part.encode(), "sha256")
    return key.hex()


async def test_static_credentials_sign_the_upgrade_request() -> None:
    """For the region and AWS IoT's signing name; the signature does not cover the session token."""
    request, auth = await _authenticated(
        auth_mode="sigv4-static",
        access_key_id="AKIDEXAMPLE",
        secret_access_key="hidden-key",
        session_token="session/token+",
        signing_region="us-west-2",
    )
    query = dict(parse_qsl(request.path.partition("?")[2]))
    assert query["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
    assert query["X-Amz-Credential"].startswith("AKIDEXAMPLE/")
    assert query["X-Amz-Credential"].endswith("/us-west-2/iotdevicegateway/aws4_request")
    assert query["X-Amz-SignedHeaders"] == "host"
    assert query["X-Amz-Security-Token"] == "session/token+"
    assert query["X-Amz-Signature"] == _signature(query, "hidden-key")
    assert "hidden-key" not in request.path
    assert (auth.username, auth.password) == (None, None)


async def test_default_chain_finds_the_environments_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """In Lambda these are the execution role's."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDROLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden-key")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "role-session")
    request, auth = await _authenticated()
    query = dict(parse_qsl(request.path.partition("?")[2]))
    assert query["X-Amz-Credential"].startswith("AKIDROLE/")
    assert query["X-Amz-Security-Token"] == "role-session"
    assert set(auth.secrets) == {"AKIDROLE", "hidden-key", "role-session"}


@pytest.mark.parametrize("placement", AuthorizerPlacement)
async def test_handshake_knows_its_secrets_and_does_not_show_them(placement: AuthorizerPlacement) -> None:
    """The endpoint's text is searched for them before it is quoted."""
    settings = _signed(
        authorizer_placement=placement,
        authorizer_token_value="hidden-token",
        authorizer_username="hidden-user",
        authorizer_password="base64:aGlkZGVu/w==",
        authorizer_token_signature="aGlkZGVu",
    )
    _, auth = await _authenticated(**settings)
    assert {"hidden-token", "hidden-user", "hidden\xff", "aGlkZGVu/w==", "aGlkZGVu"} <= set(auth.secrets)
    assert "hidden" not in repr(auth)
    assert "aGlkZGVu" not in repr(auth)
