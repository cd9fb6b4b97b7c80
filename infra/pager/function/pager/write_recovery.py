"""Writes what recovered and how long it lasted."""

from pager.draft import INFORMATION, MAX_ROWS, Draft, fail, share
from pager.incidents import Incident
from pager.kinds import Subject
from pager.notices import ALARM_ITSELF
from pager.situation import Situation, failures, fitting, names
from pager.text import clean, count_of, duration, field, moment

AGAIN = {
    Subject.TARGETS: "connects again",
    Subject.SECURITY: "refuses again the client that it must refuse",
    Subject.SILENCE: "is heard again",
    Subject.ERRORS: "runs again without errors",
    Subject.CERTIFICATE: "has a certificate that is valid for long enough",
    Subject.LATENCY: "connects as fast as it should",
    Subject.OTHER: "is OK again",
}


def recovery(situation: Situation) -> Draft:
    """Write what recovered and how long it lasted."""
    recovered = list(situation.notice.incidents.values())
    longest = max(recovered, key=lambda incident: incident.lasted_s)
    whole = situation.notice.targets == (ALARM_ITSELF,)
    who = _recovered_name(situation) if whole else names(situation.notice.targets)
    again = AGAIN[situation.kind.subject]
    flaps = f", {longest.count} times in ALARM" if longest.count > 1 else ""
    subject = f"{situation.prefix('')} {who} {again}, after {duration(longest.lasted_s)}{flaps}"
    first = f"{who} of canary {situation.canary} {again}. {_lasted(longest, situation.now)}"
    still = [] if not situation.kind.of_failures else [s for s in situation.failing() if s.fails_now]
    if still:
        first += f" {share(len(still), situation.total)} still {fail(len(still))}: {failures(still)}."
    rows = [_row(incident) for incident in recovered[:MAX_ROWS] if incident.target]
    return Draft(
        subject=fitting(subject, f"{situation.prefix('')} {again}, after {duration(longest.lasted_s)}{flaps}"),
        first=first,
        section=situation.kind.logical_id,
        sections=("\n".join(["WHAT RECOVERED", *rows]),) if rows else (),
        severity=INFORMATION,
    )


def _recovered_name(situation: Situation) -> str:
    if situation.kind.subject is Subject.TARGETS:
        return f"{count_of(situation.total, 'target')}" if situation.total != 1 else "the target"
    return "the canary" if situation.kind.subject in {Subject.SILENCE, Subject.ERRORS} else "the endpoint"


def _lasted(incident: Incident, now: float) -> str:
    healthy_since = incident.healthy_since or now
    lasted = f"It lasted {duration(incident.lasted_s)}, from {moment(incident.began)} to {moment(healthy_since)}"
    flaps = f", and went to ALARM {incident.count} times" if incident.count > 1 else ""
    return f"{lasted}{flaps}; it has been healthy for {duration(now - healthy_since)}."


def _row(incident: Incident) -> str:
    flaps = f", {incident.count} times in ALARM" if incident.count > 1 else ""
    return field(clean(incident.target, 40), f"after {duration(incident.lasted_s)}{flaps}", label_width=24)
