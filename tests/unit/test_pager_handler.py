"""The pager's handler with the real SDK before services that refuse: what is told, how often, and what is raised."""

import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import pytest
from botocore.exceptions import ClientError

from pager.failed_tick import is_told_at
from pager.handler import lambda_handler

HOUR = 3600.0
START = 1_795_518_000.0
_PUBLISHED = (
    b'<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>1</MessageId>'
    b"</PublishResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></PublishResponse>"
)
ENVIRONMENT = {
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "none",
    "PAGER_CANARY": "fleet",
    "PAGER_STACK": "fleet-stack",
    "PAGER_PARTITION": "aws",
    "PAGER_CANARY_LOG_GROUP": "/aws/lambda/fleet-stack",
    "PAGER_LOG_GROUP": "/aws/lambda/fleet-stack-pager",
    "PAGER_TOPIC": "arn:aws:sns:eu-west-1:123456789012:pages",
    "PAGER_ALARMS": "fleet-stack-CanaryErrorsAlarm-1A2B",
    "PAGER_DASHBOARD": "",
    "PAGER_RUNBOOK_URL": "https://wiki.example/runbook",
    "PAGER_PAGE_WEBHOOK_URL": "",
    "PAGER_PERIOD_SECONDS": "60",
    "PAGER_SETTLE_MINUTES": "15",
    "PAGER_REMIND_EVERY_MINUTES": "240",
    "PAGER_COLLECT_SECONDS": "0",
}


@dataclass
class Refusing:
    """AWS that refuses everything, but for SNS while `publishes` is true; what was published is kept."""

    publishes: bool = True
    pages: list[dict[str, str]] = field(default_factory=list)

    def answer(self, body: str) -> tuple[int, bytes]:
        """Return status and body of a response."""
        values = {name: texts[0] for name, texts in parse_qs(body).items()}
        if self.publishes and values.get("Action") == "Publish":
            self.pages.append(values)
            return 200, _PUBLISHED
        return 403, b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, list[Refusing]]]:
    """The services on loopback, and the one whose rules hold now; the handler keeps its clients."""
    now = [Refusing()]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, body = now[0].answer(self.rfile.read(int(self.headers["Content-Length"])).decode("latin-1"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            return

    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.server_port}", now
    listening.shutdown()
    listening.server_close()
    thread.join()


@pytest.fixture
def aws(server: tuple[str, list[Refusing]], monkeypatch: pytest.MonkeyPatch) -> Refusing:
    """Services that refuse, and an environment that leads there."""
    address, now = server
    now[0] = Refusing()
    for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": address}.items():
        monkeypatch.setenv(name, value)
    return now[0]


def _ticks(monkeypatch: pytest.MonkeyPatch, *, first: float, count: int) -> None:
    for number in range(count):
        monkeypatch.setattr("time.time", lambda number=number: first + 300 * number)
        lambda_handler({"tick": True}, None)


@pytest.mark.parametrize("phase_s", [0, 100, 299])
def test_failing_ticks_are_told_once_an_hour(aws: Refusing, monkeypatch: pytest.MonkeyPatch, phase_s: float) -> None:
    """Of the twelve ticks of each hour one tells that they fail, in words, and none raises."""
    _ticks(monkeypatch, first=START + phase_s, count=24)
    assert [page["Subject"] for page in aws.pages] == ["WARNING fleet: the pager tells no recoveries and reminders"] * 2
    text = aws.pages[0]["Message"]
    assert "AccessDenied" in text or "403" in text
    assert "https://wiki.example/runbook#notificationsfailingalarm" in text


def test_failing_tick_that_cannot_be_told(aws: Refusing, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where not even that can be published, one tick an hour raises, which is what its alarm counts."""
    aws.publishes = False
    monkeypatch.setattr("time.time", lambda: START + 301)
    lambda_handler({"tick": True}, None)
    monkeypatch.setattr("time.time", lambda: START + 3600)
    with pytest.raises(ClientError):
        lambda_handler({"tick": True}, None)


def test_what_fails_is_logged(
    aws: Refusing, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each failure is a record of an error, by which it can be found; a message is passed on as it came."""
    lambda_handler({"Records": [{"Sns": {"Message": _alarm()}}]}, None)
    monkeypatch.setattr("time.time", lambda: START + 301)
    lambda_handler({"tick": True}, None)
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    failures = {record["message"]: record for record in records if record.get("level") == "ERROR"}
    assert failures.keys() == {"tick failed"}
    assert failures["tick failed"]["error"].startswith("ClientError: An error occurred (")
    (page,) = aws.pages
    assert page["Subject"].startswith("CANARY FAULT fleet: ")


def test_alarm_is_passed_on_as_it_came(
    aws: Refusing, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the page cannot be written, people get what CloudWatch said, and why."""

    def broken(*_arguments: object) -> None:
        raise KeyError("Target")

    monkeypatch.setattr("pager.service.compose", broken)
    lambda_handler({"Records": [{"Sns": {"Message": _alarm()}}]}, None)
    (page,) = aws.pages
    assert page["Subject"] == "ALARM (raw): the pager could not write this page"
    assert "the pager failed with KeyError('Target')" in page["Message"]
    assert "Threshold Crossed" in page["Message"]
    failed = [line for line in capsys.readouterr().out.splitlines() if "passed on" in line]
    expected = {"message": "alarm passed on as it came", "level": "ERROR", "error": "KeyError('Target')"}
    assert [json.loads(line) for line in failed] == [expected]


def _alarm() -> str:
    name = ENVIRONMENT["PAGER_ALARMS"]
    return json.dumps({"AlarmName": name, "NewStateValue": "ALARM", "NewStateReason": "Threshold Crossed"})


def test_message_that_cannot_be_told(aws: Refusing) -> None:
    """A pager that may not publish raises at once, whatever the time, so that Lambda counts an error."""
    aws.publishes = False
    with pytest.raises(ClientError):
        lambda_handler({"Records": [{"Sns": {"Message": "an alarm"}}]}, None)


def test_every_hour_has_one_tick_that_tells() -> None:
    """Wherever the ticks begin, one of twelve is told."""
    for phase in range(0, 300, 7):
        told = [is_told_at(START + phase + 300 * number) for number in range(48)]
        assert sum(told) == 4
        assert all(sum(told[first : first + 12]) == 1 for first in range(36))
