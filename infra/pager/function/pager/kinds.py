"""The table of alarms: what each is about. An alarm that is not in it still makes a page."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Subject(StrEnum):
    """What an alarm's page is about, which decides how it is written."""

    TARGETS = "targets"
    SECURITY = "security"
    SILENCE = "silence"
    ERRORS = "errors"
    CERTIFICATE = "certificate"
    LATENCY = "latency"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Kind:
    """An alarm of the template: its logical id, and what it is about."""

    logical_id: str
    subject: Subject

    @property
    def by_target(self) -> bool:
        """Whether CloudWatch keeps a state per target, so that several messages can be one page."""
        return self.subject in {Subject.TARGETS, Subject.SECURITY, Subject.LATENCY}

    @property
    def of_failures(self) -> bool:
        """Whether it is about targets that fail."""
        return self.subject in {Subject.TARGETS, Subject.SECURITY}


KINDS: Mapping[str, Kind] = {
    kind.logical_id: kind
    for kind in (
        Kind("TargetsFailingAlarm", Subject.TARGETS),
        Kind("UnexpectedAcceptAlarm", Subject.SECURITY),
        Kind("SilentCanaryAlarm", Subject.SILENCE),
        Kind("CanaryErrorsAlarm", Subject.ERRORS),
        Kind("CertificateAlarm", Subject.CERTIFICATE),
        Kind("SlowConnectAlarm", Subject.LATENCY),
    )
}
# Failures of the canary itself, after which nothing is known about the endpoint.
OWN_FAULTS = frozenset({"CredentialsUnavailable", "DeadlineExceeded"})
UNEXPECTED_ACCEPT = "UnexpectedAccept"
# The connect succeeded, so the alarms on connects do not count it.
NOT_A_FAILED_CONNECT = frozenset({"DisconnectFailed"})


def kind_of(alarm: str, stack: str) -> Kind:
    """Return the kind of the alarm with this name, which CloudFormation makes of stack, logical id and a suffix."""
    for part in alarm.removeprefix(f"{stack}-").split("-"):
        if part in KINDS:
            return KINDS[part]
        if part.startswith("SilentCanary"):  # a shard's own
            return KINDS["SilentCanaryAlarm"]
    return Kind(alarm, Subject.OTHER)
