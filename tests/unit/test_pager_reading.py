"""What the pager reads: alarms' messages, histories, logs, and its own memory of what it told."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.server.log_filter import json_matcher
from pager.attempts import Evidence, Line, attempts, canary_report, last_word, states
from pager.event import ALARM, OK, AlarmMessage, is_tick, parse, raw_messages
from pager.evidence import evidence_for, latest_of
from pager.failed_runs import FailedRun, failed_run, newest_run, record_of_run
from pager.history import transitions, with_message
from pager.incidents import Transition
from pager.kinds import KINDS, kind_of
from pager.log_reader import ATTEMPTS, MAX_LINES, LogReader, pattern_of_targets
from pager.notices import Event, Told
from pager.sent_pages import record_of as record_of_page
from pager.sent_pages import told_in
from tests.unit.pager_factories import NOW, REFUSED, line_of, record_of

AT = "2026-11-24T11:30:00.000+0000"
SECONDS = datetime(2026, 11, 24, 11, 30, tzinfo=UTC).timestamp()
# As CloudWatch sends it for one target of a Metrics Insights alarm.
MESSAGE = {
    "AlarmName": "fleet-stack-TargetsFailingAlarm-1A2B",
    "AlarmDescription": None,
    "NewStateValue": "ALARM",
    "OldStateValue": "OK",
    "NewStateReason": "Threshold Crossed",
    "StateChangeTime": AT,
    "Trigger": {"Period": 60, "Metrics": [{"Id": "failures"}]},
    "AlarmContributorId": "6d442278dba546f6",
    "AlarmContributorAttributes": {"Target": "prod"},
}


def test_message_of_one_target() -> None:
    """Alarm, state, time and target."""
    message = parse(json.dumps(MESSAGE), NOW)
    assert message is not None
    assert (message.alarm, message.state, message.at) == (MESSAGE["AlarmName"], "ALARM", SECONDS)
    assert (message.target, message.reason, message.description) == ("prod", "Threshold Crossed", "")


def test_message_of_an_alarm_without_targets() -> None:
    """An alarm with one state names no target."""
    message = parse(json.dumps({k: v for k, v in MESSAGE.items() if "Contributor" not in k}), NOW)
    assert message is not None
    assert message.target == ""


@pytest.mark.parametrize("raw", ["", "no JSON", "[]", "null", "{}", '{"AlarmName": 7}', '"AlarmName"'])
def test_message_of_something_else(raw: str) -> None:
    """What is not an alarm's message is none."""
    assert parse(raw, NOW) is None


def test_message_without_a_time() -> None:
    """Happened now, as far as anyone knows."""
    message = parse(json.dumps({**MESSAGE, "StateChangeTime": None}), NOW)
    assert message is not None
    assert message.at == NOW


@given(event=st.recursive(st.none() | st.text() | st.integers(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)))
def test_any_event_has_a_text(event: object) -> None:
    """Whatever invokes the pager, something can be passed on."""
    assert all(isinstance(text, str) for text in raw_messages(event))
    assert raw_messages(event)


def test_events() -> None:
    """SNS's records carry messages; the schedule's event is a tick."""
    records = {"Records": [{"Sns": {"Message": "one"}}, {"Sns": {"Message": "two"}}]}
    assert raw_messages(records) == ["one", "two"]
    assert not is_tick(records)
    assert is_tick({"tick": True})


def _item(state: str, kind: str = "StateUpdate", **more: Any) -> dict[str, Any]:
    data = json.dumps({"newState": {"stateValue": state}})
    return {"HistoryItemType": kind, "Timestamp": datetime.fromtimestamp(NOW, UTC), "HistoryData": data, **more}


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (_item("ALARM"), Transition(at=NOW, target="", state=ALARM)),
        (_item("OK"), Transition(at=NOW, target="", state=OK)),
        (_item("INSUFFICIENT_DATA"), None),
        (_item("ALARM", "Action"), None),
        (_item("ALARM", "ConfigurationUpdate"), None),
        (
            _item("ALARM", "AlarmContributorStateUpdate", AlarmContributorAttributes={"Target": "a"}),
            Transition(at=NOW, target="a", state=ALARM),
        ),
        (
            _item("OK", "AlarmContributorStateUpdate", AlarmContributorId="6d44"),
            Transition(at=NOW, target="6d44", state=OK),
        ),
        # Where the data cannot be read, the summary tells.
        (
            _item("", HistoryData="x", HistorySummary="Alarm updated from OK to ALARM"),
            Transition(at=NOW, target="", state=ALARM),
        ),
    ],
)
def test_history(item: dict[str, Any], expected: Transition | None) -> None:
    """Changes to ALARM and OK, of the alarm and of its targets."""
    assert transitions([item], NOW) == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("known", "added"),
    [
        ([], True),
        ([Transition(at=SECONDS, target="prod", state=ALARM)], False),
        ([Transition(at=SECONDS, target="other", state=ALARM)], True),
        ([Transition(at=SECONDS, target="prod", state=OK)], True),
        ([Transition(at=SECONDS - 600, target="prod", state=ALARM)], True),
    ],
)
def test_message_is_added_to_a_history_that_is_late(known: list[Transition], *, added: bool) -> None:
    """The history may have the message's change only later."""
    own = Transition(at=SECONDS, target="prod", state=ALARM)
    assert (own in with_message(known, own)) is (added or own in known)
    assert len(with_message(known, own)) == len(known) + added


def test_runs_in_a_row() -> None:
    """Counted back from the latest attempt to the last success."""
    ages = {600: {}, 300: REFUSED, 240: {}, 180: REFUSED, 120: REFUSED, 60: REFUSED}
    known = states(attempts(line_of(record_of(**values), ago_s=age) for age, values in ages.items()))
    assert (known["prod"].runs_in_row, known["prod"].failing_since) == (3, NOW - 180)
    assert not known["prod"].earlier_unknown


def test_runs_in_a_row_without_a_success() -> None:
    """Where the log that was read has no success, it may have begun earlier."""
    known = states(attempts([line_of(record_of(**REFUSED))]))
    assert known["prod"].earlier_unknown


@given(st.lists(st.one_of(st.text(), st.dictionaries(st.text(), st.integers()).map(json.dumps)), max_size=20))
def test_any_line_can_be_read(messages: list[str]) -> None:
    """Whatever stands in the log, reading it does not fail."""
    lines = [Line(float(number), message) for number, message in enumerate(messages)]
    assert attempts(lines) == []
    assert canary_report(lines).problems == ()
    last_word(lines)
    assert told_in(lines) == []


def test_last_word_is_no_metric() -> None:
    """Of the newest lines the last that says something."""
    lines = [Line(1.0, json.dumps(record_of("a", **REFUSED))), Line(2.0, '{"_aws": {}, "ConnectSuccess": 1}')]
    assert last_word(lines) == Line(1.0, "target a: NotAuthorized (connack)")
    assert last_word([*lines, line_of(record_of("b"))]) == Line(NOW - 60, "target b: healthy")
    assert last_word([Line(3.0, "START x"), *lines]) == Line(3.0, "START x")
    assert last_word([Line(3.0, '{"message": "the canary cannot run"}'), *lines]) == Line(3.0, "the canary cannot run")
    assert last_word(lines[1:]) is None


def test_what_was_told_is_remembered() -> None:
    """A record of the log is read as it was written, also behind what Lambda puts before it."""
    told = Told(at=NOW, alarm="a", event=Event.MORE, targets=("", "prod"))
    lines = [Line(1.0, record_of_page(told)), Line(2.0, f"2026-11-24 x\t{record_of_page(told)}"), Line(3.0, "{")]
    assert told_in(lines) == [told, told]


def test_newest_failed_run() -> None:
    """What Lambda told last, whatever the order of the log; lines that are none are left out."""
    runs = [
        FailedRun(at=at, condition="RetriesExhausted", error=error) for at, error in ((5.0, "b"), (9.0, "c"), (1.0, ""))
    ]
    lines = [*(Line(0.0, record_of_run(run)) for run in runs), Line(0.0, "{"), Line(0.0, '{"at": 10}')]
    assert newest_run(lines) == runs[1]
    assert newest_run(lines[3:]) is None


@pytest.mark.parametrize(
    "raw",
    ["no JSON", "[]", '{"requestContext": 1}', '{"requestContext": {}}', '{"requestContext": {"condition": 1}}'],
)
def test_message_that_is_no_failed_run(raw: str) -> None:
    """Only Lambda's record of an invocation has a condition."""
    assert failed_run(raw, NOW) is None


def test_failed_run_of_lambda() -> None:
    """When, why, and the function's error, if it has one; without a time it is now."""
    record: dict[str, Any] = {"timestamp": AT, "requestContext": {"condition": "RetriesExhausted"}}
    found = failed_run(json.dumps({**record, "responsePayload": {"errorMessage": "no\nmodule"}}), NOW)
    assert found == FailedRun(at=SECONDS, condition="RetriesExhausted", error="no module")
    assert found.text == "2026-11-24 11:30:00 UTC: it ended with an error: no module"
    responses: list[object] = [None, {}, "text"]
    for response in responses:
        without = failed_run(json.dumps({**record, "timestamp": None, "responsePayload": response}), NOW)
        assert without == FailedRun(at=NOW, condition="RetriesExhausted")


def test_pattern_of_targets() -> None:
    """A name that cannot stand in a pattern is left out, and without any the pattern is that of all."""
    assert pattern_of_targets(["a", 'b"', "c"]).count("$.target") == 2
    assert pattern_of_targets(['"', ""]) == ATTEMPTS


class PagedLogs:
    """A log group in pages, as FilterLogEvents gives them: an empty page is not the last."""

    def __init__(self, *pages: list[str]) -> None:
        self.pages = pages
        self.asked: list[dict[str, Any]] = []

    def filter_log_events(self, **request: Any) -> dict[str, Any]:
        """Return the page that the token names."""
        self.asked.append(request)
        number = int(request.get("nextToken", 0))
        events = [{"timestamp": 1000 * (number + 1), "message": message} for message in self.pages[number]]
        more = {"nextToken": str(number + 1)} if number + 1 < len(self.pages) else {}
        return {"events": events, **more}


def test_log_is_read_to_its_end() -> None:
    """Empty pages in between do not end it."""
    reader = LogReader(client=PagedLogs(["a"], [], ["b"]), group="g")
    assert reader.read(5.5, "p") == [Line(1.0, "a"), Line(3.0, "b")]
    assert reader.client.asked[0] == {"logGroupName": "g", "startTime": 5500, "filterPattern": "p"}


@pytest.mark.parametrize("alarm", KINDS)
def test_unreadable_log_is_said(alarm: str) -> None:
    """If the log cannot be read the evidence says why."""

    class Denied:
        def filter_log_events(self, **_request: Any) -> None:
            raise PermissionError("not allowed")

    reader = LogReader(client=Denied(), group="g")
    found = evidence_for(KINDS[alarm], reader, began=NOW, now=NOW, period_s=60.0)
    assert found == Evidence(missing=("what the canary's log says (not allowed)",))


def test_message_type() -> None:
    """A message keeps the text that it came in."""
    raw = json.dumps(MESSAGE)
    message = parse(raw, NOW)
    assert isinstance(message, AlarmMessage)
    assert message.raw == raw


class TimedLogs:
    """A log group that finds by time and pattern, and keeps how long before now it was asked for what."""

    def __init__(self, *lines: Line) -> None:
        self.lines = lines
        self.asked: list[tuple[float, str]] = []

    def filter_log_events(self, **request: Any) -> dict[str, Any]:
        """Return what matches since the start."""
        start, pattern = request["startTime"] / 1000, request["filterPattern"]
        self.asked.append((NOW - start, pattern))
        matches = json_matcher(pattern) if pattern.startswith("{") else lambda message: pattern.strip('"') in message
        found = [line for line in self.lines if line.at >= start and matches(line.message)]
        return {"events": [{"timestamp": line.at * 1000, "message": line.message} for line in found]}

    @property
    def seconds(self) -> list[float]:
        """How far back each time."""
        return [seconds for seconds, _ in self.asked]


def _failed(target: str = "prod", ago_s: float = 60.0, **values: Any) -> Line:
    return line_of(record_of(target, **{**REFUSED, **values}), ago_s=ago_s)


@pytest.mark.parametrize(
    ("alarm", "began_ago_s", "period_s", "read_back_s"),
    [
        ("SilentCanaryAlarm", 300, 60, {900}),
        ("SilentCanaryAlarm", 300, 300, {2100}),
        ("CanaryErrorsAlarm", 300, 60, {900}),
        ("CanaryErrorsAlarm", 300, 300, {2100}),
        # The alarm's clock is ahead.
        ("CanaryErrorsAlarm", -30, 60, {600}),
        ("CertificateAlarm", 9000, 60, {150}),
        ("CertificateAlarm", 9000, 300, {750}),
        ("SlowConnectAlarm", 9000, 300, {750}),
        # The latest runs; what fails now and then; the runs in a row of what fails, as far as it may matter.
        ("TargetsFailingAlarm", 300, 60, {150, 900}),
        ("TargetsFailingAlarm", -300, 60, {150, 600}),
        ("TargetsFailingAlarm", 30_000, 60, {150, 10_800}),
        ("TargetsFailingAlarm", 90_000, 900, {2250, 21_600}),
        ("UnexpectedAcceptAlarm", 300, 60, {150, 600, 900}),
    ],
)
def test_how_far_back_the_log_is_read(alarm: str, began_ago_s: float, period_s: float, read_back_s: set[float]) -> None:
    """As far as the incident goes and some runs more, and no further for what needs the latest runs only."""
    logs = TimedLogs(_failed())
    reader = LogReader(client=logs, group="g")
    evidence_for(KINDS[alarm], reader, began=NOW - began_ago_s, now=NOW, period_s=period_s)
    assert {round(seconds) for seconds in logs.seconds} == read_back_s


def test_what_the_log_is_asked_for() -> None:
    """Silence and errors: what the canary and Lambda write when a run fails; silence: any attempt too."""
    errors = ['{ $.level = "ERROR" }', '"Task timed out"', '"Status: timeout"', '"Status: error"', '"[ERROR]"']
    for alarm, patterns in (("CanaryErrorsAlarm", errors), ("SilentCanaryAlarm", [ATTEMPTS, *errors])):
        logs = TimedLogs()
        evidence_for(KINDS[alarm], LogReader(client=logs, group="g"), began=NOW, now=NOW, period_s=60.0)
        assert [pattern for _, pattern in logs.asked] == patterns


def test_alarm_that_the_table_does_not_know_needs_no_log() -> None:
    """Its page is the alarm's own words."""
    logs = TimedLogs(_failed())
    found = evidence_for(kind_of("x", "s"), LogReader(client=logs, group="g"), began=NOW, now=NOW, period_s=60.0)
    assert (found, logs.asked) == (Evidence(), [])


def _states_for(alarm: str, *lines: Line) -> dict[str, tuple[bool, int]]:
    """Return for each target whether it fails now, and its runs in a row."""
    reader = LogReader(client=TimedLogs(*lines), group="g")
    found = evidence_for(KINDS[alarm], reader, began=NOW - 60, now=NOW, period_s=60.0)
    return {target: (state.fails_now, state.runs_in_row) for target, state in found.states.items()}


def test_runs_of_what_fails_are_counted_further_back() -> None:
    """Those of a healthy target are not, and a target that is not in the latest runs is none of the evidence."""
    runs = [_failed(ago_s=ago_s) for ago_s in (480, 360, 240, 120)]
    well = [line_of(record_of("well"), ago_s=100), line_of(record_of("gone"), ago_s=500)]
    assert _states_for("TargetsFailingAlarm", *runs, *well) == {"prod": (True, 4), "well": (False, 0)}


def test_what_fails_now_and_then_is_older() -> None:
    """If no latest run is what the alarm is about, the runs before are looked at; each alarm has its failures."""
    accepted = _failed("door", failure="UnexpectedAccept")
    lines = [_failed(ago_s=500), line_of(record_of(), ago_s=400), accepted]
    assert _states_for("TargetsFailingAlarm", *lines) == {"prod": (False, 0), "door": (True, 1)}
    assert _states_for("TargetsFailingAlarm", *lines, _failed("other")).keys() == {"door", "other"}
    assert _states_for("UnexpectedAcceptAlarm", *lines).keys() == {"door"}


def test_runs_of_twenty_targets_are_counted() -> None:
    """A page shows ten; a pattern of hundreds is too long for CloudWatch."""
    logs = TimedLogs(*(_failed(f"t{number:02}", ago_s=100) for number in range(25)))
    reader = LogReader(client=logs, group="g")
    found = evidence_for(KINDS["TargetsFailingAlarm"], reader, began=NOW, now=NOW, period_s=60.0)
    assert logs.asked[-1][1] == pattern_of_targets(f"t{number:02}" for number in range(20))
    assert len(found.states) == 25


def test_latest_attempt_of_a_target_that_runs_no_more() -> None:
    """All targets of the latest runs, and further back only those that are asked for."""
    lines = [line_of(record_of("now")), *(line_of(record_of(name), ago_s=900) for name in ("asked", "not-asked"))]
    logs = TimedLogs(*lines, line_of(record_of("too-old"), ago_s=1100))
    reader = LogReader(client=logs, group="g")
    found = latest_of(reader, ["now", "asked", "too-old", ""], since=NOW - 1000, now=NOW, period_s=60.0)
    assert found.keys() == {"now", "asked"}
    assert logs.asked[-1] == (1000.0, pattern_of_targets(["asked", "too-old"]))
    latest_of(reader, ["asked"], since=0.0, now=NOW, period_s=60.0)
    assert logs.seconds[-1] == 10_800
    logs.asked.clear()
    latest_of(reader, ["now", ""], since=0.0, now=NOW, period_s=60.0)
    assert logs.seconds == [150.0]


def test_log_of_too_many_lines_is_cut() -> None:
    """So many lines are more than a page can use; and reading ends when its time is over."""
    logs = PagedLogs(["a"] * MAX_LINES, ["b"])
    assert len(LogReader(client=logs, group="g").read(0.0)) == MAX_LINES
    assert "filterPattern" not in logs.asked[0]


def test_reading_has_a_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log whose pages come slowly is read for twelve seconds."""
    seconds = iter(range(0, 1000, 5))
    monkeypatch.setattr("time.monotonic", lambda: float(next(seconds)))
    assert LogReader(client=PagedLogs(*([str(page)] for page in range(9))), group="g").read(0.0) == [
        Line(1.0, "0"),
        Line(2.0, "1"),
        Line(3.0, "2"),
    ]
