"""A server certificate, and the result of checking it."""

import time
from datetime import datetime

from connect_canary.model.failures import Failure
from connect_canary.model.frozen import frozen

_SECONDS_PER_DAY = 86400


@frozen
class Certificate:
    """A server certificate and the connection that showed it; `subject` and `issuer` are common names."""

    tls_version: str
    cipher: str
    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime

    @property
    def days_left(self) -> float:
        """Days until expiry, negative after it."""
        return (self.not_after.timestamp() - time.time()) / _SECONDS_PER_DAY

    def as_dict(self) -> dict[str, str]:
        """Return it for the log record; times are ISO 8601."""
        return {
            "tls_version": self.tls_version,
            "cipher": self.cipher,
            "subject": self.subject,
            "issuer": self.issuer,
            "not_before": self.not_before.isoformat(),
            "not_after": self.not_after.isoformat(),
        }


@frozen
class CertificateCheck:
    """The result of our own TLS handshake; `failure` is set if every client with this trust store must fail too."""

    certificate: Certificate | None = None
    failure: Failure | None = None
    reason: str | None = None
