"""Factories of what the pager's tests need: settings, records of attempts, incidents, pages."""

import json
import re
from typing import Any
from urllib.parse import unquote, urlsplit

from pager.attempts import ATTEMPT, Attempt, Evidence, Line, attempts, states
from pager.compose import compose
from pager.event import AlarmMessage
from pager.incidents import Incident
from pager.kinds import KINDS, Kind
from pager.notices import Event, Notice
from pager.page import Page
from pager.settings import Settings
from pager.situation import Situation

NOW = 1_795_520_000.0
MINUTE, HOUR = 60.0, 3600.0
RUNBOOK = "https://wiki.example/runbook"
SETTINGS = Settings(
    canary="fleet",
    stack="fleet-stack",
    region="eu-west-1",
    partition="aws",
    log_group="/aws/lambda/fleet-stack",
    own_log_group="/aws/lambda/fleet-stack-pager",
    topic="arn:aws:sns:eu-west-1:123456789012:pages",
    dashboard="fleet-stack-eu-west-1",
    runbook=RUNBOOK,
)
REFUSED: dict[str, Any] = {
    "healthy": False,
    "phase": "connack",
    "failure": "NotAuthorized",
    "reason": "CONNACK 135 Not authorized",
    "owner": "IAM team",
    "hint": "iot:Connect on this client id is denied; check the policy (docs/runbook.md#notauthorized)",
}
NO_CREDENTIALS: dict[str, Any] = {
    "healthy": False,
    "phase": "credentials",
    "failure": "CredentialsUnavailable",
    "owner": "canary's owner",
}
LET_IN: dict[str, Any] = {
    "healthy": False,
    "phase": "connack",
    "failure": "UnexpectedAccept",
    "owner": "security team",
}


def record_of(target: str = "prod", **values: Any) -> dict[str, Any]:
    """Return the record of a healthy attempt, with `values` instead."""
    healthy = {
        "message": ATTEMPT,
        "target": target,
        "endpoint": "host.example:443",
        "healthy": True,
        "client_id": f"test-{target}-5f3a9c1e",
        "request_id": None,
        "connect_ms": 96.1,
        "phases_ms": {"dns": 1.2, "tls": 40.0},
        "certificate_days_left": 213.5,
        "certificate": {"issuer": "Example CA", "subject": "host.example", "not_after": "2027-06-01T00:00:00+00:00"},
    }
    return {**healthy, **values}


def line_of(record: dict[str, Any], *, ago_s: float = MINUTE) -> Line:
    """Return a record as a line of the log."""
    return Line(NOW - ago_s, json.dumps(record))


def evidence_of(*records: dict[str, Any], ago_s: float = MINUTE, **more: Any) -> Evidence:
    """Return the evidence of these records of attempts, one run."""
    return Evidence(states=states(attempts(line_of(record, ago_s=ago_s) for record in records)), **more)


def attempt_of(*, ago_s: float, **values: Any) -> Attempt:
    """Return an attempt of so long ago."""
    return Attempt(NOW - ago_s, record_of(**values))


def incident_of(target: str = "prod", **values: Any) -> Incident:
    """Return an incident that began five minutes ago."""
    return Incident(**{"target": target, "began": NOW - 300, "last_alarm": NOW - 300, **values})


def situation_of(
    alarm: str, evidence: Evidence, *, event: Event = Event.OPENED, incident: Incident | None = None, **values: Any
) -> Situation:
    """Return the situation of one incident of an alarm, or of several by target."""
    one = incident or incident_of()
    known: dict[str, Incident] = values.pop("incidents", {one.target: one})
    kind: Kind = values.pop("kind", None) or KINDS[alarm]
    notice = Notice(
        event=event,
        alarm=f"fleet-stack-{alarm}-1A2B",
        targets=tuple(sorted(known)),
        incidents=known,
        gone=values.pop("gone", False),
    )
    message: AlarmMessage | None = values.pop("message", None)
    return Situation(
        settings=values.pop("settings", SETTINGS), kind=kind, notice=notice, evidence=evidence, now=NOW, message=message
    )


def page_of(alarm: str, evidence: Evidence, **values: Any) -> Page:
    """Return the page of one incident of an alarm."""
    return compose(situation_of(alarm, evidence, **values))


def read_query(link: str) -> dict[str, str]:
    """Return the members of a log query's link, decoded as the console does."""
    fragment = unquote(urlsplit(link).fragment.replace("$", "%"))
    detail = unquote(fragment.removeprefix("logsV2:logs-insights?queryDetail="))
    members = re.fullmatch(r"~\((.*)\)", detail)
    assert members, detail
    pairs = re.findall(r"(\w+)~(?:'([^~()]*)|\(~'([^~()]*)\))", members[1])
    return {name: unquote((text or group).replace("*", "%")) for name, text, group in pairs}
