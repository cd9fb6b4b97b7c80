"""Pages end to end: from a target that fails to the page that people get, also when the pager itself fails.

The alarms' topic, the deployed pager, both logs, the alarms' history, the people's topic and its subscriber are real.
"""

import io
import json
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from infra.local.client.local_aws import LocalAws
from infra.local.client.process import BUILT_TEMPLATE
from infra.local.demo.demo_targets import DemoSecrets, DemoTargets, store_targets
from tests.local.deployed import DeployedCanary, SqsSubscriber, eventually

NAME = "paged"
TARGETS = ("first", "second", "third")
# Three seconds; the tick comes every fifteen, and leaves what has begun less than 90 s ago to its own message.
TICK_S = 16.0
QUICK = {"SettleMinutes": "0.05", "RemindEveryMinutes": "0"}
Page = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paged:
    """A canary with three targets whose role decides which of them connect, and the people's subscriber."""

    canary: DeployedCanary
    subscriber: SqsSubscriber

    def let_in(self, *targets: str) -> None:
        """Let the role connect as these targets only."""
        arns = [f"arn:aws:iot:eu-west-1:*:client/test-{target}-*" for target in targets] or ["arn:aws:iot:*:*:client/-"]
        statement = {"Effect": "Allow", "Action": "iot:Connect", "Resource": arns}
        self.canary.put_policy("connect", [statement])

    def wait_until_healthy(self) -> int:
        """Wait until the alarms on targets and errors are OK and settled; return the number of pages so far."""
        self.let_in(*TARGETS)
        for alarm in ("TargetsFailingAlarm", "CanaryErrorsAlarm"):
            assert self.canary.reaches(self.canary.alarm(alarm), "OK")
        return len(self.subscriber.read())

    def wait_for_page(self, since: int, *words: str) -> Page:
        """Wait for a page after the first `since` whose subject or text has these words."""

        def matching() -> Page | None:
            pages = self.subscriber.read()[since:]
            return next((p for p in pages if all(w in f"{p.get('Subject')} {p['Message']}" for w in words)), None)

        return eventually(matching)

    def subjects(self, since: int) -> list[str]:
        """Return the subjects of the pages after the first `since`, but for those of the alarm on the pager."""
        subjects = [str(page.get("Subject")) for page in self.subscriber.read()[since:]]
        return [subject for subject in subjects if "NotificationsFailing" not in subject]

    @contextmanager
    def without_pagers_policies(self, *names: str) -> Iterator[None]:
        """Take policies from the pager's role for the duration of the context."""
        iam, role = self.canary.aws.client("iam"), self.canary.stack.resources["PagerRole"]
        taken = {name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names}
        for name in names:
            iam.delete_role_policy(RoleName=role, PolicyName=name)
        try:
            yield
        finally:
            for name, document in taken.items():
                iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))

    @contextmanager
    def with_pagers_code(self, handler: str) -> Iterator[None]:
        """Replace the pager's code for the duration of the context."""
        functions, name = self.canary.aws.client("lambda"), self.canary.stack.resources["PagerFunction"]
        built = BUILT_TEMPLATE.parent / "PagerFunction"
        good = {str(path.relative_to(built)): path.read_text() for path in built.rglob("*.py")}
        functions.update_function_code(FunctionName=name, ZipFile=_zipped({**good, "pager/handler.py": handler}))
        try:
            yield
        finally:
            functions.update_function_code(FunctionName=name, ZipFile=_zipped(good))


def _zipped(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def paged(aws: LocalAws, marked_secrets: DemoSecrets) -> Iterator[Paged]:
    """A stack of its own, deleted afterwards."""
    demo = DemoTargets(canary=NAME, targets=tuple({"name": target} for target in TARGETS), static_key={})
    store_targets(aws, demo.reference, demo.targets)
    parameters = {"Name": NAME, "Targets": demo.reference, **QUICK}
    stack = aws.deploy(BUILT_TEMPLATE, name="paged-canary", parameters=parameters)
    canary = DeployedCanary(aws=aws, name=NAME, stack=stack, demo=demo, secrets=marked_secrets)
    yield Paged(
        canary=canary, subscriber=SqsSubscriber.subscribe(aws, stack.outputs["PageTopicArn"], "pages", raw=False)
    )
    aws.delete(stack.name)


def _attributes(page: Page) -> dict[str, str]:
    return {name: each["Value"] for name, each in page["MessageAttributes"].items()}


def test_life_of_an_incident(paged: Paged) -> None:
    """One ill target, a second while the first is still ill, and their recovery: three pages, each with its targets."""
    since = paged.wait_until_healthy()
    paged.let_in("second", "third")
    first = paged.wait_for_page(since, "first")
    assert first["Subject"] == "ALARM paged: 1 of 3 targets fails: NotAuthorized (connack), first"
    assert first["Message"].startswith("1 of 3 targets cannot be connected to: first, NotAuthorized (connack), since")
    assert "clients cannot connect" not in first["Message"].lower()
    shown = first["Message"].partition("WHAT FAILS")[2].partition("LOOK AT")[0]
    assert "   reason      CONNACK 135 Not authorized\n   owner       IAM team\n" in shown
    assert "   client id   test-first-" in shown
    attributes = _attributes(first)
    assert (attributes["event"], attributes["failing"], attributes["targets"]) == ("opened", "1", "3")
    paged.let_in("third")
    second = paged.wait_for_page(since, "(more)")
    assert second["Subject"] == "ALARM (more) paged: 2 of 3 targets fail: NotAuthorized (connack), second, first"
    paged.let_in(*TARGETS)
    recovered = paged.wait_for_page(since, "OK paged: first", " again, after ")
    assert "It lasted" in recovered["Message"]
    told = [subject.partition(":")[0] for subject in paged.subjects(since)]
    assert told[:2] == ["ALARM paged", "ALARM (more) paged"]
    assert set(told[2:]) == {"OK paged"}


def test_canary_that_cannot_run(paged: Paged) -> None:
    """The page has the sentences of the settings' problems, and does not blame the endpoints."""
    since, canary = paged.wait_until_healthy(), paged.canary
    alarm = canary.alarm("CanaryErrorsAlarm")

    def is_in_alarm() -> bool:
        assert canary.aws.invoke(canary.function, {"only": ["nobody"]}).failed
        return canary.aws.alarm_states(alarm)[alarm] == "ALARM"

    eventually(is_in_alarm)
    page = paged.wait_for_page(since, "CANARY FAULT")
    assert page["Subject"].startswith("CANARY FAULT paged: cannot run as it is set")
    assert "nobody" in page["Message"]
    assert "cannot connect" not in page["Message"]
    assert paged.wait_for_page(since, "OK paged: the canary runs again without errors")


def test_muted_incident_is_told_afterwards(paged: Paged) -> None:
    """Nobody is told while a mute rule is active, and what still lasts then is told once."""
    since, cloudwatch = paged.wait_until_healthy(), paged.canary.aws.client("cloudwatch")
    alarm = paged.canary.alarm("TargetsFailingAlarm")
    schedule = {"Expression": f"at({datetime.now(UTC):%Y-%m-%dT%H:%M})", "Duration": "P1D"}
    rule = {"Name": "paged-maintenance", "Rule": {"Schedule": schedule}, "MuteTargets": {"AlarmNames": [alarm]}}
    cloudwatch.put_alarm_mute_rule(**rule)
    try:
        paged.let_in("second", "third")
        assert paged.canary.reaches(alarm, "ALARM")
        time.sleep(TICK_S)
        assert not [subject for subject in paged.subjects(since) if subject.startswith("ALARM")]
    finally:
        cloudwatch.delete_alarm_mute_rule(AlarmMuteRuleName=rule["Name"])
    paged.wait_for_page(since, "ALARM paged: 1 of 3 targets fails")
    time.sleep(TICK_S)
    assert len([subject for subject in paged.subjects(since) if subject.startswith("ALARM")]) == 1


def test_pager_that_may_read_nothing(paged: Paged) -> None:
    """Without the log and the history the page goes out, says what is missing, and has CloudWatch's words."""
    since = paged.wait_until_healthy()
    with paged.without_pagers_policies("read-logs", "read-alarms"):
        paged.let_in("second", "third")
        page = paged.wait_for_page(since, "Not known: what the canary's log says")
        assert page["Subject"] == "ALARM paged: connects fail, cause unknown: first"
        assert "Not known: the alarm's history" in page["Message"]
        assert "Threshold Crossed" in page["Message"]


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        ("raise ImportError('broken')", "requestPayload"),
        ("def lambda_handler(event, context):\n    raise ValueError('broken')\n", "requestPayload"),
    ],
    ids=["import", "handler"],
)
def test_broken_pager(paged: Paged, handler: str, words: str) -> None:
    """Whatever breaks in the pager, the raw alarm reaches people, and the alarm on the pager does."""
    since = len(paged.subscriber.read())
    alarm = {"AlarmName": f"{paged.canary.stack.name}-Any", "NewStateValue": "ALARM", "NewStateReason": "reached them"}
    with paged.with_pagers_code(handler):
        _send_alarm(paged, json.dumps(alarm))
        page = paged.wait_for_page(since, words, "reached them")
    assert alarm["AlarmName"] in page["Message"]
    # It lasts for more than an hour, so the error of another test may have told it before.
    assert paged.canary.reaches(paged.canary.alarm("NotificationsFailingAlarm"), "ALARM")
    assert paged.wait_for_page(0, "NotificationsFailingAlarm", '"NewStateValue": "ALARM"')


@pytest.mark.parametrize("text", ["not JSON", "{}", '{"AlarmName": "of-another-stack", "NewStateValue": "OK"}'])
def test_message_of_something_else(paged: Paged, text: str) -> None:
    """What else is sent to the alarms' topic, as other stacks' alarms, is passed on as it came."""
    since = len(paged.subscriber.read())
    _send_alarm(paged, text)
    page = paged.wait_for_page(since, "ALARM (raw)")
    assert text in page["Message"]


def _send_alarm(paged: Paged, text: str) -> None:
    topic = paged.canary.stack.resources["AlarmTopic"]
    paged.canary.aws.client("sns").publish(TopicArn=topic, Message=text)
