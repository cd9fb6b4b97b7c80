"""Writes a page: first what is broken for whom, then what to do, then the evidence."""

from collections.abc import Callable, Mapping

from pager.draft import Draft
from pager.kinds import Subject
from pager.notices import Event
from pager.page import Page, new_page
from pager.sections import gaps, look_at
from pager.situation import Situation, shown_attempt
from pager.text import clean, paragraph
from pager.write_canary import errors, silence
from pager.write_others import certificate, latency, other
from pager.write_recovery import recovery
from pager.write_targets import security, targets

# One row for each subject: who writes its page.
WRITERS: Mapping[Subject, Callable[[Situation], Draft]] = {
    Subject.TARGETS: targets,
    Subject.SECURITY: security,
    Subject.SILENCE: silence,
    Subject.ERRORS: errors,
    Subject.CERTIFICATE: certificate,
    Subject.LATENCY: latency,
    Subject.OTHER: other,
}


def compose(situation: Situation) -> Page:
    """Return the page of a situation."""
    recovered = situation.notice.event is Event.RECOVERED
    draft = recovery(situation) if recovered else WRITERS[situation.kind.subject](situation)
    paragraphs = [paragraph(draft.first), *draft.sections, gaps(situation), look_at(situation, draft.section)]
    return new_page(draft.subject, paragraphs, _attributes(situation, draft))


def _attributes(situation: Situation, draft: Draft) -> dict[str, object]:
    """Return what chat tools and filter policies can use; SQS takes ten at most with raw delivery."""
    failing = situation.failing() if situation.kind.of_failures else []
    attempt = shown_attempt(failing[0]) if failing else None
    return {
        "event": situation.notice.event,
        "severity": draft.severity,
        "canary": situation.settings.canary,
        "alarm": situation.kind.logical_id,
        "failure": attempt.failure if attempt else "",
        "phase": attempt.phase if attempt else "",
        "owner": (attempt.record.get("owner") or "") if attempt else "",
        "failing": 0 if situation.notice.event is Event.RECOVERED else len(failing),
        "targets": situation.total,
        "target": attempt.target if attempt and len(failing) == 1 else "",
    }


def compose_raw(raw: str, because: str) -> Page:
    """Return a page that passes an alarm on as it came."""
    text = "\n".join(clean(line, 8000).replace("[://]", "://") for line in raw[:20_000].splitlines())
    first = f"An alarm, as CloudWatch sent it: {clean(because)}."
    attributes = {"event": "raw", "severity": "unknown", "alarm": "raw"}
    return new_page("ALARM (raw): the pager could not write this page", [paragraph(first), text], attributes)
