"""The ways in which OpenSSL servers shake hands, and for each what the endpoint does after its handshake."""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from tests.faulty import steps
from tests.faulty.server_connection import ServerConnection
from tests.faulty.steps import Behaviour, Step

RSA_FILE = "rsa.pem"
_RSA_BITS = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsServer:
    """How one server shakes hands; what is empty is OpenSSL's default."""

    version: ssl.TLSVersion
    ciphers: str = ""
    group: str = ""
    asks_for_certificate: bool = False

    def context(self, directory: Path) -> ssl.SSLContext:
        """Return the server's context; certificates are in `directory`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = context.maximum_version = self.version
        needs_rsa = self.ciphers and "ECDSA" not in self.ciphers
        context.load_cert_chain(directory / (RSA_FILE if needs_rsa else "good.pem"))
        if self.ciphers:
            context.set_ciphers(self.ciphers)
        if self.group:
            context.set_ecdh_curve(self.group)
        if self.asks_for_certificate:
            context.load_verify_locations(directory / "client-ca.pem")
            context.verify_mode = ssl.CERT_OPTIONAL
        return context

    def handshake(self) -> Step:
        """Return the step that shakes hands."""

        async def handshake(connection: ServerConnection) -> bool:
            await connection.handshake(self.context(connection.directory))
            return True

        return handshake


_V12, _V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
_CBC = (
    "ECDHE-ECDSA-AES128-SHA256",
    "ECDHE-ECDSA-AES256-SHA384",
    "ECDHE-ECDSA-AES128-SHA",
    "ECDHE-ECDSA-AES256-SHA",
    "ECDHE-RSA-AES128-SHA256",
    "ECDHE-RSA-AES256-SHA",
    "AES128-SHA256",
    "AES256-SHA",
)
_AEAD = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
)
SERVERS: Mapping[str, TlsServer] = {
    "tls-1.3": TlsServer(version=_V13),
    "hello-retry-request": TlsServer(version=_V13, group="secp384r1"),
    "client-certificate-1.3": TlsServer(version=_V13, asks_for_certificate=True),
    "client-certificate-1.2": TlsServer(version=_V12, asks_for_certificate=True),
    "client-certificate-cbc": TlsServer(version=_V12, ciphers=_CBC[0], asks_for_certificate=True),
    **{cipher: TlsServer(version=_V12, ciphers=cipher) for cipher in (*_CBC, *_AEAD)},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What the endpoint does after a handshake, and what the canary must say of it."""

    behaviour: Callable[[Step], Behaviour]
    phase: str | None
    failure: str | None
    http_status: int


AFTER_HANDSHAKE: Mapping[str, Expectation] = {
    "healthy": Expectation(
        behaviour=lambda handshake: Behaviour(handshake=handshake), phase=None, failure=None, http_status=101
    ),
    "forbidden": Expectation(
        behaviour=lambda handshake: Behaviour(handshake=handshake, upgrade=steps.refuse("403 Forbidden")),
        phase="upgrade",
        failure="UpgradeForbidden",
        http_status=403,
    ),
    "not-authorized": Expectation(
        behaviour=lambda handshake: Behaviour(handshake=handshake, connack=steps.send_connack(5, 135)),
        phase="connack",
        failure="NotAuthorized",
        http_status=101,
    ),
}
SILENT = Expectation(
    behaviour=lambda handshake: Behaviour(handshake=handshake, connack=steps.silence),
    phase="connack",
    failure="ConnackTimedOut",
    http_status=101,
)


def write_rsa_certificate(directory: Path) -> bytes:
    """Write a self-signed certificate for localhost, with an RSA key, and return it in PEM."""
    key, now = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (directory / RSA_FILE).write_bytes(pem + private)
    return pem
