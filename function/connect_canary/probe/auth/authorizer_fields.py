"""The fields of a custom authorizer: name, token and signature, and how they are encoded."""

import functools
import hashlib
from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import quote, unquote

from connect_canary.model.pem import PRIVATE_KEY, describe_pem
from connect_canary.model.secret import Secret
from connect_canary.model.target import Target, is_pem

NAME_FIELD = "x-amz-customauthorizer-name"
SIGNATURE_FIELD = "x-amz-customauthorizer-signature"
MIN_KEY_BITS = 2048  # NIST SP 800-131A: less is no longer allowed for signatures
_SAFE_IN_USERNAME = "@:/,-._~"


def unsigned_fields(target: Target) -> dict[str, str]:
    """Return the fields without a token, not encoded (AWS IoT developer guide, custom-auth)."""
    return {NAME_FIELD: _percent_decoded(target.authorizer_name)} if target.authorizer_name else {}


def signed_fields(target: Target) -> dict[str, str]:
    """Return the fields with token and signature, not encoded; the token is signed if the target has a key for it.

    What could not be read is empty: the rest of such a target is still validated, and it is never used.
    """
    token = _percent_decoded(_revealed(target.authorizer_token_value))
    if target.authorizer_signing_key is not None:
        signature = sign_token(target.authorizer_signing_key, token)
    else:
        signature = unquote("".join(_revealed(target.authorizer_token_signature).split()))
    key_name = _percent_decoded(target.authorizer_token_key_name)
    return {**unsigned_fields(target), key_name: token, SIGNATURE_FIELD: signature}


def _revealed(secret: Secret | None) -> str:
    return secret.reveal() if secret is not None else ""


def validate_signing_key(target: Target) -> list[tuple[str, str]]:
    """Return the key of the signing key and what is allowed if the SDK cannot use it."""
    if target.authorizer_signing_key is None:
        return []
    try:
        bits = _key_bits(target.authorizer_signing_key)
    except (ValueError, RuntimeError):  # depends on the kind of key
        what = _key_is(target.authorizer_signing_key)
        return [("authorizer_signing_key", f"{what}allowed: an RSA private key in PEM without passphrase")]
    if bits < MIN_KEY_BITS:
        return [("authorizer_signing_key", f"allowed: an RSA key of at least {MIN_KEY_BITS} bits; this has {bits}")]
    return []


def _key_is(key: Secret) -> str:
    """Return the part of a sentence that says what stands in a key's place, empty if it is a private key."""
    text = key.reveal()
    kind = describe_pem(text.encode()) if is_pem(text) else "no PEM"
    return "" if kind in {None, PRIVATE_KEY} else f"that is {kind}; "


@functools.lru_cache(maxsize=8)
def _key_bits(key: Secret) -> int:
    """Return the length of an RSA key, which is that of its signatures; raise ValueError or RuntimeError for no key."""
    from awscrt.crypto import RSA, RSASignatureAlgorithm  # noqa: PLC0415 - only a signing key needs it

    rsa = RSA.new_private_key_from_pem_data(key.reveal())
    return len(rsa.sign(RSASignatureAlgorithm.PKCS1_5_SHA256, hashlib.sha256().digest())) * 8


def sign_token(key: Secret, token: str) -> str:
    """Return the signature of a token in base64: SHA256withRSA, PKCS#1 v1.5 (AWS IoT developer guide, custom-auth)."""
    from awscrt.crypto import RSA, RSASignatureAlgorithm  # noqa: PLC0415 - only a signing key needs it

    rsa = RSA.new_private_key_from_pem_data(key.reveal())
    return b64encode(rsa.sign(RSASignatureAlgorithm.PKCS1_5_SHA256, hashlib.sha256(token.encode()).digest())).decode()


def _percent_decoded(value: str) -> str:
    """Return `value` decoded if the user has percent-encoded it, else as it is."""
    plain = unquote(value)
    return plain if quote(plain, safe="").lower() == value.lower() else value


def username_with_fields(username: str, fields: Mapping[str, str]) -> str:
    """Return the user name followed by the fields as a query; it is percent-encoded only if there are fields."""
    return (
        f"{quote(_percent_decoded(username), safe=_SAFE_IN_USERNAME)}?{encode_fields(fields)}" if fields else username
    )


def encode_fields(fields: Mapping[str, str]) -> str:
    """Return the fields as a query string, each percent-encoded exactly once."""
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in fields.items())
