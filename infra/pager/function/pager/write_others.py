"""Writes of a certificate that ends, of slow connects, and of alarms that the table does not know."""

from pager.attempts import TargetState
from pager.draft import MAX_ROWS, WARNING, Draft
from pager.sections import course
from pager.situation import Situation
from pager.text import clean, field, paragraph


def certificate(situation: Situation) -> Draft:
    """Write of a certificate that ends soon."""
    known = [(days, s) for s in situation.evidence.states.values() if (days := _days(s)) is not None]
    ending = sorted(known, key=lambda each: each[0])[:MAX_ROWS]
    prefix = situation.prefix("WARNING")
    if not ending:
        text = f"{prefix} the endpoint's certificate ends soon"
        return Draft(subject=text, first=f"{text}, {course(situation)}", section="CertificateAlarm", severity=WARNING)
    days, worst = ending[0]
    endpoint = clean(worst.latest.record.get("endpoint"), 80)
    left = f"ended {-days:.1f} days ago" if days < 0 else f"ends in {days:.1f} days"
    first = f"The certificate of {endpoint} {left}; clients cannot connect once it has ended."
    do = "WHAT TO DO\n" + paragraph("endpoint's owner: renew the certificate.", first=" - ", indent="   ")
    rows = "\n".join(_certificate(days, state) for days, state in ending)
    return Draft(
        subject=f"{prefix} certificate {left}: {endpoint}",
        first=first,
        section="CertificateAlarm",
        sections=(do, f"EVIDENCE, the {len(ending)} that end first\n{rows}"),
        severity=WARNING,
    )


def _days(state: TargetState) -> float | None:
    return state.latest.number("certificate_days_left")


def _certificate(days: float, state: TargetState) -> str:
    record = state.latest.record
    shown = record.get("certificate")
    facts = shown if isinstance(shown, dict) else {}
    rows = {
        "endpoint": record.get("endpoint"),
        "days left": f"{days:.1f}, until {facts.get('not_after', 'unknown')}",
        "subject": facts.get("subject"),
        "issuer": facts.get("issuer"),
    }
    return "\n".join([f" {clean(state.latest.target, 70)}", *(field(label, value) for label, value in rows.items())])


def latency(situation: Situation) -> Draft:
    """Write of connects that take long."""
    known = [(ms, s) for s in situation.evidence.states.values() if (ms := s.latest.number("connect_ms")) is not None]
    slow = sorted(known, key=lambda each: -each[0])[:MAX_ROWS]
    prefix = situation.prefix("WARNING")
    worst = f": {slow[0][0]:.0f} ms, {clean(slow[0][1].latest.target, 40)}" if slow else ""
    rows = [field(clean(s.latest.target, 40), f"{ms:.0f} ms; {_phases(s)}", label_width=24) for ms, s in slow]
    return Draft(
        subject=f"{prefix} connects are slow{worst}",
        first=f"Connects of canary {situation.canary} take longer than the alarm allows, {course(situation)}",
        section=situation.kind.logical_id,
        sections=("\n".join(["EVIDENCE, slowest first", *rows]),) if rows else (),
        severity=WARNING,
    )


def _phases(state: TargetState) -> str:
    phases = state.latest.record.get("phases_ms")
    return ", ".join(f"{name} {ms} ms" for name, ms in phases.items()) if isinstance(phases, dict) else "no phases"


def other(situation: Situation) -> Draft:
    """Write of an alarm that the table does not know."""
    message = situation.message
    name = clean(situation.notice.alarm, 60)
    said = [paragraph(clean(each, 1000)) for each in (message.description, message.reason)] if message else []
    return Draft(
        subject=f"{situation.prefix('ALARM')} {name}",
        first=f"The alarm {name} of canary {situation.canary} is in ALARM {course(situation)}",
        section="alarms",
        sections=tuple(said),
    )
