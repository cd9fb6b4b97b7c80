"""Examples of pages, one for each thing that a page can tell, in pager_examples.txt as people get them.

`PYTHONPATH=infra/pager/function .venv/bin/python -m tests.unit.pager_examples` writes the file anew; read what has
changed before it is committed.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from pager.attempts import CanaryReport, Evidence, Line, states
from pager.compose import compose_raw
from pager.event import AlarmMessage
from pager.failed_tick import page_of_tick
from pager.kinds import kind_of
from pager.notices import Event
from pager.page import Page
from tests.unit.pager_factories import (
    HOUR,
    LET_IN,
    MINUTE,
    NO_CREDENTIALS,
    NOW,
    REFUSED,
    SETTINGS,
    attempt_of,
    evidence_of,
    incident_of,
    page_of,
    read_query,
    record_of,
)

FILE: Final = Path(__file__).with_suffix(".txt")
TARGETS, ACCEPT, SILENT = "TargetsFailingAlarm", "UnexpectedAcceptAlarm", "SilentCanaryAlarm"
ERRORS, CERTIFICATE, SLOW = "CanaryErrorsAlarm", "CertificateAlarm", "SlowConnectAlarm"
DNS: Final[dict[str, Any]] = {
    "healthy": False,
    "phase": "dns",
    "failure": "DnsFailed",
    "reason": "the name host.example does not exist",
    "owner": "network team",
    "hint": "the name must exist in public DNS (docs/runbook.md#dnsfailed)",
    "client_id": None,
}
MESSAGE: Final = AlarmMessage(
    alarm="fleet-stack-Mine-1A2B", state="ALARM", at=NOW - 60, raw="", description="Look there.", reason="2 > 1"
)
# Longer than a page has room for.
LONG: Final[dict[str, Any]] = {
    **{name: name[0] * 400 for name in ("failure", "phase", "reason", "owner", "hint", "client_id", "endpoint")},
    "target": "n" * 90,
    "healthy": False,
    "connect_ms": 912.5,
    "certificate_days_left": 6.34,
}
UNREADABLE: Final = Evidence(missing=("what the canary's log says (AccessDenied)", "the alarm's history (denied)"))
RUN: Final = "2026-11-24 11:30:00 UTC: Lambda did not begin it in time: the function is throttled"


def _history(**by_target: str) -> Evidence:
    """Return the evidence of a run each minute: for each target a letter a run, `x` where it fails, newest last."""
    return Evidence(
        states=states(
            attempt_of(ago_s=MINUTE * (len(letters) - number), target=target, **(REFUSED if letter == "x" else {}))
            for target, letters in by_target.items()
            for number, letter in enumerate(letters)
        )
    )


def _recovered(alarm: str, evidence: Evidence, *targets: str, **values: Any) -> Page:
    over = {"began": NOW - HOUR, "healthy_since": NOW - 16 * MINUTE, "count": values.pop("count", 1)}
    known = {target: incident_of(target, **over) for target in targets}
    return page_of(alarm, evidence, event=Event.RECOVERED, incidents=known, **values)


MANY: Final = evidence_of(
    *(record_of(f"t{number:02}", **REFUSED) for number in range(12)), record_of("dns", **DNS), record_of("good")
)
UNCLASSIFIED: Final[dict[str, Any]] = {
    "healthy": False,
    "phase": None,
    "failure": None,
    "reason": None,
    "owner": None,
    "hint": None,
}


def examples() -> Mapping[str, Callable[[], Page]]:
    """Return what makes the pages, by what they tell."""
    return {**_of_targets(), **_of_the_canary(), **_of_others(), **_recoveries(), **_of_the_pager()}


def _of_targets() -> dict[str, Callable[[], Page]]:
    flaps = incident_of(count=4)
    whole = {"incident": incident_of("")}
    return {
        "one of several fails": lambda: page_of(TARGETS, _history(prod="..xxx", other=".....")),
        "the only target fails": lambda: page_of(TARGETS, _history(prod=".xxx")),
        "two of two fail": lambda: page_of(TARGETS, _history(prod=".xxxx", other="..xxx"), **whole),
        "many fail": lambda: page_of(TARGETS, MANY, **whole),
        "one fails without a known cause": lambda: page_of(
            TARGETS, evidence_of(record_of(**UNCLASSIFIED), record_of("b"))
        ),
        "one more fails": lambda: page_of(TARGETS, _history(a="xxxxxxxx", prod=".xxx"), event=Event.MORE),
        "one fails still": lambda: page_of(
            TARGETS, _history(prod="xxxx", b="...."), event=Event.REMINDER, incident=flaps
        ),
        "one flaps and connects now": lambda: page_of(TARGETS, _history(prod="x.x.", b="....")),
        "fails and the log cannot be read": lambda: page_of(
            TARGETS, UNREADABLE, message=replace(MESSAGE, target="prod")
        ),
        "fails where no target is known": lambda: page_of(TARGETS, Evidence(), **whole),
        "could not be tested": lambda: page_of(TARGETS, evidence_of(record_of(**NO_CREDENTIALS), record_of("b"))),
        "a client is let in": lambda: page_of(ACCEPT, evidence_of(record_of(**LET_IN), record_of("b"))),
        "a client is let in and the log is not read": lambda: page_of(ACCEPT, UNREADABLE),
        "fails with long texts": lambda: page_of(TARGETS, evidence_of(record_of(**LONG), record_of("b"))),
        "without a dashboard": lambda: page_of(
            TARGETS, _history(prod=".xx"), settings=replace(SETTINGS, dashboard="", canary="a-canary-with-a-long-name")
        ),
    }


def _of_the_canary() -> dict[str, Callable[[], Page]]:
    many = tuple(f"problem {number}" for number in range(12))
    report = CanaryReport(at=NOW - 30, problems=("CANARY_ENDPOINT has a scheme; allowed: host or host:port",))
    error = CanaryReport(at=NOW - 30, error="1f2e Task timed out after 50.00 seconds")
    return {
        "silent": lambda: page_of(SILENT, Evidence(last=Line(NOW - 600, "target prod: healthy"))),
        "silent and nothing is known": lambda: page_of(SILENT, Evidence(run=RUN)),
        "silent still": lambda: page_of(SILENT, Evidence(), event=Event.REMINDER, incident=incident_of("", count=2)),
        "broken setting": lambda: page_of(ERRORS, Evidence(canary=report, run=RUN)),
        "many broken settings": lambda: page_of(ERRORS, Evidence(canary=CanaryReport(problems=many))),
        "runs end with an error": lambda: page_of(ERRORS, Evidence(canary=error)),
        "runs end and the log says nothing": lambda: page_of(ERRORS, Evidence(run=RUN)),
    }


def _of_others() -> dict[str, Callable[[], Page]]:
    ends = evidence_of(
        record_of("a", certificate_days_left=90.0),
        record_of("b", certificate_days_left=6.34),
        record_of("c", certificate_days_left=None),
        record_of("d", certificate_days_left=30.0, certificate=None),
    )
    slow = evidence_of(
        record_of("a"),
        record_of("b", connect_ms=912.5, phases_ms={"dns": 5.5, "tls": 800}),
        record_of("c", phases_ms=0),
    )
    mine = kind_of("fleet-stack-Mine", "fleet-stack")
    return {
        "certificate ends": lambda: page_of(CERTIFICATE, ends),
        "certificate has ended": lambda: page_of(CERTIFICATE, evidence_of(record_of(certificate_days_left=-2.04))),
        "certificate ends today": lambda: page_of(CERTIFICATE, evidence_of(record_of(certificate_days_left=0.4))),
        "certificate of no known target": lambda: page_of(CERTIFICATE, Evidence()),
        "slow": lambda: page_of(SLOW, slow, incident=incident_of("b")),
        "slow and the log is not read": lambda: page_of(SLOW, UNREADABLE, event=Event.REMINDER),
        "another alarm": lambda: page_of("Mine", Evidence(), kind=mine, message=MESSAGE),
        "another alarm without a description": lambda: page_of(
            "Mine", Evidence(), kind=mine, message=replace(MESSAGE, description="")
        ),
        "another alarm without a message": lambda: page_of("Mine", Evidence(), kind=mine),
        "another alarm with long texts": lambda: page_of(
            "M" * 70, Evidence(), kind=mine, message=replace(MESSAGE, description="d" * 1100, reason="r" * 1100)
        ),
        "certificate with long texts": lambda: page_of(CERTIFICATE, evidence_of(record_of(**LONG))),
        "slow with long texts": lambda: page_of(SLOW, evidence_of(record_of(**LONG))),
    }


def _recoveries() -> dict[str, Callable[[], Page]]:
    well, both = _history(prod="x...", other="...."), ("prod", "other")
    return {
        "one target recovered": lambda: _recovered(TARGETS, well, "prod"),
        "one target recovered and flapped": lambda: _recovered(TARGETS, well, "prod", count=2),
        "several targets recovered": lambda: _recovered(TARGETS, well, *both),
        "one recovered and others fail": lambda: _recovered(
            TARGETS, _history(prod="x.", a="xx", b="x.", c=".x"), "prod"
        ),
        "alarm with one state recovered": lambda: _recovered(TARGETS, well, ""),
        "alarm with one state and one target recovered": lambda: _recovered(TARGETS, _history(prod="x."), ""),
        "one target is not tested any more": lambda: _recovered(TARGETS, well, "gone", gone=True),
        "several targets are not tested any more": lambda: _recovered(TARGETS, well, *both, gone=True),
        "client is refused again": lambda: _recovered(ACCEPT, well, "prod"),
        "canary is heard again": lambda: _recovered(SILENT, Evidence(), ""),
        "canary runs again": lambda: _recovered(ERRORS, Evidence(), "", count=3),
        "certificate is renewed": lambda: _recovered(CERTIFICATE, well, ""),
        "connects are fast again": lambda: _recovered(SLOW, well, "prod"),
        "target with a long name recovered": lambda: _recovered(TARGETS, well, "n" * 90, count=2),
        "another alarm is over": lambda: _recovered(
            "Mine", Evidence(), "", kind=kind_of("fleet-stack-Mine", "fleet-stack")
        ),
    }


def _of_the_pager() -> dict[str, Callable[[], Page]]:
    denied = [ValueError("one"), ExceptionGroup("more", [ValueError("one"), OSError("two")])]
    many = [OSError(f"{number}") for number in range(7)]
    raw = json.dumps({"AlarmName": "a", "AlarmArn": "https://a.example"}, indent=1)
    return {
        "the pager cannot write a page": lambda: compose_raw(raw, "the pager failed with KeyError('Target')"),
        "the pager cannot look after many alarms": lambda: page_of_tick(
            ExceptionGroup("alarms", many), replace(SETTINGS, canary="a-canary-with-a-long-name")
        ),
        "the pager cannot look after its alarms": lambda: page_of_tick(ExceptionGroup("alarms", denied), SETTINGS),
    }


def shown(name: str, page: Page) -> str:
    """Return a page as text: its subject, its attributes, and what people read."""
    attributes = "\n".join(f"{key}: {value!r}" for key, value in page.attributes.items())
    text = re.sub(r"https://\S+logs-insights\S+", lambda link: _query(link[0]), page.text)
    return f"{f' {name} ':=^80}\nSubject: {page.subject}\n{attributes}\n\n{text}"


def _query(link: str) -> str:
    """Return what a link to a log query asks for."""
    asked = read_query(link)
    return f"{asked['source']} from {asked['start']} to {asked['end']}: {asked['editorString']}"


if __name__ == "__main__":
    FILE.write_text("\n".join(shown(name, make()) for name, make in examples().items()))
