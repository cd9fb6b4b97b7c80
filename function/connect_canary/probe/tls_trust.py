"""The trust store of a target, and the SDK's TLS context made from it."""

import errno
import functools
import os
import re
import stat

from awscrt.io import ClientTlsContext, TlsContextOptions, is_alpn_available

from connect_canary.model.pem import CERTIFICATE, describe_pem
from connect_canary.model.target import Target, is_pem

MAX_BUNDLE_BYTES = 1_000_000
_ALPN_PORT = 443
# Or opening a pipe would wait for somebody to write into it.
_NONBLOCK: int = getattr(os, "O_NONBLOCK", 0)
_PEM_BLOCK = re.compile(rb"(-----BEGIN CERTIFICATE-----)([A-Za-z0-9+/=\s]*)(-----END CERTIFICATE-----)")
_LINE_CHARACTERS = 64


def trust_store(target: Target) -> bytes | None:
    """Return the PEM bundle to trust, None for the system's; raise OSError if it cannot be read."""
    if not target.ca_file:
        return None
    bundle = target.ca_file.encode() if is_pem(target.ca_file) else _read_regular_file(target.ca_file)
    return _normalize_pem(bundle)


def _read_regular_file(path: str) -> bytes:
    """Return the content of a file; raise OSError if it is none, or too large: a device or a pipe would never end."""
    descriptor = os.open(path, os.O_RDONLY | _NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        if status.st_size > MAX_BUNDLE_BYTES:
            raise OSError(errno.EFBIG, f"it has more than {MAX_BUNDLE_BYTES:,} bytes")
        # A buffer as long as the limit takes several times as long, and each target reads three times (measured).
        return file.read(status.st_size)


@functools.lru_cache(maxsize=8)
def _normalize_pem(bundle: bytes) -> bytes:
    """Return the bundle with the line ends of RFC 7468, which shells and `--parameter-overrides` replace by spaces.

    The SDK reads it without them, OpenSSL does not, and both must trust the same.
    """
    return _PEM_BLOCK.sub(_rewrap_block, bundle)


def _rewrap_block(block: "re.Match[bytes]") -> bytes:
    begin, text, end = block.groups()
    base64 = b"".join(text.split())
    lines = [base64[at : at + _LINE_CHARACTERS] for at in range(0, len(base64), _LINE_CHARACTERS)]
    return b"\n".join((b"", begin, *lines, end, b""))


def validate_trust(target: Target) -> list[tuple[str, str]]:
    """Return the key of the CA bundle and what is allowed if the SDK cannot use it."""
    try:
        if target.ca_file:
            tls_context(target)
    except OSError as error:
        return [("ca_file", f"allowed: a file that can be read ({error.strerror})")]
    except (ValueError, RuntimeError):
        return [("ca_file", f"{_bundle_is(target)}allowed: a bundle of certificates in PEM")]
    return []


def _bundle_is(target: Target) -> str:
    """Return the part of a sentence that says what the target's file is instead of a bundle, empty if not known."""
    kind = describe_pem(trust_store(target) or b"")
    return "" if kind is None or kind == CERTIFICATE else f"that is {kind}, not a CA bundle; "


def tls_context(target: Target) -> ClientTlsContext:
    """Return the SDK's TLS context for `target`; raise RuntimeError or ValueError if it cannot use the bundle."""
    return _tls_context(trust_store(target), alpn=target.port == _ALPN_PORT and is_alpn_available())


@functools.lru_cache(maxsize=8)
def _tls_context(trust: bytes | None, *, alpn: bool) -> ClientTlsContext:
    """Return a TLS context like that of the SDK's builders, shared by attempts with the same trust store.

    Reading the system's bundle takes 16 ms (measured).
    """
    options = TlsContextOptions()
    if trust is not None:
        options.override_default_trust_store(trust)
    if alpn:
        options.alpn_list = ["http/1.1"]
    return ClientTlsContext(options)
