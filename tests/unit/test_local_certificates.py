"""The local endpoint's certificate: made at the start, and anew when a client of this user asks; MiniStack signs."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from infra.local.client.certificate import renew_certificate
from infra.local.client.process import LocalAwsError
from infra.local.server import ministack_patches
from infra.local.server.certificates import create
from tests.unit.stand_in_ministack import PutInPlace, stand_in

__all__ = ["stand_in"]


@pytest.fixture
def signed(stand_in: PutInPlace) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    """What MiniStack was asked to sign; it answers with texts."""
    asked: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def sign(*request: Any, **more: Any) -> tuple[str, str, str]:
        asked.append((request, more))
        return f"certificate {len(asked)}\n", f"key {len(asked)}\n", "serial"

    stand_in(ministack_patches.GENERATE_CA, lambda **_names: ("authority\n", "signing key"))
    stand_in(ministack_patches.SIGN_LEAF, sign)
    return asked


def test_first_certificate(signed: list[Any], tmp_path: Path) -> None:
    """It is of localhost, for a usual time, with its authority behind it; only this user reads the key."""
    create(tmp_path)
    written = [(tmp_path / name).read_text() for name in ("authority.pem", "endpoint.pem", "endpoint.key")]
    assert written == ["authority\n", "certificate 1\nauthority\n", "key 1\n"]
    hosts = {"san_dns": ["localhost"], "san_ips": ["127.0.0.1"], "days_valid": 825}
    assert signed == [(("authority\n", "signing key", "localhost"), hosts)]
    assert (tmp_path / "endpoint.key").stat().st_mode & 0o777 == 0o600


class _Context:
    """What a TLS server loads its certificate into."""

    def __init__(self) -> None:
        self.loaded: list[tuple[str, str]] = []

    def load_cert_chain(self, certificate: Path, key: Path) -> None:
        """Keep what the files have now."""
        self.loaded.append((certificate.read_text(), key.read_text()))


def _names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


async def test_certificate_is_renewed_on_request(signed: list[Any], tmp_path: Path) -> None:
    """The request returns when every listener shows the new certificate, and leaves no file behind."""
    identity, contexts = create(tmp_path), [_Context(), _Context()]
    listening: Any = contexts
    server = asyncio.create_task(identity.renew_on_request(listening))
    try:
        await asyncio.to_thread(renew_certificate, tmp_path, days=6)
        assert [context.loaded for context in contexts] == [[("certificate 2\nauthority\n", "key 2\n")]] * 2
        await asyncio.to_thread(renew_certificate, tmp_path)
    finally:
        server.cancel()
    assert [more["days_valid"] for _, more in signed] == [825, 6, 825]
    assert _names(tmp_path) == ["authority.pem", "endpoint.key", "endpoint.pem"]


def test_server_that_does_not_renew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a sentence after fifteen seconds."""
    seconds = iter(range(0, 100, 4))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(seconds)))
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    with pytest.raises(LocalAwsError, match="did not renew its certificate within 15 s"):
        renew_certificate(tmp_path)
    assert next(seconds) == 20
