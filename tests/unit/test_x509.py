"""The certificate reader: dates and names as `cryptography` reads them, ValueError for anything but a certificate."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from connect_canary.probe.x509 import read_der

# Endpoints show names that are longer than the standard allows; cryptography warns of them.
pytestmark = pytest.mark.filterwarnings("ignore:Attribute's length must be:UserWarning")

KEY = ec.generate_private_key(ec.SECP256R1())
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
NAME_CHARACTERS = 64
SEQUENCE, VERSION, EXTENSIONS, INTEGER, UTC_TIME, GENERALIZED_TIME = 0x30, 0xA0, 0xA3, 0x02, 0x17, 0x18
COMMON_NAME = bytes.fromhex("0603550403")

Attributes = Sequence[tuple[x509.ObjectIdentifier, str]]


def _name(attributes: Attributes) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, value, _validate=False) for oid, value in attributes])


def _certificate(
    *,
    subject: Attributes = ((NameOID.COMMON_NAME, "iot.example.com"),),
    issuer: Attributes = ((NameOID.COMMON_NAME, "Test CA"),),
    not_before: datetime = NOW,
    not_after: datetime = NOW + timedelta(days=90),
) -> bytes:
    """Return a certificate in DER."""
    builder = x509.CertificateBuilder(_name(issuer), _name(subject), KEY.public_key(), 1, not_before, not_after)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def _element(tag: int, content: bytes) -> bytes:
    """Return a DER element (X.690, section 8.1)."""
    length = len(content).to_bytes(max(1, (len(content).bit_length() + 7) // 8))
    head = length if len(content) < 128 else bytes([0x80 | len(length)]) + length
    return bytes([tag]) + head + content


def _split(der: bytes) -> list[bytes]:
    """Return the elements that `der` consists of, each whole."""
    elements = []
    while der:
        octets = der[1] & 0x7F if der[1] & 0x80 else 0
        length = int.from_bytes(der[2 : 2 + octets]) if octets else der[1]
        elements.append(der[: 2 + octets + length])
        der = der[2 + octets + length :]
    return elements


def _content(element: bytes) -> bytes:
    return element[2 + (element[1] & 0x7F if element[1] & 0x80 else 0) :]


def _with_fields(der: bytes, fields: Sequence[bytes]) -> bytes:
    """Return the certificate with other fields to be signed."""
    _, *rest = _split(_content(der))
    return _element(SEQUENCE, b"".join([_element(SEQUENCE, b"".join(fields)), *rest]))


def _fields(der: bytes) -> list[bytes]:
    return _split(_content(_split(_content(der))[0]))


def _with_validity(not_before: bytes, not_after: bytes) -> bytes:
    version, serial, algorithm, issuer, _, *rest = _fields(_certificate())
    return _with_fields(
        _certificate(), [version, serial, algorithm, issuer, _element(SEQUENCE, not_before + not_after), *rest]
    )


def _last_common_name(name: x509.Name) -> str:
    """Return the last common name as people may see it: printable, and as long as the standard lets it be."""
    names = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    text = str(names[-1].value)[:NAME_CHARACTERS] if names else ""
    return "".join(character for character in text if character.isprintable())


def _assert_read_as_cryptography_reads(der: bytes) -> None:
    reference = x509.load_der_x509_certificate(der)
    assert read_der(der) == (
        reference.not_valid_before_utc,
        reference.not_valid_after_utc,
        _last_common_name(reference.issuer),
        _last_common_name(reference.subject),
    )


_OTHER_OIDS = (NameOID.ORGANIZATION_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME, NameOID.LOCALITY_NAME)
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=NAME_CHARACTERS)
_ATTRIBUTES = st.lists(st.tuples(st.sampled_from((*_OTHER_OIDS, *[NameOID.COMMON_NAME] * 4)), _TEXT), max_size=5)
_YEAR_1950, _YEAR_9999 = -631_152_000, 253_402_300_799
_TIMES = st.integers(_YEAR_1950, _YEAR_9999).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@settings(max_examples=50)
@given(_ATTRIBUTES, _ATTRIBUTES, st.tuples(_TIMES, _TIMES).map(sorted))
def test_any_certificate_is_read_as_cryptography_reads_it(
    issuer: Attributes, subject: Attributes, validity: list[datetime]
) -> None:
    """Any names, any times that X.509 can say."""
    not_before, not_after = validity
    _assert_read_as_cryptography_reads(
        _certificate(issuer=issuer, subject=subject, not_before=not_before, not_after=not_after)
    )


@pytest.mark.parametrize(
    ("moment", "tag"),
    [
        (datetime(1950, 1, 1, tzinfo=UTC), UTC_TIME),
        (datetime(1950, 1, 1, 0, 0, 1, tzinfo=UTC), UTC_TIME),
        (datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC), UTC_TIME),
        (datetime(2000, 1, 1, tzinfo=UTC), UTC_TIME),
        (datetime(2000, 2, 29, tzinfo=UTC), UTC_TIME),
        (datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC), UTC_TIME),
        (datetime(2050, 1, 1, tzinfo=UTC), GENERALIZED_TIME),
        (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), GENERALIZED_TIME),
    ],
)
def test_time_around_the_turn_of_its_form(moment: datetime, tag: int) -> None:
    """UTCTime has two digits of the year, 1950 to 2049; from 2050 on it is GeneralizedTime (RFC 5280, 4.1.2.5)."""
    der = _certificate(not_before=moment, not_after=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
    assert _split(_content(_fields(der)[4]))[0][0] == tag
    assert read_der(der)[0] == moment
    _assert_read_as_cryptography_reads(der)


def test_year_before_1950_as_generalized_time() -> None:
    """Written by hand, because no builder writes it."""
    der = _with_validity(_element(GENERALIZED_TIME, b"19491231235959Z"), _element(UTC_TIME, b"500101000000Z"))
    assert read_der(der)[:2] == (
        datetime(1949, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(1950, 1, 1, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        (UTC_TIME, b"2611241200Z"),
        (UTC_TIME, b"261124120000+0100"),
        (UTC_TIME, b"20261124120000Z"),
        (UTC_TIME, b"261324120000Z"),
        (UTC_TIME, b""),
        (UTC_TIME, "\uff12\uff161124120000Z".encode()),
        (GENERALIZED_TIME, b"20261124120000.5Z"),
        (GENERALIZED_TIME, b"20261124120000"),
        (GENERALIZED_TIME, b"261124120000Z"),
    ],
)
def test_time_that_rfc_5280_does_not_allow(tag: int, text: bytes) -> None:
    """Such a certificate is refused as a whole, not read with a wrong date."""
    good = _element(UTC_TIME, b"271124120000Z")
    for validity in ((_element(tag, text), good), (good, _element(tag, text))):
        with pytest.raises(ValueError, match=r"."):
            read_der(_with_validity(*validity))


@pytest.mark.parametrize("kept", range(6))
def test_fields_that_are_missing(kept: int) -> None:
    """A certificate without a subject, or with less, is none; the sentence does not tell how it was read."""
    with pytest.raises(ValueError, match=r"^no X\.509 certificate$"):
        read_der(_with_fields(_SMALL, _fields(_SMALL)[:kept]))


def test_validity_without_an_end() -> None:
    """Nor is one that says only since when."""
    with pytest.raises(ValueError, match=r"^no X\.509 certificate$"):
        read_der(_with_validity(_element(UTC_TIME, b"271124120000Z"), b""))


@pytest.mark.parametrize("size", [1, 100, 200, 300, 70_000])
def test_long_lengths(size: int) -> None:
    """Lengths of one byte, and of one to three more."""
    subject = [(NameOID.ORGANIZATION_NAME, "o" * size), (NameOID.COMMON_NAME, "iot.example.com")]
    der = _certificate(subject=subject)
    assert read_der(der)[3] == "iot.example.com"
    _assert_read_as_cryptography_reads(der)


def test_version_1_has_no_version_field() -> None:
    """Nor extensions."""
    fields = _fields(_certificate())
    assert fields[0][0] == VERSION
    der = _with_fields(_certificate(), [field for field in fields if field[0] not in {VERSION, EXTENSIONS}])
    assert x509.load_der_x509_certificate(der).version is x509.Version.v1
    _assert_read_as_cryptography_reads(der)


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        ([], ""),
        ([(NameOID.ORGANIZATION_NAME, "Example")], ""),
        ([(NameOID.COMMON_NAME, "first"), (NameOID.COMMON_NAME, "last")], "last"),
        ([(NameOID.COMMON_NAME, "last"), (NameOID.ORGANIZATION_NAME, "Example")], "last"),
        ([(NameOID.COMMON_NAME, "Bücher 東京 🔒")], "Bücher 東京 🔒"),
        ([(NameOID.COMMON_NAME, "a\x1b[31mred\nb\u202ec\x00")], "a[31mredbc"),
        ([(NameOID.COMMON_NAME, "n" * 65)], "n" * 64),
        ([(NameOID.COMMON_NAME, "real"), (NameOID.ORGANIZATION_NAME, "\x06\x03U\x04\x03\x0c\x04fake")], "real"),
        ([(NameOID.COMMON_NAME, "\x06\x03U\x04\x03")], "U"),
    ],
)
def test_common_name(subject: Attributes, name: str) -> None:
    """The last one, what can be printed of it, or nothing."""
    assert read_der(_certificate(subject=subject))[3] == name
    assert read_der(_certificate(issuer=subject))[2] == name
    _assert_read_as_cryptography_reads(_certificate(subject=subject, issuer=subject))


def test_common_name_in_a_name_part_of_several_attributes() -> None:
    """A relative distinguished name is a set."""
    parts = [
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example"),
        x509.NameAttribute(NameOID.COMMON_NAME, "iot.example.com"),
        x509.NameAttribute(NameOID.USER_ID, "7"),
    ]
    name = x509.Name([x509.RelativeDistinguishedName(parts)])
    built = x509.CertificateBuilder(name, name, KEY.public_key(), 1, NOW, NOW + timedelta(days=1))
    der = built.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    assert read_der(der)[2:] == ("iot.example.com", "iot.example.com")


def test_common_name_that_is_no_utf_8() -> None:
    """Old certificates have Latin-1 (TeletexString): what cannot be decoded is marked."""
    der = _certificate(subject=[(NameOID.COMMON_NAME, "B\xfcro")])
    assert read_der(der.replace(b"B\xc3\xbcro", b"Bu\xfcro"))[3] == "Bu\ufffdro"


def _mutated(der: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    for at, removed, inserted in changes:
        position = at % (len(der) + 1)
        der = der[:position] + inserted + der[position + removed :]
    return der


_SMALL = _certificate(subject=[(NameOID.ORGANIZATION_NAME, "Example"), (NameOID.COMMON_NAME, "a")])


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 3), st.binary(max_size=3)), min_size=1, max_size=4))
def test_mutated_certificate_raises_nothing_but_value_error(changes: list[tuple[int, int, bytes]]) -> None:
    """What an endpoint shows is read or refused."""
    _read_or_refuse(_mutated(_SMALL, changes))


@settings(max_examples=50)
@given(st.binary(max_size=40))
def test_any_bytes_raise_nothing_but_value_error(der: bytes) -> None:
    """Among them none at all."""
    _read_or_refuse(der)


def _read_or_refuse(der: bytes) -> None:
    try:
        not_before, not_after, issuer, subject = read_der(der)
    except ValueError:
        return
    assert not_before.tzinfo is not_after.tzinfo is UTC
    assert (issuer + subject).isprintable()


def test_every_beginning_of_a_certificate_is_refused() -> None:
    """Truncated at any byte it is invalid; one byte too many is ignored."""
    for end in range(len(_SMALL)):
        with pytest.raises(ValueError, match=r"^no X\.509 certificate$"):
            read_der(_SMALL[:end])
    assert read_der(_SMALL + b"\x00") == read_der(_SMALL)
