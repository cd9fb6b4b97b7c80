"""The pager's work: invocations at the same time, ticks, mutes, and what it does when a service refuses."""

import functools
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from infra.local.server.log_filter import is_json_pattern, json_matcher
from pager.service import PagerService
from tests.unit.pager_factories import REFUSED, SETTINGS, record_of

ALARM = "fleet-stack-TargetsFailingAlarm-1A2B"


@dataclass
class Cloud:
    """Alarms' histories, two log groups and a topic; all clients are this object.

    It takes what the services' models allow and answers in small pages. The pager's own lines can be read `lag_s` after
    they were written.
    """

    history: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    canary_log: list[tuple[float, str]] = field(default_factory=list)
    own_log: list[tuple[float, str]] = field(default_factory=list)
    lag_s: float = 0.0
    pages: list[dict[str, Any]] = field(default_factory=list)
    muted: tuple[str, ...] = ()
    denied: str = ""

    def change(self, state: str, target: str = "", *, ago_s: float = 0.0, alarm: str = ALARM) -> None:
        """Add a change of state to the history of an alarm."""
        kind = {"HistoryItemType": "AlarmContributorStateUpdate", "AlarmContributorAttributes": {"Target": target}}
        item = kind if target else {"HistoryItemType": "StateUpdate"}
        data = json.dumps({"newState": {"stateValue": state}})
        at = datetime.fromtimestamp(time.time() - ago_s, UTC)
        self.history.setdefault(alarm, []).append({**item, "Timestamp": at, "HistoryData": data})

    def wrote(self, *lines: str, ago_s: float = 0.0) -> None:
        """Add lines to the canary's log."""
        self.canary_log += [(time.time() - ago_s, line) for line in lines]

    def describe_alarm_history(self, **request: Any) -> dict[str, Any]:
        """Return a page of the history of an alarm."""
        self._check("cloudwatch", "DescribeAlarmHistory", request)
        assert request["MaxRecords"] <= 100
        if self.denied == request["AlarmName"]:
            raise PermissionError("denied")
        items = self.history.get(request["AlarmName"], [])
        known = [each for each in items if request["StartDate"] <= each["Timestamp"].timestamp() <= request["EndDate"]]
        return _page("AlarmHistoryItems", known, request, "NextToken")

    def list_alarm_mute_rules(self, **request: Any) -> dict[str, Any]:
        """Return the active rules of an alarm."""
        self._check("cloudwatch", "ListAlarmMuteRules", request)
        if self.denied == "mute rules":
            raise PermissionError("denied")
        rules = [{"Status": "ACTIVE"}] if request["AlarmName"] in self.muted else []
        return {"AlarmMuteRuleSummaries": [rule for rule in rules if rule["Status"] in request["Statuses"]]}

    def filter_log_events(self, **request: Any) -> dict[str, Any]:
        """Return a page of the lines of a log group that match, as of now."""
        self._check("logs", "FilterLogEvents", request)
        if self.denied == request["logGroupName"]:
            raise PermissionError("denied")
        until, own = time.time() - self.lag_s, request["logGroupName"] == SETTINGS.own_log_group
        lines = [line for line in list(self.own_log) if line[0] <= until] if own else self.canary_log
        matches = _matcher(request.get("filterPattern", ""))
        events = [{"timestamp": int(at * 1000), "message": line} for at, line in lines if matches(line)]
        return _page("events", [e for e in events if e["timestamp"] >= request["startTime"]], request, "nextToken")

    def publish(self, **request: Any) -> None:
        """Keep a page."""
        self._check("sns", "Publish", request)
        self.pages.append(request)

    @staticmethod
    def _check(service: str, operation: str, request: dict[str, Any]) -> None:
        report = ParamValidator().validate(request, _model(service).operation_model(operation).input_shape)
        assert not report.has_errors(), report.generate_report()

    @property
    def subjects(self) -> list[str]:
        """The subjects of the pages."""
        return [page["Subject"] for page in self.pages]


@functools.cache
def _model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def _matcher(pattern: str) -> Callable[[str], bool]:
    if is_json_pattern(pattern):
        return json_matcher(pattern)
    return lambda message: pattern.strip('"') in message


def _page(key: str, items: list[Any], request: dict[str, Any], token: str) -> dict[str, Any]:
    """Return a page of three items, with a token if it is not the last."""
    first = int(request.get(token, 0))
    return {key: items[first : first + 3]} | ({token: str(first + 3)} if first + 3 < len(items) else {})


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """A cloud whose pager's log is what the pager prints."""
    made = Cloud()
    monkeypatch.setattr("builtins.print", lambda line: made.own_log.append((time.time(), line)))
    return made


def service(cloud: Cloud, **settings: Any) -> PagerService:
    """Return a pager that waits a tenth of a second."""
    return PagerService(
        settings=replace(SETTINGS, **{"collect_s": 0.1, "alarms": (ALARM,), **settings}), client=lambda _service: cloud
    )


def message(state: str = "ALARM", target: str = "", alarm: str = ALARM) -> str:
    """Return the message of a change that happens now."""
    attributes = {"AlarmContributorAttributes": {"Target": target}} if target else {}
    at = datetime.now(UTC).isoformat()
    return json.dumps({"AlarmName": alarm, "NewStateValue": state, "StateChangeTime": at, **attributes})


def test_targets_that_fail_together_are_one_page(cloud: Cloud) -> None:
    """Twenty invocations at the same time, none of which sees what another has told: one page with all of them."""
    cloud.lag_s = 60.0
    names = [f"t{number:02}" for number in range(20)]
    for name in names:
        cloud.change("ALARM", name)
        cloud.wrote(json.dumps(record_of(name, **REFUSED)))
    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(lambda name: service(cloud, collect_s=0.5).on_message(message(target=name)), names))
    assert cloud.subjects == ["ALARM fleet: clients cannot connect, 20 of 20 targets: NotAuthorized (connack)"]


def test_target_that_fails_a_moment_later(cloud: Cloud) -> None:
    """The first message waits for the others before the history is read."""
    cloud.change("ALARM", "first")
    later = threading.Timer(0.1, cloud.change, ("ALARM", "second"))
    later.start()
    service(cloud, collect_s=2.0).on_message(message(target="first"))
    later.join()
    assert sorted(json.loads(cloud.own_log[-1][1])["targets"]) == ["first", "second"]


def test_message_of_the_alarm_itself_beside_its_targets(cloud: Cloud) -> None:
    """CloudWatch may send one for the alarm too; that invocation sees that the target's has told."""
    cloud.change("ALARM", "prod")
    cloud.change("ALARM")
    cloud.wrote(json.dumps(record_of(**REFUSED)))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda raw: service(cloud).on_message(raw), [message(), message(target="prod")]))
    assert len(cloud.pages) == 1


def test_same_message_again(cloud: Cloud) -> None:
    """SNS delivers at least once; a page is sent once."""
    cloud.change("ALARM", "prod")
    raw = message(target="prod")
    service(cloud).on_message(raw)
    service(cloud).on_message(raw)
    assert len(cloud.pages) == 1


def test_history_that_is_late(cloud: Cloud) -> None:
    """The page does not wait for a history that has nothing yet."""
    service(cloud).on_message(message(target="prod"))
    assert cloud.subjects == ["ALARM fleet: connects fail, cause unknown: prod"]


def test_history_of_several_pages(cloud: Cloud) -> None:
    """A target that comes and goes has more changes than one answer of CloudWatch; all of them are one incident."""
    for ago_s in range(1900, 100, -200):
        cloud.change("ALARM", "prod", ago_s=ago_s)
        cloud.change("OK", "prod", ago_s=ago_s - 100)
    cloud.change("ALARM", "prod")
    cloud.wrote(FAILED)
    service(cloud).on_message(message(target="prod"))
    (page,) = cloud.pages
    text = " ".join(json.loads(page["Message"])["default"].split())
    assert "(31 min). It flaps: it went to ALARM 10 times." in text


def test_history_of_long_ago(cloud: Cloud) -> None:
    """What began before the fourteen days that are looked at is not told again and again."""
    cloud.change("ALARM", "prod", ago_s=14 * 86_400 + 60)
    service(cloud).on_tick()
    assert cloud.pages == []


def test_own_log_that_cannot_be_read(cloud: Cloud) -> None:
    """The page goes out, and says what it does not know."""
    cloud.denied = SETTINGS.own_log_group
    cloud.change("ALARM", alarm=SILENT)
    service(cloud).on_message(message(alarm=SILENT))
    (page,) = cloud.pages
    text = json.loads(page["Message"])["default"]
    assert "Not known: what was told already (denied)" in text
    assert "Not known: what Lambda says of its runs (denied)" in text


def test_recovery_waits_for_the_tick(cloud: Cloud) -> None:
    """A message of a recovery is no page; the tick tells it once it has settled, once."""
    cloud.change("ALARM", "prod", ago_s=2000)
    service(cloud).on_message(message(target="prod"))
    cloud.change("OK", "prod", ago_s=1000)
    service(cloud, settle_s=2000.0).on_message(message("OK", "prod"))
    service(cloud, settle_s=2000.0).on_tick()
    assert len(cloud.pages) == 1
    cloud.wrote(json.dumps(record_of("prod")))
    service(cloud).on_tick()
    service(cloud).on_tick()
    assert cloud.subjects[1:] == ["OK fleet: prod connects again, after 16 min"]


SILENT, OF_SHARD = "fleet-stack-SilentCanaryAlarm-1A2B", "fleet-stack-shards-SilentCanaryShard002Alarm-3C4D"
HEALTHY, FAILED = json.dumps(record_of("prod")), json.dumps(record_of("prod", **REFUSED))


def _settled(cloud: Cloud) -> None:
    """Let a target fail, be told, and be OK for long enough."""
    cloud.change("ALARM", "prod", ago_s=3000)
    service(cloud).on_message(message(target="prod"))
    cloud.change("OK", "prod", ago_s=2000)
    cloud.pages.clear()


@pytest.mark.parametrize("silent", [SILENT, OF_SHARD])
@pytest.mark.parametrize("by", ["tick", "message"])
def test_recovery_during_silence(cloud: Cloud, silent: str, by: str) -> None:
    """Targets are OK for lack of data when the canary, or their shard, is silent: that is told once it is heard."""
    _settled(cloud)
    cloud.change("ALARM", alarm=silent, ago_s=2900)
    service(cloud).on_message(message(alarm=silent))
    cloud.pages.clear()
    cloud.wrote(HEALTHY)
    alarms = (ALARM, SILENT)
    for _ in range(2):
        if by == "tick":
            service(cloud, alarms=alarms).on_tick()
        else:
            service(cloud, alarms=alarms).on_message(message("OK", "prod"))
    assert cloud.pages == []
    cloud.change("OK", alarm=silent, ago_s=10)
    service(cloud, alarms=alarms).on_tick()
    # Nobody saw when it ended, so it is said to have lasted until the canary was heard again.
    assert cloud.subjects == ["OK fleet: prod connects again, after 49 min"]


def test_recovery_of_a_canary_that_was_silent(cloud: Cloud) -> None:
    """It needs no proof but its alarm, for it is what the alarm hears."""
    cloud.change("ALARM", alarm=SILENT, ago_s=3000)
    service(cloud).on_message(message(alarm=SILENT))
    cloud.change("OK", alarm=SILENT, ago_s=2000)
    service(cloud, alarms=(SILENT,)).on_tick()
    assert cloud.subjects[1:] == ["OK fleet: the canary is heard again, after 16 min"]


def test_new_failure_beside_a_recovery(cloud: Cloud) -> None:
    """Both are told by one tick."""
    _settled(cloud)
    cloud.change("ALARM", "new", ago_s=600)
    cloud.wrote(HEALTHY, json.dumps(record_of("new", **REFUSED)))
    service(cloud).on_tick()
    assert cloud.subjects == [
        "ALARM fleet: 1 of 2 targets fails: NotAuthorized (connack), new",
        "OK fleet: prod connects again, after 16 min",
    ]


@pytest.mark.parametrize("log", [[], [FAILED], [HEALTHY, FAILED]], ids=["nothing", "failed", "failed-last"])
def test_recovery_that_nothing_proves(cloud: Cloud, log: list[str]) -> None:
    """An alarm that is OK is no proof: the latest attempt must be healthy. A function that fails is not silent."""
    _settled(cloud)
    cloud.wrote(*log)
    service(cloud).on_tick()
    assert cloud.pages == []
    cloud.wrote(HEALTHY)
    service(cloud).on_tick()
    assert cloud.subjects == ["OK fleet: prod connects again, after 16 min"]


def test_recovery_of_an_alarm_with_one_state(cloud: Cloud) -> None:
    """Where CloudWatch has no state by target, no target's latest attempt may have failed."""
    cloud.change("ALARM", ago_s=3000)
    service(cloud).on_message(message())
    cloud.change("OK", ago_s=2000)
    cloud.pages.clear()
    cloud.wrote(json.dumps(record_of("other", **REFUSED)), HEALTHY)
    service(cloud).on_tick()
    assert cloud.pages == []
    cloud.wrote(json.dumps(record_of("other")))
    service(cloud).on_tick()
    assert [subject.partition(", after")[0] for subject in cloud.subjects] == ["OK fleet: 2 targets connect again"]


def test_target_that_is_not_tested_any_more(cloud: Cloud) -> None:
    """A target that was taken out has no proof ever: its incident ends, in other words than a recovery."""
    _settled(cloud)
    cloud.wrote(json.dumps(record_of("other")))
    service(cloud).on_tick()
    service(cloud).on_tick()
    assert cloud.subjects == ["NOT TESTED fleet: prod, after failures of 16 min"]
    assert "connects again" not in cloud.pages[0]["Message"]


def test_recovery_that_cannot_be_looked_at(cloud: Cloud) -> None:
    """An alarm on silence that cannot be read holds the recovery, and not what is new."""
    _settled(cloud)
    cloud.wrote(HEALTHY)
    cloud.denied = SILENT
    cloud.change("ALARM", "new")
    service(cloud, alarms=(ALARM, SILENT)).on_message(message(target="new"))
    assert [subject.partition(" fleet")[0] for subject in cloud.subjects] == ["ALARM"]
    assert json.dumps({"message": "recoveries not looked at", "error": "denied"}) in [line for _, line in cloud.own_log]
    with pytest.raises(ExceptionGroup):
        service(cloud, alarms=(ALARM, SILENT)).on_tick()
    assert len(cloud.pages) == 1


def test_tick_tells_what_nobody_told(cloud: Cloud) -> None:
    """An alarm in ALARM without a page, as after a mute or a failure of the pager."""
    cloud.change("ALARM", "prod", ago_s=600)
    cloud.wrote(json.dumps(record_of(**REFUSED)))
    service(cloud).on_tick()
    service(cloud).on_tick()
    assert cloud.subjects == ["ALARM fleet: 1 of 1 target fails: NotAuthorized (connack), prod"]


def test_tick_is_silent_while_muted(cloud: Cloud) -> None:
    """A mute holds for the tick too; what still lasts is told afterwards."""
    cloud.change("ALARM", "prod", ago_s=600)
    cloud.muted = (ALARM,)
    service(cloud).on_tick()
    assert cloud.pages == []
    cloud.muted = ("another",)
    service(cloud).on_tick()
    assert len(cloud.pages) == 1


def test_mute_rules_that_cannot_be_read(cloud: Cloud) -> None:
    """A page too many is better than none."""
    cloud.change("ALARM", "prod", ago_s=600)
    cloud.muted, cloud.denied = (ALARM,), "mute rules"
    service(cloud).on_tick()
    assert len(cloud.pages) == 1
    assert json.dumps({"message": "mute rules not read", "error": "denied"}) in [line for _, line in cloud.own_log]


def test_second_target_of_an_alarm_with_one_state(cloud: Cloud) -> None:
    """Where CloudWatch has no state by target, the tick finds in the log what fails since."""
    cloud.change("ALARM", ago_s=600)
    cloud.wrote(*[json.dumps(record_of("a", **REFUSED))] * 3)
    service(cloud).on_message(message())
    assert cloud.subjects == ["ALARM fleet: 1 of 1 target fails: NotAuthorized (connack), a"]
    cloud.wrote(*[json.dumps(record_of("b", **REFUSED))] * 3)
    service(cloud).on_tick()
    assert cloud.pages[1:] == []  # what has just begun is left to its own message
    cloud.canary_log = [(at - 200, line) for at, line in cloud.canary_log]
    *others, last = cloud.canary_log
    cloud.canary_log = others
    service(cloud).on_tick()
    assert cloud.pages[1:] == []  # two failures in a row may be chance
    cloud.canary_log.append(last)
    service(cloud).on_tick()
    assert cloud.subjects[1:] == ["ALARM (more) fleet: clients cannot connect, 2 of 2 targets: NotAuthorized (connack)"]


def test_tick_looks_after_the_others(cloud: Cloud) -> None:
    """One alarm that cannot be read does not keep the others from being told, and is raised at the end."""
    silent = "fleet-stack-SilentCanaryAlarm-1A2B"
    cloud.change("ALARM", alarm=silent, ago_s=600)
    cloud.denied = ALARM
    with pytest.raises(ExceptionGroup, match="not looked after"):
        service(cloud, alarms=(ALARM, silent)).on_tick()
    assert [subject.partition(" fleet")[0] for subject in cloud.subjects] == ["CANARY SILENT"]


def test_unexpected_accept_is_left_to_its_own_alarm(cloud: Cloud) -> None:
    """Where all that fails is told by the security alarm, the other one's page would repeat it."""
    door = "fleet-stack-UnexpectedAcceptAlarm-1A2B"
    cloud.change("ALARM", "door")
    cloud.change("ALARM", "door", alarm=door)
    cloud.wrote(json.dumps(record_of("door", **{**REFUSED, "failure": "UnexpectedAccept"})))
    service(cloud, alarms=(ALARM, door)).on_message(message(target="door"))
    service(cloud, alarms=(ALARM, door)).on_message(message(target="door", alarm=door))
    assert [subject.partition(",")[0] for subject in cloud.subjects] == ["SECURITY fleet: UnexpectedAccept"]


def test_recovery_beside_an_unexpected_accept(cloud: Cloud) -> None:
    """Only new failures are left to the security alarm, which tells no recovery of others."""
    door = "fleet-stack-UnexpectedAcceptAlarm-1A2B"
    _settled(cloud)
    cloud.wrote(HEALTHY, json.dumps(record_of("door", **{**REFUSED, "failure": "UnexpectedAccept"})))
    service(cloud, alarms=(ALARM, door)).on_tick()
    assert cloud.subjects == ["OK fleet: prod connects again, after 16 min"]


ERRORS = "fleet-stack-CanaryErrorsAlarm-1A2B"


def _run_record(condition: str, **response: Any) -> str:
    """Return what Lambda sends of an asynchronous run that it has given up."""
    record = {"version": "1.0", "timestamp": datetime.now(UTC).isoformat(), "requestPayload": {}, **response}
    return json.dumps({**record, "requestContext": {"functionArn": "arn:f", "condition": condition}})


@pytest.mark.parametrize(
    ("condition", "response", "alarm", "said"),
    [
        ("EventAgeExceeded", {}, SILENT, "the function is throttled"),
        ("ZeroReservedConcurrency", {}, SILENT, "the function's reserved concurrency is 0"),
        ("RetriesExhausted", {"responsePayload": {"errorMessage": "no module x"}}, ERRORS, "an error: no module x"),
        ("SomethingNew", {}, SILENT, "SomethingNew"),
    ],
)
def test_failed_runs_are_told_by_the_alarms(
    cloud: Cloud, condition: str, response: dict[str, Any], alarm: str, said: str
) -> None:
    """Lambda's records are no pages, however many; the page of the alarm has the newest, also without a log."""
    for _ in range(3):
        service(cloud).on_message(_run_record(condition, **response))
    assert cloud.pages == []
    cloud.change("ALARM", alarm=alarm)
    service(cloud).on_message(message(alarm=alarm))
    (page,) = cloud.pages
    text = " ".join(json.loads(page["Message"])["default"].split())
    assert "failed run" in text
    assert said in text


@pytest.mark.parametrize(("before_s", "shown"), [(3590, True), (3610, False)])
def test_failed_run_of_long_ago(cloud: Cloud, before_s: float, *, shown: bool) -> None:
    """One of the hour before may be the reason of an alarm, an older one is not."""
    service(cloud).on_message(_run_record("EventAgeExceeded"))
    cloud.own_log = [(at - 600 - before_s, line) for at, line in cloud.own_log]
    cloud.change("ALARM", alarm=SILENT, ago_s=600)
    service(cloud, alarms=(SILENT,)).on_tick()
    (page,) = cloud.pages
    assert ("failed run" in json.loads(page["Message"])["default"]) is shown


@pytest.mark.parametrize("raw", ["no JSON", message(alarm="other-stack-TargetsFailingAlarm-1")])
def test_message_of_another_stack(cloud: Cloud, raw: str) -> None:
    """The pager may not read its history, so it is passed on as it came."""
    service(cloud).on_message(raw)
    assert cloud.subjects == ["ALARM (raw): the pager could not write this page"]
    assert raw in json.loads(cloud.pages[0]["Message"])["default"]
