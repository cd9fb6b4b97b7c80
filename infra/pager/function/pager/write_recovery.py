"""Writes what recovered and how long it lasted."""

from pager.draft import INFORMATION, MAX_ROWS, Draft, fail, share
from pager.incidents import Incident
from pager.kinds import Subject
from pager.notices import ALARM_ITSELF
from pager.situation import Situation, failures, fitting, names
from pager.text import clean, count_of, duration, field, moment

# What is said of one, and of several.
AGAIN = {
    Subject.TARGETS: ("connects again", "connect again"),
    Subject.SECURITY: ("refuses again the client that it must refuse", "refuse again the client that they must refuse"),
    Subject.SILENCE: ("is heard again",) * 2,
    Subject.ERRORS: ("runs again without errors",) * 2,
    Subject.CERTIFICATE: ("has a certificate that is valid for long enough",) * 2,
    Subject.LATENCY: ("connects as fast as it should", "connect as fast as they should"),
    Subject.OTHER: ("is OK again",) * 2,
}

_OF_CANARY = frozenset({Subject.SILENCE, Subject.ERRORS})


def recovery(situation: Situation) -> Draft:
    """Write what recovered and how long it lasted."""
    if situation.notice.gone:
        return _gone(situation)
    recovered = list(situation.notice.incidents.values())
    longest = max(recovered, key=lambda incident: incident.lasted_s)
    whole = situation.notice.targets == (ALARM_ITSELF,)
    who = _recovered_name(situation) if whole else names(situation.notice.targets)
    number = situation.total if whole and situation.kind.subject is Subject.TARGETS else len(recovered)
    again = AGAIN[situation.kind.subject][number > 1]
    flaps = f", {longest.count} times in ALARM" if longest.count > 1 else ""
    subject = f"{situation.prefix('')} {who} {again}, after {duration(longest.lasted_s)}{flaps}"
    of_itself = situation.kind.subject in _OF_CANARY
    subject_of_all = who[0].upper() + who[1:] if whole else who
    whose = f"The canary {situation.canary}" if of_itself else f"{subject_of_all} of canary {situation.canary}"
    first = f"{whose} {again}. {_lasted(longest, situation.now)}"
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


def _gone(situation: Situation) -> Draft:
    """Write of targets that failed and are not tested any more."""
    who, incidents = names(situation.notice.targets), list(situation.notice.incidents.values())
    longest = max(incidents, key=lambda incident: incident.lasted_s)
    verb = "is" if len(incidents) == 1 else "are"
    first = (
        f"{who} of canary {situation.canary} {verb} not tested any more: others are, and the log has no new attempt."
        f" The failures lasted {duration(longest.lasted_s)}. Nothing says that clients can connect now."
    )
    return Draft(
        subject=f"NOT TESTED {situation.canary}: {who}, after failures of {duration(longest.lasted_s)}",
        first=first,
        section=situation.kind.logical_id,
        severity=INFORMATION,
    )


def _recovered_name(situation: Situation) -> str:
    if situation.kind.subject is Subject.TARGETS:
        return f"{count_of(situation.total, 'target')}" if situation.total != 1 else "the target"
    if situation.kind.subject is Subject.OTHER:
        return f"the alarm {clean(situation.notice.alarm, 60)}"
    return "the canary" if situation.kind.subject in _OF_CANARY else "the endpoint"


def _lasted(incident: Incident, now: float) -> str:
    healthy_since = incident.healthy_since or now
    lasted = f"It lasted {duration(incident.lasted_s)}, from {moment(incident.began)} to {moment(healthy_since)}"
    flaps = f", and went to ALARM {incident.count} times" if incident.count > 1 else ""
    return f"{lasted}{flaps}; it has been healthy for {duration(now - healthy_since)}."


def _row(incident: Incident) -> str:
    flaps = f", {incident.count} times in ALARM" if incident.count > 1 else ""
    return field(clean(incident.target, 40), f"after {duration(incident.lasted_s)}{flaps}", label_width=24)
