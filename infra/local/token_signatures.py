"""The signature on a custom authorizer's token: RSA PKCS#1 v1.5 over SHA-256."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key


def is_signed_by_any(token: str, signature: str, public_keys: Iterable[str]) -> bool:
    """Tell whether the base64 signature was made for the token by one of the PEM keys' owners."""
    try:
        raw = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    return any(_is_signed_by(token, raw, key) for key in public_keys)


def _is_signed_by(token: str, signature: bytes, public_key: str) -> bool:
    try:
        key = load_pem_public_key(public_key.encode())
    except ValueError:
        return False
    if not isinstance(key, rsa.RSAPublicKey):
        return False
    try:
        key.verify(signature, token.encode(), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True
