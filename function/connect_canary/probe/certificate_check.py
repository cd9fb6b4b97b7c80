"""The certificate check: our own TLS handshake with the same address and trust store."""

import asyncio
import functools
import socket
import ssl
from collections.abc import Awaitable, Callable

from connect_canary.model.certificate import Certificate, CertificateCheck
from connect_canary.model.failures import Failure
from connect_canary.network.errors import DialError
from connect_canary.probe.x509 import read_der

# OpenSSL's verification results (x509_vfy.h); every other one means that the chain is not to be trusted.
_VERDICTS = {
    9: Failure.CERTIFICATE_EXPIRED,  # not yet valid: now is not its time either
    10: Failure.CERTIFICATE_EXPIRED,
    62: Failure.CERTIFICATE_NAME_MISMATCH,
    64: Failure.CERTIFICATE_NAME_MISMATCH,
}
Dial = Callable[[], Awaitable[socket.socket]]


class CertificateChecker:
    """The certificate checks of one run; attempts with the same host, trust store and route share one."""

    def __init__(self) -> None:
        """Start without checks."""
        self._tasks: dict[object, asyncio.Task[CertificateCheck]] = {}

    def start(
        self, dial: Dial, *, host: str, trust: bytes | None, route: object, timeout_s: float
    ) -> asyncio.Task[CertificateCheck]:
        """Return the check of `host` over a connection from `dial`; `route` identifies the path to it."""
        key = (host, trust, route)
        if key not in self._tasks:
            self._tasks[key] = asyncio.create_task(check_certificate(dial, host, trust, timeout_s))
        return self._tasks[key]

    def cancel(self) -> None:
        """Cancel the checks that are not done."""
        for task in self._tasks.values():
            task.cancel()


async def check_certificate(dial: Dial, host: str, trust: bytes | None, timeout_s: float) -> CertificateCheck:
    """Return the result of a TLS handshake like the SDK's; an empty one if it is inconclusive."""
    try:
        context = _verifying_context(trust)
    except (ssl.SSLError, ValueError):  # an unusable bundle is no evidence against the endpoint
        return CertificateCheck()
    try:
        return CertificateCheck(certificate=await _tls_handshake(dial, host, context, timeout_s))
    except ssl.SSLCertVerificationError as error:
        failure = _VERDICTS.get(error.verify_code, Failure.CERTIFICATE_UNTRUSTED)
        message = error.verify_message
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError, TimeoutError):
        return CertificateCheck()
    except ssl.SSLError as error:
        return CertificateCheck(
            failure=Failure.TLS_FAILED, reason=f"TLS: {(error.reason or 'handshake failed').lower().replace('_', ' ')}"
        )
    except (DialError, OSError, ValueError):
        return CertificateCheck()
    try:
        certificate = await _tls_handshake(dial, host, _unverified_context(), timeout_s)
    except (DialError, OSError, ValueError):
        return CertificateCheck(failure=failure, reason=message)
    return CertificateCheck(
        certificate=certificate, failure=failure, reason=_reason(failure, host, certificate, message)
    )


async def _tls_handshake(dial: Dial, host: str, context: ssl.SSLContext, timeout_s: float) -> Certificate:
    connected = await dial()
    try:
        secured = context.wrap_socket(connected, server_hostname=host.encode("ascii"), do_handshake_on_connect=False)
    except BaseException:
        connected.close()
        raise
    with secured:
        async with asyncio.timeout(timeout_s):
            while not _handshake_step(secured):
                await _wait_readable(secured)
        return _peer_certificate(secured)


def _handshake_step(secured: ssl.SSLSocket) -> bool:
    """Take the handshake as far as it goes; return True when it is done."""
    try:
        secured.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


async def _wait_readable(secured: ssl.SSLSocket) -> None:
    loop = asyncio.get_running_loop()
    arrived = asyncio.Event()
    loop.add_reader(secured, arrived.set)
    try:
        await arrived.wait()
    finally:
        loop.remove_reader(secured)


def _peer_certificate(secured: ssl.SSLSocket) -> Certificate:
    cipher = secured.cipher()
    not_before, not_after, issuer, subject = read_der(secured.getpeercert(binary_form=True) or b"")
    return Certificate(
        tls_version=secured.version() or "",
        cipher=cipher[0] if cipher else "",
        subject=subject,
        issuer=issuer,
        not_before=not_before,
        not_after=not_after,
    )


@functools.lru_cache(maxsize=8)
def _verifying_context(trust: bytes | None) -> ssl.SSLContext:
    # Bundles name their authorities in comments, in UTF-8 or worse, which OpenSSL refuses; PEM itself is ASCII.
    context = ssl.create_default_context(cadata=None if trust is None else trust.decode("ascii", "ignore"))
    # What the SDK's TLS accepts must pass here too, in every Python: it is not strict about RFC 5280 in full, and an
    # intermediate authority in the bundle is trusted without its root.
    context.verify_flags &= ~ssl.VerifyFlags.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    return _allow_legacy_tls(context)


def _unverified_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return _allow_legacy_tls(context)


def _allow_legacy_tls(context: ssl.SSLContext) -> ssl.SSLContext:
    """Allow TLS 1.0 and 1.1, which the SDK accepts and OpenSSL does not by default."""
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    return context


def _reason(failure: Failure | None, host: str, certificate: Certificate, openssl_message: str) -> str:
    if failure is Failure.CERTIFICATE_EXPIRED and certificate.days_left > 0:
        return f"the certificate of {host} is not valid before {certificate.not_before:%Y-%m-%d %H:%M} UTC"
    if failure is Failure.CERTIFICATE_EXPIRED:
        return f"the certificate of {host} expired on {certificate.not_after:%Y-%m-%d %H:%M} UTC"
    if failure is Failure.CERTIFICATE_NAME_MISMATCH:
        return f"the certificate is for {certificate.subject or 'another name'}, not for {host}"
    return f"the certificate of {host}, issued by {certificate.issuer or 'nobody named'}: {openssl_message}"
