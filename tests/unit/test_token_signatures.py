"""Signatures on the tokens of custom authorizers, made by the cryptography package and by OpenSSL's rules."""

import base64

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from infra.local.server.token_signatures import is_public_key, is_signed_by_any

FIRST, SECOND, STRANGER = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(3))
SHORT = rsa.generate_private_key(public_exponent=65537, key_size=2047)  # noqa: S505 - the short key that must be refused
ELLIPTIC = ec.generate_private_key(ec.SECP256R1())


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    """Return the public key in PEM."""
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(encoding, form).decode()


def sign(token: str, key: rsa.RSAPrivateKey, algorithm: hashes.HashAlgorithm | None = None) -> str:
    """Return a token's signature as its owner hands it out."""
    return base64.b64encode(key.sign(token.encode(), padding.PKCS1v15(), algorithm or hashes.SHA256())).decode()


KEYS = (pem(FIRST), pem(SECOND))


@pytest.mark.parametrize("key", [FIRST, SECOND])
@pytest.mark.parametrize("token", ["token", "", "caf\u00e9", "a" * 4096])
def test_signature_of_a_registered_key(key: rsa.RSAPrivateKey, token: str) -> None:
    """Each of the keys may sign, any text."""
    assert is_signed_by_any(token, sign(token, key), KEYS)


@pytest.mark.parametrize(
    "signature",
    [
        sign("token", STRANGER),
        sign("Token", FIRST),
        sign("token", FIRST, hashes.SHA512()),
        sign("token", FIRST)[:-4],
        sign("token", FIRST)[:9] + "*" + sign("token", FIRST)[9:],
        sign("token", FIRST) + "\n",
        "\u00e9" * 4,
        "",
        base64.b64encode(b"token").decode(),
    ],
)
def test_signature_that_does_not_hold(signature: str) -> None:
    """A stranger's signature, one of something else, or one that is not base64 does not hold."""
    assert not is_signed_by_any("token", signature, KEYS)


def test_keys_that_cannot_be_used() -> None:
    """A key that is none, too short or of another kind signs nothing, and hides no key after it."""
    useless = ("", "no key", pem(SHORT), pem(ELLIPTIC))
    assert not any(is_signed_by_any("token", sign("token", key), useless) for key in (FIRST, SHORT))
    assert is_signed_by_any("token", sign("token", SECOND), (*useless, *KEYS))
    assert not is_signed_by_any("token", sign("token", FIRST), ())


def test_public_key() -> None:
    """A public key is RSA, of at least 2048 bits, in PEM; a private key is none."""
    private = FIRST.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()
    assert is_public_key(pem(FIRST))
    assert not any(is_public_key(each) for each in (pem(SHORT), pem(ELLIPTIC), private, "", "no key"))
