"""The TLS certificate of the local endpoint, generated at each start."""

from dataclasses import dataclass
from pathlib import Path

from infra.local.server import ministack_patches


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Paths of the certificate authority and of the endpoint's certificate and key (PEM)."""

    authority: Path
    certificate: Path
    key: Path


def create(directory: Path) -> Identity:
    """Create an authority and a certificate for `localhost`; only this user can read the key."""
    authority, authority_key = ministack_patches.GENERATE_CA.original()(
        org_name="IoT connect canary", common_name="Local AWS"
    )
    certificate, key, _ = ministack_patches.SIGN_LEAF.original()(
        authority, authority_key, "localhost", san_dns=["localhost"], san_ips=["127.0.0.1"]
    )
    identity = Identity(
        authority=directory / "authority.pem",
        certificate=directory / "endpoint.pem",
        key=directory / "endpoint.key",
    )
    identity.authority.write_text(authority)
    identity.certificate.write_text(certificate + authority)
    identity.key.touch(mode=0o600)
    identity.key.write_text(key)
    return identity
