"""A temporary certificate authority, and a server certificate for each way to be invalid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NAMES = ("localhost", "endpoint.test", "*.endpoint.test")
_ADDRESSES = ("127.0.0.1", "::1")
_LEAVES = (
    "good",
    "expired",
    "not-yet-valid",
    "untrusted",
    "self-signed",
    "wrong-name",
    "no-intermediate",
    "wrong-purpose",
    "expired-elsewhere",
    "long",
)
# The chain of AWS IoT fills several segments, so one kind has names that do as well.
_OTHER_NAMES: Mapping[str, tuple[str, ...]] = {
    "wrong-name": ("elsewhere.invalid",),
    "expired-elsewhere": ("elsewhere.invalid",),
    "long": (*NAMES, *(f"device-gateway-{number:03}.endpoint.test" for number in range(90))),
}
# How many days after its making a certificate starts and ends to be valid, where that is not as usual.
_DAYS_LEFT: Mapping[str, int] = {"expired": -2, "expired-elsewhere": -2, "not-yet-valid": 30}
_OTHER_DAYS_LEFT = 90
_STARTS_AFTER_DAYS: Mapping[str, int] = {"expired": -30, "expired-elsewhere": -30, "not-yet-valid": 2}


def days_left(kind: str) -> int:
    """Return how many days after its making the certificate of a kind of leaf ends; negative for before."""
    return _DAYS_LEFT.get(kind, _OTHER_DAYS_LEFT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A certificate that signs others, and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


class Pki:
    """PEM files in a directory: `ca.pem` to trust, and `<kind>.pem` with chain and key for each kind of leaf."""

    def __init__(self, directory: Path) -> None:
        """Make every certificate, valid or wrong from now on."""
        self._directory = directory
        self.ca_file = directory / "ca.pem"
        self.client_ca_file = directory / "client-ca.pem"
        now = datetime.now(UTC)
        self.trusted = trusted = new_authority("Faulty endpoint CA", now)
        stranger = new_authority("Nobody's CA", now)
        between = new_authority("Faulty endpoint intermediate CA", now, signer=trusted)
        self.ca_file.write_bytes(certificate_pem(trusted.certificate))
        self.client_ca_file.write_bytes(certificate_pem(stranger.certificate))
        for kind in _LEAVES:
            self._write(kind, trusted, stranger, between, now)

    def file(self, kind: str) -> Path:
        """Return the chain and key of one kind of leaf."""
        return self._directory / f"{kind}.pem"

    def _write(self, kind: str, trusted: Authority, stranger: Authority, between: Authority, now: datetime) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        signer = {
            "untrusted": stranger,
            "no-intermediate": between,
            "self-signed": None,
        }.get(kind, trusted)
        names = _OTHER_NAMES.get(kind, NAMES)
        not_before = now + timedelta(days=_STARTS_AFTER_DAYS.get(kind, -1))
        not_after = now + timedelta(days=days_left(kind))
        purpose = ExtendedKeyUsageOID.CLIENT_AUTH if kind == "wrong-purpose" else ExtendedKeyUsageOID.SERVER_AUTH
        builder = (
            certificate_builder(names[0], key, signer, not_before, not_after)
            .add_extension(alternative_names(names), critical=False)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        )
        leaf = builder.sign(signer.key if signer else key, hashes.SHA256())
        path = self.file(kind)
        path.touch(mode=0o600)
        path.write_bytes(certificate_pem(leaf) + key_pem(key))


def new_authority(name: str, now: datetime, signer: Authority | None = None) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        certificate_builder(name, key, signer, now - timedelta(days=100), now + timedelta(days=400))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_ca_key_usage(), critical=True)
    )
    return Authority(certificate=builder.sign(signer.key if signer else key, hashes.SHA256()), key=key)


def certificate_builder(
    name: str, key: ec.EllipticCurvePrivateKey, signer: Authority | None, not_before: datetime, not_after: datetime
) -> x509.CertificateBuilder:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer_key = signer.key.public_key() if signer else key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer.certificate.subject if signer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


def alternative_names(names: Sequence[str]) -> x509.SubjectAlternativeName:
    addresses = [x509.IPAddress(ip_address(address)) for address in _ADDRESSES] if names == NAMES else []
    return x509.SubjectAlternativeName([*(x509.DNSName(name) for name in names), *addresses])


def _ca_key_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def certificate_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
