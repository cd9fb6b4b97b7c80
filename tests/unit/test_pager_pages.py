"""Pages: what is broken for whom first, then what to do, then evidence; nothing that SNS or people cannot take."""

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pager.attempts import CanaryReport, Evidence, Line, states
from pager.channels import send_topic
from pager.compose import WRITERS, compose_raw
from pager.event import AlarmMessage
from pager.kinds import KINDS, Subject, kind_of
from pager.notices import Event
from pager.page import MAX_TEXT, Page, new_page
from pager.text import duration, moment
from tests.unit.pager_factories import (
    LET_IN,
    NO_CREDENTIALS,
    NOW,
    REFUSED,
    RUNBOOK,
    SETTINGS,
    attempt_of,
    evidence_of,
    incident_of,
    page_of,
    record_of,
)

ONE_OF_HUNDRED = evidence_of(record_of("t0", **REFUSED), *(record_of(f"t{number}") for number in range(1, 100)))
SUBJECT_PREFIXES = ("ALARM", "OK", "SECURITY", "CANARY FAULT", "CANARY SILENT", "WARNING")
FAR_TOO_MANY = 256 * 1024


def test_one_of_a_hundred() -> None:
    """One ill target of a hundred is that, and never that clients cannot connect."""
    page = page_of("TargetsFailingAlarm", ONE_OF_HUNDRED, incident=incident_of("t0"))
    assert page.subject == "ALARM fleet: 1 of 100 targets fails: NotAuthorized (connack), t0"
    assert page.text.startswith("1 of 100 targets cannot be connected to: t0, NotAuthorized (connack), since")
    assert "lients cannot connect" not in page.subject + page.text


def test_all_of_them() -> None:
    """If every target fails, clients cannot connect."""
    page = page_of("TargetsFailingAlarm", evidence_of(*(record_of(f"t{number}", **REFUSED) for number in range(12))))
    assert page.subject == "ALARM fleet: clients cannot connect, 12 of 12 targets: NotAuthorized (connack)"
    assert page.text.count("   client id   ") == 10
    assert "and 2 more targets" in page.text


def test_what_a_target_shows() -> None:
    """Failure, phase, since when, runs in a row, reason, owner, what to do, client id, request id, endpoint."""
    states = evidence_of(record_of(request_id="abc-1", **REFUSED), record_of("other"))
    text = page_of("TargetsFailingAlarm", states).text
    shown = text.partition("WHAT FAILS\n")[2].partition("\n\n")[0]
    assert shown.splitlines() == [
        "1. prod",
        "   failure     NotAuthorized, in phase connack",
        "   since       2026-11-24 11:32:20 UTC or earlier, at least 1 run in a row",
        "   reason      CONNACK 135 Not authorized",
        "   owner       IAM team",
        "   what to do  iot:Connect on this client id is denied; check the policy",
        "   client id   test-prod-5f3a9c1e",
        "   request id  abc-1",
        "   endpoint    host.example:443",
    ]


def test_order_of_a_page() -> None:
    """First what is broken, then what to do with the runbook's section, then the evidence, then the links."""
    text = page_of("TargetsFailingAlarm", ONE_OF_HUNDRED, incident=incident_of("t0")).text
    marks = ["1 of 100", "WHAT TO DO", "IAM team:", f"{RUNBOOK}#notauthorized", "WHAT FAILS", "LOOK AT", "dashboard"]
    places = [text.index(mark) for mark in marks]
    assert places == sorted(places)


def test_new_targets_come_first() -> None:
    """The page of a second ill target begins with that one."""
    states = evidence_of(record_of("old", **REFUSED), record_of("new", **REFUSED), record_of("good"))
    page = page_of("TargetsFailingAlarm", states, event=Event.MORE, incident=incident_of("new"))
    assert page.subject.startswith("ALARM (more) fleet: 2 of 3 targets fail: ")
    assert page.text.index("1. new") < page.text.index("2. old")


@pytest.mark.parametrize("failure", ["CredentialsUnavailable", "DeadlineExceeded"])
def test_own_fault(failure: str) -> None:
    """The canary's own faults are told as the canary's, and not as the endpoints'."""
    states = evidence_of(record_of(**NO_CREDENTIALS | {"failure": failure}), record_of("other"))
    page = page_of("TargetsFailingAlarm", states)
    assert page.subject == f"CANARY FAULT fleet: 1 of 2 targets not tested: {failure} (credentials)"
    assert "canary fleet itself is at fault" in page.text
    assert "cannot connect" not in page.subject + page.text
    assert "cannot be connected" not in page.subject + page.text


def test_own_fault_beside_a_real_one() -> None:
    """A target that clients cannot connect to is not hidden by one that could not be tested."""
    states = evidence_of(record_of("a", **NO_CREDENTIALS), record_of("b", **REFUSED), record_of("c"))
    page = page_of("TargetsFailingAlarm", states, incident=incident_of(""))
    assert page.subject.startswith("ALARM fleet: 2 of 3 targets fail: ")
    assert page.text.index("1. b") < page.text.index("2. a")


def test_unexpected_accept() -> None:
    """A refused client that is let in is a security signal, and the other alarm's page leaves it out."""
    states = evidence_of(record_of("door", **LET_IN), record_of("prod", **REFUSED), record_of("good"))
    page = page_of("UnexpectedAcceptAlarm", states, incident=incident_of("door"))
    assert (
        page.subject == "SECURITY fleet: UnexpectedAccept, 1 of 3 targets accepted a client that must be refused: door"
    )
    assert "1. door" in page.text
    assert "prod" not in page.text
    assert "door" not in page_of("TargetsFailingAlarm", states, incident=incident_of("prod")).text


def test_settings_problems() -> None:
    """The page has the sentences of the settings' problems."""
    problems = ("CANARY_ENDPOINT has a scheme; allowed: host or host:port", "second problem")
    page = page_of("CanaryErrorsAlarm", Evidence(canary=CanaryReport(at=NOW, problems=problems)))
    assert page.subject.startswith("CANARY FAULT fleet: cannot run as it is set")
    assert all(f" - {problem}" in page.text for problem in problems)
    assert "cannot connect" not in page.subject + page.text


def test_last_error() -> None:
    """Without problems of settings the page has the last time-out or error that Lambda reports."""
    report = CanaryReport(at=NOW, error="2026-11-24T11:00:00Z abc Task timed out after 50.00 seconds")
    page = page_of("CanaryErrorsAlarm", Evidence(canary=report))
    assert "Task timed out after 50.00 seconds" in page.text
    assert page.subject == "CANARY FAULT fleet: its runs end with an error"


def test_silence() -> None:
    """Since when, and what the last record was."""
    page = page_of("SilentCanaryAlarm", Evidence(last=Line(NOW - 600, "target prod: healthy")))
    assert page.subject == "CANARY SILENT fleet: nothing known about clients since 2026-11-24 11:23:20 UTC"
    assert "nobody\nknows whether clients can connect" in page.text
    assert "last record 2026-11-24 11:23:20 UTC: target prod: healthy" in page.text


def test_silence_with_records() -> None:
    """A canary whose runs only fail is silent since the alarm at the latest, not since the record of just now."""
    page = page_of("SilentCanaryAlarm", Evidence(last=Line(NOW, "Task timed out after 50.00 seconds")))
    assert " s)" not in page.text.partition("so nobody")[0]
    assert f"last record {moment(NOW)}: Task timed out" in page.text


def test_certificate() -> None:
    """Which endpoint, how many days, and who issued it; the one that ends first is first."""
    states = evidence_of(record_of("a", certificate_days_left=90.0), record_of("b", certificate_days_left=6.34))
    page = page_of("CertificateAlarm", states)
    assert page.subject == "WARNING fleet: certificate ends in 6.3 days: host.example:443"
    assert "   days left   6.3, until 2027-06-01" in page.text
    assert "   issuer      Example CA" in page.text
    assert page.text.index(" b\n") < page.text.index(" a\n")


def test_expired_certificate() -> None:
    """One that has ended is not told as one that ends in minus two days."""
    page = page_of("CertificateAlarm", evidence_of(record_of(certificate_days_left=-2.04)))
    assert page.subject == "WARNING fleet: certificate ended 2.0 days ago: host.example:443"


def test_slow_connects() -> None:
    """The slowest first, with the phases that made it slow."""
    states = evidence_of(record_of("a"), record_of("b", connect_ms=900.0, phases_ms={"tls": 800}))
    page = page_of("SlowConnectAlarm", states)
    assert page.subject == "WARNING fleet: connects are slow: 900 ms, b"
    assert "900 ms; tls 800 ms" in page.text


def test_recovery() -> None:
    """What recovered, how long it lasted, how often it came back, and what still fails."""
    ended = incident_of("t1", began=NOW - 3600, healthy_since=NOW - 900, count=3)
    states = evidence_of(record_of("t0", **REFUSED), record_of("t1"), record_of("t2"))
    page = page_of("TargetsFailingAlarm", states, event=Event.RECOVERED, incident=ended)
    assert page.subject == "OK fleet: t1 connects again, after 45 min, 3 times in ALARM"
    flat = " ".join(page.text.split())
    assert "It lasted 45 min, from 2026-11-24 10:33:20 UTC to 2026-11-24 11:18:20 UTC" in flat
    assert "it has been healthy for 15 min" in flat
    assert "1 of 3 targets still fails: NotAuthorized (connack)." in flat
    assert page.attributes["severity"] == "information"


def test_reminder_says_that_it_lasts() -> None:
    """A reminder has how long it has lasted, and that it flaps."""
    lasting = incident_of("t0", began=NOW - 5 * 3600, count=7)
    page = page_of("TargetsFailingAlarm", ONE_OF_HUNDRED, event=Event.REMINDER, incident=lasting)
    assert page.subject.startswith("ALARM (still) fleet: 1 of 100 targets fails")
    assert "(5 h 00 min). It flaps: it went to ALARM 7 times." in " ".join(page.text.split())


def test_unknown_alarm_is_a_page() -> None:
    """An alarm that the table does not know is told with its own words."""
    message = AlarmMessage(
        alarm="x", state="ALARM", at=NOW, raw="", description="Look at the thing.", reason="2 is more than 1"
    )
    page = page_of("Mine", Evidence(), kind=kind_of("fleet-stack-Mine", "fleet-stack"), message=message)
    assert page.subject == "ALARM fleet: fleet-stack-Mine-1A2B"
    assert "Look at the thing." in page.text
    assert "2 is more than 1" in page.text


@pytest.mark.parametrize("alarm", KINDS)
def test_what_is_missing_is_said(alarm: str) -> None:
    """If the log cannot be read the page goes out, says so, and has what CloudWatch said."""
    message = AlarmMessage(
        alarm="x", state="ALARM", at=NOW, raw="", description="Look at the log.", reason="Threshold Crossed"
    )
    page = page_of(alarm, Evidence(missing=("what the canary's log says (AccessDenied)",)), message=message)
    assert "Not known: what the canary's log says (AccessDenied)" in page.text
    assert "Look at the log." in page.text
    assert "Threshold Crossed" in page.text


def test_every_subject_has_its_writer() -> None:
    """A kind of alarm without a writer would be no page."""
    assert WRITERS.keys() == set(Subject)
    assert {kind.subject for kind in KINDS.values()} == set(Subject) - {Subject.OTHER}


@pytest.mark.parametrize("alarm", KINDS)
@pytest.mark.parametrize("event", Event)
def test_lines_fit(alarm: str, event: Event) -> None:
    """A page is read at 80 columns; only links are longer."""
    ended = incident_of("t0", healthy_since=NOW - 100) if event is Event.RECOVERED else incident_of("t0")
    page = page_of(alarm, ONE_OF_HUNDRED, event=event, incident=ended)
    assert [line for line in page.text.splitlines() if len(line) > 80 and "https://" not in line] == []
    assert page.subject.startswith(SUBJECT_PREFIXES)


HOSTILE = st.one_of(
    st.text(max_size=200),
    st.text(alphabet="\x00\x1b\r\n\t\u202e\u200f\u2028 \U0001f4a9<>&`*|\u00e9", max_size=500),
    st.just("x" * 5000),
    st.just("\n\nSubject: OK fleet: all is well\n\nhttps://evil.example/"),
    st.none(),
    st.floats(allow_nan=True),
    st.dictionaries(st.text(max_size=5), st.text(max_size=50), max_size=3),
)
TEXTS = ("reason", "owner", "hint", "client_id", "request_id", "endpoint", "phase", "failure", "certificate")
RECORDS = st.fixed_dictionaries(
    dict.fromkeys(TEXTS, HOSTILE)
    | {"healthy": st.booleans(), "certificate_days_left": st.one_of(st.floats(), st.text()), "target": st.text()}
)


class RecordingSns:
    """Keeps what is published, as SNS would get it."""

    def __init__(self) -> None:
        self.published: dict[str, Any] = {}

    def publish(self, **request: Any) -> None:
        """Keep a request."""
        self.published = request


def assert_sns_takes(page: Page) -> None:
    """Check the limits of SNS (API reference, Publish): subject, size, attributes; and what people can read."""
    sns = RecordingSns()
    send_topic(page, SETTINGS, lambda _service: sns)
    subject, message = sns.published["Subject"], sns.published["Message"]
    assert 1 <= len(subject) <= 100
    assert subject.isascii()
    assert subject.isprintable()
    assert subject[0].isalnum()
    attributes = sns.published["MessageAttributes"]
    assert len(attributes) <= 10
    assert all(each["StringValue"] for each in attributes.values())
    size = len(message.encode()) + sum(len(f"{name}{each}".encode()) for name, each in attributes.items())
    assert size < FAR_TOO_MANY
    texts = [page.text, *(str(value) for value in page.attributes.values())]
    assert not {char for text in texts for char in text if unicodedata.category(char)[0] == "C" and char != "\n"}


@settings(max_examples=50, deadline=None)
@given(records=st.lists(RECORDS, min_size=1, max_size=12), alarm=st.sampled_from(sorted(KINDS)))
def test_hostile_records(records: list[dict[str, Any]], alarm: str) -> None:
    """Whatever an endpoint makes the canary write, the page is one that SNS takes and people can trust."""
    page = page_of(alarm, evidence_of(*(record_of(**record) for record in records)), incident=incident_of("t"))
    assert_sns_takes(page)
    assert "https://evil" not in page.text
    assert "\n\nSubject:" not in page.text


@settings(max_examples=50, deadline=None)
@given(texts=st.lists(st.text(max_size=500), max_size=15), event=st.sampled_from(list(Event)))
def test_hostile_problems(texts: list[str], event: Event) -> None:
    """The same of settings' problems and of the last record."""
    evidence = Evidence(canary=CanaryReport(at=NOW, problems=tuple(texts)), last=Line(NOW, "".join(texts)))
    for alarm in ("CanaryErrorsAlarm", "SilentCanaryAlarm"):
        ended = incident_of("", healthy_since=NOW - 10)
        assert_sns_takes(page_of(alarm, evidence, event=event, incident=ended))


@settings(max_examples=50, deadline=None)
@given(raw=st.text(max_size=5_000).map(lambda text: 10 * text), because=st.text(max_size=500))
def test_raw_page(raw: str, because: str) -> None:
    """An alarm that is passed on as it came is within the limits too."""
    assert_sns_takes(compose_raw(raw, because))


def test_longest_page() -> None:
    """Ten targets whose every text is as long as it may be, of characters of four bytes, and a raw alarm of those."""
    texts = dict.fromkeys(TEXTS, "\U0001f4a9" * 3000)
    many = evidence_of(*(record_of(f"t{number}", **{**texts, "healthy": False}) for number in range(12)))
    page = page_of("TargetsFailingAlarm", many, incident=incident_of("t0"))
    assert_sns_takes(page)
    assert "LOOK AT" in page.text
    assert_sns_takes(compose_raw("\U0001f4a9 \n" * 100_000, "\U0001f4a9" * 3000))


def test_text_that_is_too_long() -> None:
    """It is cut at the end of a line, and says so."""
    page = new_page("s", ["line\n" * 10_000], {})
    assert len(page.text) <= MAX_TEXT
    assert page.text.endswith("line\n(The page is longer than can be sent; the log query has the rest.)\n")


def test_raw_page_has_the_alarm() -> None:
    """Nothing of a usual message is lost."""
    raw = json.dumps({"AlarmName": "a", "NewStateReason": "Threshold Crossed", "AlarmArn": "arn:aws:…"})
    assert raw in compose_raw(raw, "KeyError").text


def test_state_of_a_target_that_flaps() -> None:
    """If none fails at this moment, the page is about those that failed lately."""
    known = [attempt_of(ago_s=120, **REFUSED), attempt_of(ago_s=60)]
    evidence = evidence_of(known[0].record, ago_s=120)  # type: ignore[arg-type]
    assert page_of("TargetsFailingAlarm", evidence).subject.startswith("ALARM fleet: 1 of 1 target fails")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *((-1, "0 s"), (59, "59 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min")),
        *((7200, "2 h 00 min"), (3600 * 47, "47 h 00 min"), (3600 * 50, "2 days 2 h")),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    """A duration is told in the unit that people would use."""
    assert duration(seconds) == text


def test_beginning_of_an_incident() -> None:
    """It began with the first failure in the log, though the alarm waited for more; both lines say the same time."""
    attempts = [attempt_of(ago_s=60.0 * minutes, **(REFUSED if minutes <= 8 else {})) for minutes in range(12, 0, -1)]
    evidence = Evidence(states=states(attempts))
    text = page_of("TargetsFailingAlarm", evidence).text
    assert f"since {moment(NOW - 480)} (8 min)" in " ".join(text.split())
    assert f"since       {moment(NOW - 480)}, 8 runs in a row" in text


def test_refusal_fits_and_says_what_was_refused() -> None:
    """A settings problem with long ARNs keeps to 80 columns, and its end, what is not allowed, is there."""
    role = "arn:aws:sts::123456789012:assumed-role/iot-connect-canary-CanaryRole-1CF297912CF88/iot-connect-canary-9F"
    secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:iot-connect-canary/prod/static-AbCdEf"
    problem = (
        "targets[1].secret_access_key refers to secretsmanager:iot-connect-canary/prod/static#secret_access_key: "
        f"AccessDeniedException: User: {role} is not authorized to perform: secretsmanager:GetSecretValue on resource: "
        f"{secret} because no identity-based policy allows the action"
    )
    page = page_of("CanaryErrorsAlarm", Evidence(canary=CanaryReport(problems=(problem,))))
    before = page.text.partition("LOOK AT")[0]
    assert max(len(line) for line in before.splitlines()) <= 80
    assert "no identity-based policy allows the action" in " ".join(before.split())


@pytest.mark.parametrize(
    ("alarm", "begins"),
    [("CanaryErrorsAlarm", "The canary fleet runs again"), ("SilentCanaryAlarm", "The canary fleet is heard again")],
)
def test_recovery_of_the_canary_itself(alarm: str, begins: str) -> None:
    """It is the canary that recovers, not something of it."""
    over = incident_of("", healthy_since=NOW - 60)
    assert page_of(alarm, Evidence(), event=Event.RECOVERED, incident=over).text.startswith(begins)
