"""Signatures of custom authorizers' tokens: RSA PKCS#1 v1.5 over SHA-256."""

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
    """Return the base64 signature of a token."""
    return base64.b64encode(key.sign(token.encode(), padding.PKCS1v15(), algorithm or hashes.SHA256())).decode()


KEYS = (pem(FIRST), pem(SECOND))


@pytest.mark.parametrize("key", [FIRST, SECOND])
@pytest.mark.parametrize("token", ["token", "", "caf\u00e9", "a" * 4096])
def test_signature_of_a_registered_key(key: rsa.RSAPrivateKey, token: str) -> None:
    """A signature of any text with any of the keys is valid."""
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
    """A signature with another key, of another text or hash, or not in base64 is invalid."""
    assert not is_signed_by_any("token", signature, KEYS)


def test_keys_that_cannot_be_used() -> None:
    """Invalid, short and non-RSA keys verify nothing, and do not affect other keys."""
    useless = ("", "no key", pem(SHORT), pem(ELLIPTIC))
    assert not any(is_signed_by_any("token", sign("token", key), useless) for key in (FIRST, SHORT))
    assert is_signed_by_any("token", sign("token", SECOND), (*useless, *KEYS))
    assert not is_signed_by_any("token", sign("token", FIRST), ())


def test_public_key() -> None:
    """A public key is RSA of at least 2048 bits in PEM; a private key is refused."""
    private = FIRST.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()
    assert is_public_key(pem(FIRST))
    assert not any(is_public_key(each) for each in (pem(SHORT), pem(ELLIPTIC), private, "", "no key"))
