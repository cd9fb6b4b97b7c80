"""Certificate chains that OpenSSL accepts and the SDK's TLS (s2n) refuses in silence, and the longest that it takes."""

import functools
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from tests.faulty.pki import (
    NAMES,
    Authority,
    Pki,
    alternative_names,
    certificate_builder,
    certificate_pem,
    days_left,
    key_pem,
    new_authority,
)

# The object identifiers of sha256WithRSAEncryption and md5WithRSAEncryption (RFC 8017, appendix A.2.4), equally long.
_SHA256_WITH_RSA, _MD5_WITH_RSA = bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d010104")
_RSA_BITS = 2048
_NEEDLESS = 26


def write_unsupported_chains(pki: Pki) -> None:
    """Write `longest-chain`, `too-long-chain`, `needless-certificates` and `md5` beside the other kinds of leaf."""
    now = datetime.now(UTC)
    for kind, intermediates in (("longest-chain", 6), ("too-long-chain", 8)):
        chain = [pki.trusted]
        for number in range(intermediates):
            chain.append(new_authority(f"Faulty endpoint CA {number}", now, signer=chain[-1]))
        sent = b"".join(certificate_pem(authority.certificate) for authority in reversed(chain[1:]))
        _write(pki, kind, chain[-1], sent, now)
    _write(pki, "needless-certificates", pki.trusted, certificate_pem(pki.trusted.certificate) * _NEEDLESS, now)
    _write_md5(pki, now)


def _write(pki: Pki, kind: str, signer: Authority, others: bytes, now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = certificate_builder(NAMES[0], key, signer, now - timedelta(days=1), now + timedelta(days=days_left(kind)))
    leaf = builder.add_extension(alternative_names(NAMES), critical=False).sign(signer.key, hashes.SHA256())
    _write_private(pki, kind, certificate_pem(leaf) + others + key_pem(key))


def _write_private(pki: Pki, kind: str, content: bytes) -> None:
    pki.file(kind).touch(mode=0o600)
    pki.file(kind).write_bytes(content)


def _write_md5(pki: Pki, now: datetime) -> None:
    """Write a leaf that is signed with MD5, and trust its authority."""
    signer, name = _rsa_key(), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Faulty endpoint RSA CA")])
    key = ec.generate_private_key(ec.SECP256R1())
    start, end = now - timedelta(days=1), now + timedelta(days=days_left("md5"))
    builder = x509.CertificateBuilder().issuer_name(name).not_valid_before(start).not_valid_after(end)
    authority = (
        builder.subject_name(name)
        .public_key(signer.public_key())
        .serial_number(x509.random_serial_number())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(signer, hashes.SHA256())
    )
    leaf = (
        builder.subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAMES[0])]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .add_extension(alternative_names(NAMES), critical=False)
        .sign(signer, hashes.SHA256())
    )
    pki.ca_file.write_bytes(pki.ca_file.read_bytes() + certificate_pem(authority))
    _write_private(pki, "md5", certificate_pem(_signed_with_md5(leaf, signer)) + key_pem(key))


@functools.cache
def _rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)


def _signed_with_md5(certificate: x509.Certificate, signer: rsa.RSAPrivateKey) -> x509.Certificate:
    """Return a certificate with another signature; the library that made it signs nothing with MD5."""
    signed = certificate.tbs_certificate_bytes.replace(_SHA256_WITH_RSA, _MD5_WITH_RSA)
    signature = signer.sign(signed, padding.PKCS1v15(), hashes.MD5())  # noqa: S303 - that is the fault
    whole = certificate.public_bytes(serialization.Encoding.DER).replace(_SHA256_WITH_RSA, _MD5_WITH_RSA)
    return x509.load_der_x509_certificate(whole.replace(certificate.signature, signature))
