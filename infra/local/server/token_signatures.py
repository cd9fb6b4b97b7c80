"""The signature on a custom authorizer's token: RSA PKCS#1 v1.5 over SHA-256."""

import base64
from collections.abc import Iterable

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

_MIN_KEY_BITS = 2048


def is_public_key(pem: str) -> bool:
    """Return whether `pem` is an RSA public key of at least 2048 bits."""
    return _public_key(pem) is not None


def is_signed_by_any(token: str, signature: str, public_keys: Iterable[str]) -> bool:
    """Return whether the base64 signature verifies the token with one of the public keys (PEM)."""
    try:
        raw = base64.b64decode(signature, validate=True)
    except ValueError:
        return False
    return any(_is_signed_by(token, raw, key) for key in public_keys)


def _public_key(pem: str) -> rsa.RSAPublicKey | None:
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _MIN_KEY_BITS else None


def _is_signed_by(token: str, signature: bytes, pem: str) -> bool:
    key = _public_key(pem)
    if key is None:
        return False
    try:
        key.verify(signature, token.encode(), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True
