"""The endpoint's certificate, read beside the attempt: same address, same name, same trust store as the SDK's."""

import asyncio
import functools
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from connect_canary.dialling import DialError
from connect_canary.failures import Failure

_SECONDS_A_DAY = 86400

# OpenSSL's verification results (x509_vfy.h); every other one means that the chain is not to be trusted.
_VERDICTS = {
    9: Failure.CERTIFICATE_EXPIRED,  # not yet valid: now is not its time either
    10: Failure.CERTIFICATE_EXPIRED,
    62: Failure.CERTIFICATE_NAME_MISMATCH,
    64: Failure.CERTIFICATE_NAME_MISMATCH,
}
_COMMON_NAME = bytes.fromhex("550403")  # object identifier 2.5.4.3
_NAME_CHARACTERS = 64  # RFC 5280, appendix A, ub-common-name
_UTC_TIME = 0x17
_TIME_CHARACTERS = len("YYYYMMDDHHMMSSZ")

Dial = Callable[[], Awaitable[socket.socket]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What the endpoint showed; names are common names."""

    tls_version: str
    cipher: str
    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime

    @property
    def days_left(self) -> float:
        """Days until it expires; negative when it has."""
        return (self.not_after.timestamp() - time.time()) / _SECONDS_A_DAY

    def as_dict(self) -> dict[str, str]:
        """Return it for people and log queries."""
        return {
            "tls_version": self.tls_version,
            "cipher": self.cipher,
            "subject": self.subject,
            "issuer": self.issuer,
            "not_before": self.not_before.isoformat(),
            "not_after": self.not_after.isoformat(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a handshake of our own came to; `failure` is set when no client with this trust store can do better."""

    certificate: Certificate | None = None
    failure: Failure | None = None
    reason: str | None = None


class Looks:
    """The looks of one run: attempts that would see the same certificate share one."""

    def __init__(self) -> None:
        """Start without any."""
        self._tasks: dict[object, asyncio.Task[Look]] = {}

    def start(
        self, dial: Dial, *, host: str, trust: bytes | None, seen_from: object, seconds: float
    ) -> asyncio.Task[Look]:
        """Return the look at `host` by way of `dial`; `seen_from` tells one way from another."""
        key = (host, trust, seen_from)
        if key not in self._tasks:
            self._tasks[key] = asyncio.create_task(look(dial, host, trust, seconds))
        return self._tasks[key]

    def end(self) -> None:
        """Stop looking."""
        for task in self._tasks.values():
            task.cancel()


async def look(dial: Dial, host: str, trust: bytes | None, seconds: float) -> Look:
    """Return what the endpoint shows when it is asked the way the SDK asks; nothing if it does not get that far."""
    try:
        context = _trusting(trust)
    except (ssl.SSLError, ValueError):  # our own trouble with the bundle proves nothing against the endpoint
        return Look()
    try:
        return Look(certificate=await _handshake(dial, host, context, seconds))
    except ssl.SSLCertVerificationError as error:
        failure = _VERDICTS.get(error.verify_code, Failure.CERTIFICATE_UNTRUSTED)
        said = error.verify_message
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError, TimeoutError):
        return Look()
    except ssl.SSLError as error:
        return Look(
            failure=Failure.TLS_FAILED, reason=f"TLS: {(error.reason or 'handshake failed').lower().replace('_', ' ')}"
        )
    except (DialError, OSError, ValueError):
        return Look()
    try:
        shown = await _handshake(dial, host, _trusting_anyone(), seconds)
    except (DialError, OSError, ValueError):
        return Look(failure=failure, reason=said)
    return Look(certificate=shown, failure=failure, reason=_reason(failure, host, shown, said))


async def _handshake(dial: Dial, host: str, context: ssl.SSLContext, seconds: float) -> Certificate:
    dialled = await dial()
    try:
        secured = context.wrap_socket(dialled, server_hostname=host, do_handshake_on_connect=False)
    except BaseException:
        dialled.close()
        raise
    with secured:
        async with asyncio.timeout(seconds):
            while not _advanced(secured):
                await _readable(secured)
        return _read(secured)


def _advanced(secured: ssl.SSLSocket) -> bool:
    """Take the handshake as far as it goes; return True when it is done."""
    try:
        secured.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


async def _readable(secured: ssl.SSLSocket) -> None:
    loop = asyncio.get_running_loop()
    arrived = asyncio.Event()
    loop.add_reader(secured, arrived.set)
    try:
        await arrived.wait()
    finally:
        loop.remove_reader(secured)


def _read(secured: ssl.SSLSocket) -> Certificate:
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
def _trusting(trust: bytes | None) -> ssl.SSLContext:
    # Bundles name their authorities in comments, in UTF-8 or worse, which OpenSSL refuses; PEM itself is ASCII.
    context = ssl.create_default_context(cadata=None if trust is None else trust.decode("ascii", "ignore"))
    # What the SDK's TLS accepts must pass here too, in every Python: it is not strict about RFC 5280 in full, and an
    # intermediate authority in the bundle is trusted without its root.
    context.verify_flags &= ~ssl.VerifyFlags.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    return _speaking_everything(context)


def _trusting_anyone() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return _speaking_everything(context)


def _speaking_everything(context: ssl.SSLContext) -> ssl.SSLContext:
    """Let `context` speak what OpenSSL no longer speaks by itself: the SDK still takes TLS 1.0 and 1.1."""
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    return context


def _reason(failure: Failure | None, host: str, shown: Certificate, openssl_says: str) -> str:
    if failure is Failure.CERTIFICATE_EXPIRED and shown.days_left > 0:
        return f"the certificate of {host} is not valid before {shown.not_before:%Y-%m-%d %H:%M} UTC"
    if failure is Failure.CERTIFICATE_EXPIRED:
        return f"the certificate of {host} expired on {shown.not_after:%Y-%m-%d %H:%M} UTC"
    if failure is Failure.CERTIFICATE_NAME_MISMATCH:
        return f"the certificate is for {shown.subject or 'another name'}, not for {host}"
    return f"the certificate of {host}, issued by {shown.issuer or 'nobody named'}: {openssl_says}"


def read_der(der: bytes) -> tuple[datetime, datetime, str, str]:
    """Return notBefore, notAfter, issuer and subject of a certificate (RFC 5280, section 4.1); raise ValueError.

    Python's `ssl` reads them only from certificates that it has verified. Names are their last common name.
    """
    certificate = next(_elements(der))[1]
    fields = list(_elements(next(_elements(certificate))[1]))
    if fields and fields[0][0] == 0xA0:  # noqa: PLR2004 - [0] version, absent in X.509 v1
        fields = fields[1:]
    try:
        _serial, _algorithm, (_, issuer), (_, validity), (_, subject) = fields[:5]
        not_before, not_after = _elements(validity)
    except ValueError as error:
        raise ValueError("no X.509 certificate") from error
    return _time(*not_before), _time(*not_after), _common_name(issuer), _common_name(subject)


def _elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of each DER element (X.690, section 8.1); raise ValueError when it is cut short."""
    at = 0
    while at < len(der):
        tag, length, at = der[at], der[at + 1] if at + 1 < len(der) else 0, at + 2
        if length & 0x80:
            octets = length & 0x7F
            length, at = int.from_bytes(der[at : at + octets]), at + octets
        if at + length > len(der):
            raise ValueError("no X.509 certificate")
        yield tag, der[at : at + length]
        at += length
    if not der:
        raise ValueError("no X.509 certificate")


def _time(tag: int, text: bytes) -> datetime:
    # RFC 5280, section 4.1.2.5: UTCTime has two digits of the year, 50 and above are of the last century.
    digits = text.decode("ascii")
    if tag == _UTC_TIME:
        digits = ("19" if digits >= "50" else "20") + digits
    if len(digits) != _TIME_CHARACTERS:  # strptime would take fewer digits for another time
        raise ValueError("no X.509 certificate")
    return datetime.strptime(digits, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _common_name(names: bytes) -> str:
    """Return the last common name of an RDNSequence (RFC 5280, section 4.1.2.4), "" for none."""
    found = b""
    for _, attributes in _elements(names) if names else ():
        for _, attribute in _elements(attributes):
            (_, kind), (_, value) = _elements(attribute)
            found = value if kind == _COMMON_NAME else found
    name = found.decode("utf-8", "replace")[:_NAME_CHARACTERS]
    return "".join(character for character in name if character.isprintable())
