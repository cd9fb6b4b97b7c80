"""What stands in the place of a CA bundle, told from the file itself."""

from base64 import b64decode
from pathlib import Path

import pytest

from connect_canary.cli.arguments import parse_arguments
from connect_canary.config.problems import SettingsError
from tests.unit.factories import pem, private_key, problems_of

KEY = pem(private_key())
DER = b64decode("".join(KEY.splitlines()[1:-1]))


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (KEY.encode(), "that is a private key, not a CA bundle; "),
        (DER, "that is binary (DER), not a CA bundle; "),
        (pem(private_key(), passphrase=b"x").encode(), "that is a private key with a passphrase, not a CA bundle; "),
        (b"-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n", "that is a certificate signing request, not a CA bundle; "),
        (b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", ""),
        (b"notes", ""),
    ],
    ids=["key", "der", "sealed", "request", "broken", "text"],
)
def test_file_that_is_no_bundle(tmp_path: Path, data: bytes, what: str) -> None:
    """The sentence says what it is, where that is known."""
    path = tmp_path / "ca.pem"
    path.write_bytes(data)
    (sentence,) = problems_of(ca_file=str(path))
    assert sentence.endswith(f"; {what}allowed: a bundle of certificates in PEM")


def test_binary_key_as_a_secret(tmp_path: Path) -> None:
    """A secret is text, and DER is none."""
    path = tmp_path / "key.der"
    path.write_bytes(DER)
    with pytest.raises(SettingsError, match=r"holds no text in UTF-8; it is binary \(DER\), allowed: PEM$"):
        parse_arguments(["check", "--authorizer_signing_key", f"@{path}"])
