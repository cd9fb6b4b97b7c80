"""The fields of an X.509 certificate that was not verified (RFC 5280), read from its DER."""

from collections.abc import Iterator
from datetime import UTC, datetime

_COMMON_NAME = bytes.fromhex("550403")  # object identifier 2.5.4.3
_MAX_NAME_CHARACTERS = 64  # RFC 5280, appendix A, ub-common-name
_UTC_TIME = 0x17
_TIME_CHARACTERS = len("YYYYMMDDHHMMSSZ")


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
    if len(digits) != _TIME_CHARACTERS or not digits[:-1].isdigit() or digits[-1] != "Z":
        raise ValueError("no X.509 certificate")
    # strptime would cost 3 ms of each cold start (measured).
    month, day, hour, minute, second = (int(digits[at : at + 2]) for at in range(4, _TIME_CHARACTERS - 1, 2))
    return datetime(int(digits[:4]), month, day, hour, minute, second, tzinfo=UTC)


def _common_name(names: bytes) -> str:
    """Return the last common name of an RDNSequence (RFC 5280, section 4.1.2.4), "" for none."""
    found = b""
    for _, attributes in _elements(names) if names else ():
        for _, attribute in _elements(attributes):
            (_, kind), (_, value) = _elements(attribute)
            found = value if kind == _COMMON_NAME else found
    name = found.decode("utf-8", "replace")[:_MAX_NAME_CHARACTERS]
    return "".join(character for character in name if character.isprintable())
