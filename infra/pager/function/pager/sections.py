"""The parts of a page's text that pages of several kinds have."""

import re
from datetime import UTC, datetime

from pager import links
from pager.attempts import ATTEMPT, CANNOT_RUN, TargetState
from pager.kinds import Subject
from pager.notices import Event
from pager.situation import Situation, shown_attempt
from pager.text import clean, count_of, duration, field, moment, paragraph

MAX_TARGETS = 10
# The hint ends with the runbook's place in the repository; the page has a link to it.
_RUNBOOK = re.compile(r" \(docs/runbook\.md#\S*\)$")
_AROUND_S = 900
_QUERIES = {
    Subject.ERRORS: f'filter level = "ERROR" or message = "{CANNOT_RUN}" or @message like /Task timed out|Status: /'
    " | fields @timestamp, @message",
    Subject.SILENCE: "fields @timestamp, @message",
}
_ATTEMPTS = (
    f'filter message = "{ATTEMPT}" and healthy = 0'
    " | fields @timestamp, target, failure, phase, reason, owner, hint, client_id, request_id"
)


def hint_of(state: TargetState) -> str:
    """Return what to do, without the runbook's place."""
    return _RUNBOOK.sub("", clean(shown_attempt(state).record.get("hint") or "read the runbook's section"))


def what_to_do(situation: Situation, failing: list[TargetState]) -> str:
    """Return for each failure once whom to call and what to check, most frequent first."""
    advice: dict[tuple[str, str, str], int] = {}
    for state in failing:
        attempt = shown_attempt(state)
        owner = clean(attempt.record.get("owner") or "owner unknown", 80)
        key = (attempt.failure, owner, hint_of(state))
        advice[key] = advice.get(key, 0) + 1
    lines = ["WHAT TO DO"]
    for failure, owner, hint in sorted(advice, key=lambda each: -advice[each])[:MAX_TARGETS]:
        lines.append(paragraph(f"{owner}: {hint}.", first=" - ", indent="   "))
        lines.append(f"   {links.runbook(situation.settings.runbook, clean(failure, 40) or 'unclassified')}")
    return "\n".join(lines)


def target_list(failing: list[TargetState]) -> str:
    """Return up to ten targets, each with what is known of its failure."""
    blocks = [_target(number, state) for number, state in enumerate(failing[:MAX_TARGETS], 1)]
    more = len(failing) - MAX_TARGETS
    if more > 0:
        blocks.append(f"and {count_of(more, 'more target')}, which the log query shows")
    return "WHAT FAILS\n" + "\n".join(blocks)


def _target(number: int, state: TargetState) -> str:
    attempt = shown_attempt(state)
    record = attempt.record
    rows = {
        "failure": f"{attempt.failure or 'unknown'}, in phase {attempt.phase or 'unknown'}",
        "since": _since(state),
        "reason": record.get("reason"),
        "owner": record.get("owner"),
        "what to do": hint_of(state),
        "client id": record.get("client_id"),
        "request id": record.get("request_id"),
        "endpoint": record.get("endpoint"),
    }
    return "\n".join(
        [f"{number}. {clean(attempt.target, 70)}", *(field(label, value) for label, value in rows.items())]
    )


def _since(state: TargetState) -> str:
    if state.failing_since is None:
        return f"not at this moment; last at {moment(shown_attempt(state).at)}"
    row = count_of(state.runs_in_row, "run")
    if state.earlier_unknown:
        return f"{moment(state.failing_since)} or earlier, at least {row} in a row"
    return f"{moment(state.failing_since)}, {row} in a row"


def course(situation: Situation) -> str:
    """Return how long the incident has lasted, and how often it came back.

    An alarm waits for several failures, so the log knows an earlier beginning; a target that flaps failed only lately.
    """
    began = situation.began
    if situation.kind.of_failures:
        began = min([began, *(each.failing_since for each in situation.failing() if each.failing_since)])
    known = situation.notice.incidents.values()
    count = max((incident.count for incident in known), default=1)
    flaps = f" It flaps: it went to ALARM {count} times." if count > 1 else ""
    return f"since {moment(began)} ({duration(situation.now - began)}).{flaps}"


def gaps(situation: Situation) -> str:
    """Return what could not be found out, and what the alarm itself says, so that nothing is lost."""
    notes = [paragraph(f"Not known: {clean(each)}", first=" - ", indent="   ") for each in situation.evidence.missing]
    message = situation.message
    if not notes or message is None:
        return "\n".join(notes)
    return "\n".join([*notes, paragraph(clean(message.description, 1000)), paragraph(clean(message.reason, 1000))])


def look_at(situation: Situation, section: str) -> str:
    """Return the links: runbook, dashboard, log query; and the alarm's name."""
    settings = situation.settings
    console = links.Console(partition=settings.partition, region=settings.region)
    end = situation.now + (0 if situation.notice.event is Event.RECOVERED else _AROUND_S)
    query = _QUERIES.get(situation.kind.subject, _ATTEMPTS) + " | sort @timestamp desc | limit 100"
    addresses = {
        "runbook": links.runbook(settings.runbook, section),
        "dashboard": console.page(f"dashboards:name={settings.dashboard}") if settings.dashboard else "-",
        "log query": console.log_query(settings.log_group, query, _iso(situation.began - _AROUND_S), _iso(end)),
        "alarm": clean(situation.notice.alarm),
        "sent at": moment(situation.now),
    }
    return "\n".join(["LOOK AT", *(f"   {label:<12}{address}" for label, address in addresses.items())])


def _iso(timestamp: float) -> str:
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
