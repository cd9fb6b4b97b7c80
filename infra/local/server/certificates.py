"""The TLS certificate of the local endpoint, generated at each start, and anew when a client of this user asks."""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from infra.local.server import ministack_patches

# The client side writes it, with a number of days.
REQUEST_FILE = "renew-certificate"
_USUAL_DAYS = 825
_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Paths of the certificate authority and of the endpoint's certificate and key (PEM); it keeps how to sign."""

    authority: Path
    certificate: Path
    key: Path
    signing_key: str = field(repr=False)

    def issue(self, days: int = _USUAL_DAYS) -> None:
        """Create a certificate for `localhost`; only this user can read the key."""
        authority = self.authority.read_text()
        certificate, key, _ = ministack_patches.SIGN_LEAF.original()(
            authority, self.signing_key, "localhost", san_dns=["localhost"], san_ips=["127.0.0.1"], days_valid=days
        )
        self.certificate.write_text(certificate + authority)
        self.key.touch(mode=0o600)
        self.key.write_text(key)

    async def renew_on_request(self, contexts: Sequence[ssl.SSLContext]) -> None:
        """Issue a certificate whenever the request file appears; new connections then see it."""
        request = self.authority.parent / REQUEST_FILE
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            if request.exists():
                self.issue(int(request.read_text()))
                for context in contexts:
                    context.load_cert_chain(self.certificate, self.key)
                request.unlink()


def create(directory: Path) -> Identity:
    """Create an authority and the endpoint's first certificate."""
    authority, signing_key = ministack_patches.GENERATE_CA.original()(
        org_name="IoT connect canary", common_name="Local AWS"
    )
    identity = Identity(
        authority=directory / "authority.pem",
        certificate=directory / "endpoint.pem",
        key=directory / "endpoint.key",
        signing_key=signing_key,
    )
    identity.authority.write_text(authority)
    identity.issue()
    return identity
