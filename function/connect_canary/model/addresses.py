"""The addresses of an endpoint: what came of dialing each."""

from collections.abc import Mapping, Sequence

from connect_canary.model.failures import Evidence, Failure, classify
from connect_canary.model.frozen import frozen
from connect_canary.model.phases import Phase

# The verb for one address and for several, in the order in which failures are told.
_VERBS: Mapping[Failure, tuple[str, str]] = {
    Failure.TCP_REFUSED: ("refuses", "refuse"),
    Failure.TCP_TIMED_OUT: ("does not answer", "do not answer"),
    Failure.TCP_FAILED: ("cannot be reached", "cannot be reached"),
}


@frozen
class AddressResult:
    """What came of dialing one address.

    `used` tells an address that the attempt dialled, as the SDK would, from one that was only surveyed. `failure` is
    None for an address that accepts, and for one that is not known.
    """

    address: str
    used: bool
    failure: Failure | None = None

    def as_dict(self) -> dict[str, object]:
        """Return the result as the return value and the log record show it."""
        failure = None if self.failure is None else str(self.failure)
        return {"address": self.address, "used": self.used, "failure": failure}


def tcp_failure(error_name: str) -> Failure:
    """Return the failure for the system's name of an error of TCP's connect, such as ECONNREFUSED."""
    return classify(Evidence(phase=Phase.TCP, error_name=error_name))


def describe_failed(results: Sequence[AddressResult]) -> str | None:
    """Return which of several addresses fail, such as "2 of 3 addresses refuse: 192.0.2.7, 192.0.2.9", else None."""
    parts: list[str] = []
    for failure, verbs in _VERBS.items():
        failed = [result.address for result in results if result.failure is failure]
        if failed:
            total = "" if parts else f" of {len(results)} addresses"
            parts.append(f"{len(failed)}{total} {verbs[len(failed) > 1]}: {', '.join(failed)}")
    return "; ".join(parts) if parts and len(results) > 1 else None
