"""What the pager reads: alarms' messages, histories, logs, and its own memory of what it told."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pager.attempts import Evidence, Line, attempts, canary_report, last_word, states
from pager.event import ALARM, OK, AlarmMessage, is_tick, parse, raw_messages
from pager.evidence import evidence_for
from pager.history import transitions, with_message
from pager.incidents import Transition
from pager.kinds import KINDS
from pager.log_reader import LogReader, pattern_of_targets
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


def test_what_was_told_is_remembered() -> None:
    """A record of the log is read as it was written, also behind what Lambda puts before it."""
    told = Told(at=NOW, alarm="a", event=Event.MORE, targets=("", "prod"))
    lines = [Line(1.0, record_of_page(told)), Line(2.0, f"2026-11-24 x\t{record_of_page(told)}"), Line(3.0, "{")]
    assert told_in(lines) == [told, told]


def test_pattern_of_targets() -> None:
    """A name that cannot stand in a pattern is left out, and without any the pattern is that of all."""
    assert pattern_of_targets(["a", 'b"', "c"]).count("$.target") == 2
    assert "$.target" not in pattern_of_targets(['"', ""])


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
