"""Signed tokens of custom authorizers: valid and invalid signatures."""

import base64
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from infra.local.demo.demo_targets import SigningKey
from tests.local.gateway import ACCEPTED, NAME, REFUSED, SIGNATURE, TOKEN_KEY, Gateway, returns
from tests.local.mqtt_client import MQTT_5
from tests.local.targets import sign


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedAuthorizer:
    """An authorizer with two public keys, and their private keys."""

    name: str
    first: SigningKey
    second: SigningKey

    def fields(self, **changes: str | None) -> dict[str, str]:
        """Return valid fields, signed with the first key; a change to None omits a field."""
        right: dict[str, str | None] = {
            NAME: self.name,
            TOKEN_KEY: "token",
            SIGNATURE: sign("token", self.first.private),
        }
        return {key: value for key, value in {**right, **changes}.items() if value is not None}


@pytest.fixture(scope="module")
def signed(gateway: Gateway) -> SignedAuthorizer:
    """An authorizer that checks signatures with two keys."""
    first, second = SigningKey.new(), SigningKey.new()
    keys = {"first": first.public, "second": second.public}
    name = gateway.create(signingDisabled=False, tokenKeyName=TOKEN_KEY, tokenSigningPublicKeys=keys)
    return SignedAuthorizer(name=name, first=first, second=second)


def sign_sha512(token: str, pem: str) -> str:
    """Return a signature over SHA-512 instead of SHA-256."""
    key = serialization.load_pem_private_key(pem.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return base64.b64encode(key.sign(token.encode(), padding.PKCS1v15(), hashes.SHA512())).decode()


@pytest.mark.parametrize("placement", ["username", "headers", "query"])
def test_signature_of_either_registered_key(
    gateway: Gateway, signed: SignedAuthorizer, placement: str, version: int
) -> None:
    """A signature with either registered key is accepted, one with another key is refused."""
    for key, expected in ((signed.first, ACCEPTED), (signed.second, ACCEPTED), (SigningKey.new(), REFUSED)):
        fields = signed.fields(**{SIGNATURE: sign("token", key.private)})
        assert gateway.connect(fields, version=version, placement=placement) == expected[version]


def test_key_that_was_removed(gateway: Gateway) -> None:
    """A signature is refused once its public key is removed from the authorizer."""
    current, removed = SigningKey.new(), SigningKey.new()
    keys = {"current": current.public, "removed": removed.public}
    name = gateway.create(signingDisabled=False, tokenKeyName=TOKEN_KEY, tokenSigningPublicKeys=keys)
    fields = {NAME: name, TOKEN_KEY: "token", SIGNATURE: sign("token", removed.private)}
    assert gateway.connect(fields) == ACCEPTED[MQTT_5]
    gateway.aws.client("iot").update_authorizer(authorizerName=name, tokenSigningPublicKeys={"current": current.public})
    assert gateway.connect(fields) == REFUSED[MQTT_5]


def wrong_signatures(signed: SignedAuthorizer) -> dict[str, dict[str, str]]:
    """Return the fields of clients with an invalid token or signature."""
    right = sign("token", signed.first.private)
    changes: dict[str, dict[str, str | None]] = {
        "missing": {SIGNATURE: None},
        "empty": {SIGNATURE: ""},
        "not-base64": {SIGNATURE: f"{right[:9]}*{right[9:]}"},
        "not-ascii": {SIGNATURE: f"{right[:-4]}\u00e9==="},
        "cut-short": {SIGNATURE: right[:-4]},
        "of-another-token": {SIGNATURE: sign("Token", signed.first.private)},
        "over-another-hash": {SIGNATURE: sign_sha512("token", signed.first.private)},
        "token-changed": {TOKEN_KEY: "token2"},
        "token-missing": {TOKEN_KEY: None},
        "token-empty": {TOKEN_KEY: "", SIGNATURE: sign("", signed.first.private)},
        "token-under-another-key": {TOKEN_KEY: None, "Another": "token"},
    }
    return {name: signed.fields(**change) for name, change in changes.items()}


def test_signature_with_one_thing_wrong(gateway: Gateway, signed: SignedAuthorizer, version: int) -> None:
    """An invalid token or signature is refused; only the valid pair is accepted."""
    replies = {name: gateway.connect(fields, version=version) for name, fields in wrong_signatures(signed).items()}
    assert replies == dict.fromkeys(replies, REFUSED[version])
    assert gateway.connect(signed.fields(), version=version) == ACCEPTED[version]


def test_event_of_a_verified_token(gateway: Gateway, signed: SignedAuthorizer) -> None:
    """The event has the token and signatureVerified; an unverified token never reaches the function."""
    assert gateway.connect(signed.fields(), client_id="test-verified") == ACCEPTED[MQTT_5]
    wrong = signed.fields(**{SIGNATURE: sign("token", SigningKey.new().private)})
    assert gateway.connect(wrong, client_id="test-forged") == REFUSED[MQTT_5]
    (event,) = gateway.events("test-verified")
    assert (event["token"], event["signatureVerified"]) == ("token", True)
    assert gateway.events("test-forged") == []


def test_signature_is_no_pass(gateway: Gateway, signed: SignedAuthorizer) -> None:
    """A client with a valid signature is refused if the function refuses it."""
    assert gateway.connect(signed.fields(), returns(isAuthenticated=False)) == REFUSED[MQTT_5]


def test_signing_disabled(gateway: Gateway, version: int) -> None:
    """An authorizer with signing disabled ignores a wrong signature."""
    keys = {"key": SigningKey.new().public}
    name = gateway.create(signingDisabled=True, tokenKeyName=TOKEN_KEY, tokenSigningPublicKeys=keys)
    fields = {NAME: name, TOKEN_KEY: "token", SIGNATURE: "wrong"}
    assert gateway.connect(fields, version=version) == ACCEPTED[version]


def test_fields_under_names_of_any_case(gateway: Gateway, signed: SignedAuthorizer) -> None:
    """Names of fields are case-insensitive; values are not."""
    upper = {name.upper(): value for name, value in signed.fields().items()}
    for placement in ("username", "headers", "query"):
        assert gateway.connect(upper, placement=placement) == ACCEPTED[MQTT_5]
    assert gateway.connect(signed.fields(**{TOKEN_KEY: "TOKEN"})) == REFUSED[MQTT_5]
