"""Trust bundles: whatever happened to their line ends, OpenSSL and the SDK read the same certificates from them."""

import base64
import re
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from awscrt.io import ClientTlsContext, TlsContextOptions
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from connect_canary.probe.tls_trust import tls_context, trust_store
from tests.unit.factories import target_of

BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


def _authority(name: str) -> x509.Certificate:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    built = x509.CertificateBuilder(subject, subject, key.public_key(), 1, now, now + timedelta(days=1))
    return built.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(
        key, hashes.SHA256()
    )


AUTHORITIES = [_authority(f"Authority {number}") for number in range(3)]
DERS = [authority.public_bytes(serialization.Encoding.DER) for authority in AUTHORITIES]
PEMS = [authority.public_bytes(serialization.Encoding.PEM).decode().strip() for authority in AUTHORITIES]


def _target_trusting(bundle: str) -> bytes:
    read = trust_store(target_of(ca_file=bundle, auth_mode="custom-unsigned"))
    assert read is not None
    return read


def _certificates(bundle: bytes) -> list[bytes]:
    """Return the certificates between the marks, byte for byte."""
    blocks = re.findall(rf"{BEGIN}(.*?){END}", bundle.decode("utf-8", "replace"), re.DOTALL)
    return [base64.b64decode("".join(block.split()), validate=True) for block in blocks]


def _assert_both_read(bundle: bytes, ders: list[bytes]) -> None:
    """OpenSSL trusts exactly these; the SDK makes a context of them."""
    assert _certificates(bundle) == ders
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=bundle.decode("ascii", "ignore"))
    assert sorted(context.get_ca_certs(binary_form=True)) == sorted(ders)
    options = TlsContextOptions()
    options.override_default_trust_store(bundle)
    assert ClientTlsContext(options)


SPOILT = {
    "as it should be": "\n".join(PEMS),
    "CRLF": "\r\n".join(PEMS).replace("\n", "\r\n"),
    "CR": "\r".join(PEMS).replace("\n", "\r"),
    "spaces for line ends": " ".join(PEMS).replace("\n", " "),
    "line ends lost": "".join(PEMS).replace("\n", ""),
    "indented": "\n".join(PEMS).replace("\n", "\n    "),
    "blank lines": "\n\n".join(PEMS).replace("\n", "\n\n"),
    "tabs": "\t".join(PEMS).replace("\n", "\t"),
    "text between": f"# Root\n{PEMS[0]}\nIssuer: CN=b\n\n{PEMS[1]} trailing\n{PEMS[2]}\n# end",
    "text between, without line ends": f"Root {PEMS[0]} Issuer: CN=b {PEMS[1]} and {PEMS[2]}".replace("\n", " "),
    "text that is not ASCII": f"# Zertifizierungsstelle für 東京\n{PEMS[0]}\n# ÄÖÜ\n{PEMS[1]}\n{PEMS[2]}",
    "no line end at the end": "\n".join(PEMS).rstrip("\n"),
}


@pytest.mark.parametrize("spoilt", SPOILT.values(), ids=SPOILT)
def test_bundle_is_read_whatever_its_line_ends(spoilt: str) -> None:
    """As a text, with three certificates in their order."""
    _assert_both_read(_target_trusting(spoilt), DERS)


@pytest.mark.parametrize("spoilt", SPOILT.values(), ids=SPOILT)
def test_file_is_read_whatever_its_line_ends(tmp_path: Path, spoilt: str) -> None:
    """As a path."""
    path = tmp_path / "ca.pem"
    path.write_bytes(spoilt.encode())
    _assert_both_read(_target_trusting(str(path)), DERS)


def test_file_in_latin_1_is_read(tmp_path: Path) -> None:
    """Bundles name their authorities in comments of any encoding."""
    path = tmp_path / "ca.pem"
    path.write_bytes(b"# Autorit\xe9\n" + PEMS[0].encode())
    _assert_both_read(_target_trusting(str(path)), DERS[:1])


@settings(max_examples=20)
@given(
    st.lists(st.integers(0, 2), min_size=1, max_size=3, unique=True),
    st.lists(st.tuples(st.integers(0, 2000), st.sampled_from([" ", "\n", "\r\n", "\t", "\n  "])), max_size=20),
)
def test_white_space_anywhere_in_the_base64_changes_no_certificate(
    chosen: list[int], insertions: list[tuple[int, str]]
) -> None:
    """Each block has lines of 64 characters again, and the bytes that it had."""
    bodies = ["".join(PEMS[number].splitlines()[1:-1]) for number in chosen]
    for at, space in insertions:
        bodies = [body[: at % len(body)] + space + body[at % len(body) :] for body in bodies]
    bundle = _target_trusting("".join(f"{BEGIN}{body}{END}" for body in bodies))
    _assert_both_read(bundle, [DERS[number] for number in chosen])
    assert max(len(line) for line in bundle.splitlines()) <= 64


def test_bundle_that_is_in_order_keeps_its_lines() -> None:
    """Each mark and each 64 characters stand on a line of their own."""
    assert _target_trusting(PEMS[0]).decode().split() == PEMS[0].split()


def test_damaged_base64_is_not_mended() -> None:
    """Only white space is: what is wrong stays wrong for both readers."""
    damaged = PEMS[0].replace("MII", "M!I", 1)
    assert trust_store(replace(target_of(), ca_file=damaged)) == damaged.encode()


def test_system_store_is_used_without_a_bundle() -> None:
    """There is nothing to read then."""
    assert trust_store(target_of()) is None


def test_file_that_is_missing(tmp_path: Path) -> None:
    """The error is the system's."""
    with pytest.raises(FileNotFoundError):
        trust_store(replace(target_of(), ca_file=str(tmp_path / "missing.pem")))


def test_targets_that_trust_the_same_share_a_context() -> None:
    """Reading the system's bundle takes 16 ms; another bundle, or another port's ALPN, is another context."""
    first, second = (target_of(ca_file=PEMS[0], auth_mode="custom-unsigned", endpoint=host) for host in ("a.b", "c.d"))
    assert tls_context(first) is tls_context(second)
    assert tls_context(first) is not tls_context(target_of(ca_file=PEMS[1], auth_mode="custom-unsigned"))
    elsewhere = target_of(ca_file=PEMS[0], auth_mode="custom-unsigned", endpoint="a.b:8443")
    assert tls_context(first) is not tls_context(elsewhere)
