"""What one more connection revealed about a failure."""

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Diagnosis:
    """What the endpoint responded to one more connection; what it did not say is None."""

    http_status: int | None = None
    request_id: str | None = None
    message: str | None = None
    connack_code: int | None = None
    close_code: int | None = None
    accepted: bool = False
