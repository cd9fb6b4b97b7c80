"""What a file of keys or certificates is, judged by its first line (RFC 7468)."""

import re

_LABEL = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----")
_ENCRYPTED = b"Proc-Type: 4,ENCRYPTED"  # RFC 1421, as OpenSSL's older format has it
_DER_SEQUENCE = re.compile(rb"\x30[\x80-\x84]")  # ITU-T X.690: what is longer than 127 bytes
CERTIFICATE, PRIVATE_KEY = "a certificate", "a private key"
# From the most specific ending of a label to the least.
_KINDS = (
    (b"ENCRYPTED PRIVATE KEY", "a private key with a passphrase"),
    (b"EC PRIVATE KEY", "an EC private key"),
    (b"PRIVATE KEY", PRIVATE_KEY),
    (b"PUBLIC KEY", "a public key"),
    (b"CERTIFICATE REQUEST", "a certificate signing request"),
    (b"CERTIFICATE", CERTIFICATE),
)
_DER = "binary (DER)"


def describe_pem(data: bytes) -> str | None:
    """Return what `data` is, such as "a private key"; None if it is nothing that is known."""
    found = _LABEL.search(data)
    if found is None:
        return _DER if is_der(data) else None
    if _ENCRYPTED in data:
        return "a private key with a passphrase"
    return next((kind for ending, kind in _KINDS if found.group(1).endswith(ending)), None)


def is_der(data: bytes) -> bool:
    """Return whether `data` begins like a key or a certificate in DER."""
    return _DER_SEQUENCE.match(data) is not None
