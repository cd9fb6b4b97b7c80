"""What `make run` tells of a local AWS that a test plays; the real one is told of in tests/local."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest

from infra.local.client.local_aws import AccessKey, Invocation
from infra.local.client.process import LocalAwsError
from infra.local.client.stacks import DeployedStack
from infra.local.demo import demo_targets
from infra.local.demo.demo import Demo
from infra.local.demo.run_log import FINISHED

FUNCTION, AUTHORIZER, GROUP = "the-function", "the-authorizer", "/the/group"
RESOURCES = {
    "CanaryFunction": ("AWS::Lambda::Function", FUNCTION),
    "CanaryRole": ("AWS::IAM::Role", "the-role"),
    "QuietAlarm": ("AWS::CloudWatch::Alarm", "quiet"),
    "LoudAlarm": ("AWS::CloudWatch::CompositeAlarm", "loud"),
}
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Calls:
    """A client that keeps every call, and answers what a test wants."""

    def __init__(self, kept: list[tuple[str, dict[str, Any]]], answers: Mapping[str, Any]) -> None:
        self._kept = kept
        self._answers = answers

    def __getattr__(self, operation: str) -> Any:
        """Return an operation that keeps its parameters."""

        def call(**parameters: Any) -> Any:
            self._kept.append((operation, parameters))
            answer = self._answers.get(operation)
            return answer() if callable(answer) else answer

        return call


class PlayedAws:
    """A local AWS whose function answers, and whose schedule runs, as a test wants."""

    def __init__(self, state: Path) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.deployed: list[tuple[Path, str, dict[str, str]]] = []
        self.invoked: list[tuple[str, Any]] = []
        self.slow_starts, self.runs_at_once = 0, 1
        self.asked_metrics: list[tuple[str, str, dict[str, str]]] = []
        self.unhealthy: set[str] = set()
        self.failed: set[str] = set()
        self.runs: list[list[dict[str, Any]]] = []
        self.messages: list[dict[str, str]] = []
        self.days_left: float | None = 42.4
        self.speed = 0.0
        self.error: Exception | None = None
        self.stopped = False
        self.iot_endpoint = "localhost:8883"
        self.operator = AccessKey(access_key_id="AKIA1", secret_access_key="s")
        self.server = SimpleNamespace(api_url="http://127.0.0.1:1", state=state)
        self.authority = state / "authority.pem"

    @contextmanager
    def start(self, *, speed: float) -> Iterator[Self]:
        """Be the local AWS for the time of the context."""
        self.speed = speed
        if self.error:
            raise self.error
        yield self
        self.stopped = True

    def deploy(self, template: Path, *, name: str, parameters: Mapping[str, str]) -> DeployedStack:
        """Keep what is deployed, and return a stack."""
        self.deployed.append((template, name, dict(parameters)))
        return DeployedStack(
            name=name,
            outputs={
                "UnsignedAuthorizerName": "an-unsigned",
                "SignedAuthorizerName": "a-signed",
                "PageTopicArn": "people",
            },
            resources={key: value for key, (_, value) in RESOURCES.items()} | {"AuthorizerFunction": AUTHORIZER},
            types={key: kind for key, (kind, _) in RESOURCES.items()},
        )

    def client(self, service: str) -> Any:
        """Return a client of a service."""
        if service == "logs":
            return SimpleNamespace(get_paginator=lambda _: SimpleNamespace(paginate=self._events))
        answers = {
            "create_access_key": {"AccessKey": {"AccessKeyId": "AKIA2", "SecretAccessKey": "t"}},
            "create_queue": {"QueueUrl": "queue"},
            "get_queue_attributes": {"Attributes": {"QueueArn": "arn-of-queue"}},
            "receive_message": lambda: {"Messages": [self.messages.pop(0)] if self.messages else []},
        }
        return Calls(self.calls, answers)

    def _events(self, **_: Any) -> list[dict[str, Any]]:
        return [page for _ in range(self.runs_at_once) for page in self._next_run()]

    def _next_run(self) -> list[dict[str, Any]]:
        records = self.runs.pop(0) if self.runs else []
        messages = [json.dumps(record) for record in records] + (["END RequestId: 1"] if records else [])
        stream = str(len(self.runs))
        return [{"events": [{"logStreamName": stream, "message": text, "timestamp": 0} for text in messages]}]

    def log_group(self, function: str) -> str:
        """Return the function's log group."""
        assert function == FUNCTION
        return GROUP

    def invoke(self, function: str, event: Mapping[str, Any]) -> Invocation:
        """Answer as the canary does."""
        self.invoked.append((function, event))
        if function == AUTHORIZER:
            return Invocation(payload={"errorMessage": "timed out"}, failed=self.slow_starts >= len(self.invoked))
        (name,) = event["only"]
        if name in self.failed:
            return Invocation(payload={"errorMessage": "it broke"}, failed=True)
        return Invocation(payload={"targets": [outcome(name, healthy=name not in self.unhealthy)]}, failed=False)

    def metric_points(self, namespace: str, metric: str, dimensions: dict[str, str]) -> list[dict[str, Any]]:
        """Return two datapoints, none for the last target's latency."""
        self.asked_metrics.append((namespace, metric, dimensions))
        if metric == "CertificateDaysLeft":
            return [{"Minimum": 43.0}, {"Minimum": self.days_left}] if self.days_left is not None else []
        if dimensions["Target"] == "signed" and metric != "ConnectSuccess":
            return []
        return [{"SampleCount": 2, "Sum": 1, "Average": 7}, {"SampleCount": 1, "Sum": 0, "Average": 41.4}]

    def alarms(self) -> dict[str, dict[str, Any]]:
        """Return one alarm that is OK and one that is not."""
        told = {"StateUpdatedTimestamp": NOON, "StateReason": "3 of 5 were bad."}
        return {"quiet": {**told, "StateValue": "OK"}, "loud": {**told, "StateValue": "ALARM"}}


def outcome(name: str, *, healthy: bool = True) -> dict[str, Any]:
    """Return an outcome, which is also the record of one."""
    known = {"target": name, "auth_mode": "sigv4", "healthy": healthy, "connect_ms": 40.0, "phases_ms": {"tls": 40.0}}
    return {**known, "message": FINISHED, "failure": "NotAuthorized", "phase": "connack"}


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PlayedAws:
    """The local AWS that the demo starts; pauses take no time."""
    played = PlayedAws(tmp_path)
    monkeypatch.setattr("infra.local.demo.demo.LocalAws", played)
    set_clock(monkeypatch, monotonic=time.monotonic)
    return played


def set_clock(monkeypatch: pytest.MonkeyPatch, *, monotonic: Callable[[], float]) -> None:
    """Let the demo see another clock, on which pauses take no time."""
    clock = SimpleNamespace(monotonic=monotonic, sleep=lambda _: None)
    monkeypatch.setattr("infra.local.demo.demo.time", clock)


def demo(runs: int | None = 1, speed: float = 12.0, template: str = "template.yaml") -> Demo:
    """Return a demo of a number of runs."""
    return Demo(template=Path(template), runs=runs, speed=speed, stopped=lambda: False)


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the lines on standard output."""
    return capsys.readouterr().out.splitlines()


def test_healthy_demo(aws: PlayedAws, capsys: pytest.CaptureFixture[str]) -> None:
    """Each mode is invoked once, then scheduled runs are told, then metrics and alarms; the exit code is 0."""
    aws.runs = [[outcome("own invocation", healthy=False)], [], [outcome("role")]]
    told = demo()
    assert told.run() == 0
    assert (told.scheduled, told.verdicts) == (1, [True] * 5)
    assert aws.stopped
    assert aws.speed == 12.0
    modes = [(FUNCTION, {"only": [name]}) for name in ("role", "static", "unsigned", "signed")]
    assert aws.invoked == [(AUTHORIZER, {}), *modes]
    lines = lines_of(capsys)
    assert lines[:2] == [
        "Starting a local AWS on loopback ...",
        "Deploying a sample custom authorizer and the canary ...",
    ]
    assert lines[2].startswith("Ready after 0.")
    assert lines[2].endswith("IoT endpoint: localhost:8883")
    assert sum("healthy: 40 ms" in line for line in lines) == 4
    assert "The schedule takes over: all targets every 5 s, until 1 scheduled run(s)." in lines
    assert sum(" run 1 healthy: role 40 ms" in line for line in lines) == 1
    assert lines[-1] == "Everything is stopped and removed."


def test_tables(aws: PlayedAws, capsys: pytest.CaptureFixture[str]) -> None:
    """A run is followed by a row for each target and each alarm, and by why an alarm is not OK."""
    aws.runs = [[], [outcome(name) for name in ("unsigned", "signed", "role", "static")]]
    demo().run()
    lines = lines_of(capsys)
    start = next(place for place, line in enumerate(lines) if " run 1 " in line)
    reason = f"LoudAlarm is ALARM since {NOON.astimezone():%H:%M:%S}: 3 of 5 were bad."
    assert [line.split() for line in lines[start + 1 :]] == [
        [],
        ["target", "runs", "ConnectSuccess", "last", "ConnectLatency"],
        ["-" * len(word) for word in ("unsigned", "runs", "ConnectSuccess", "last ConnectLatency")],
        ["role", "3", "1", "41", "ms"],
        ["signed", "3", "1", "-"],
        *([name, "3", "1", "41", "ms"] for name in ("static", "unsigned")),
        [],
        ["CertificateDaysLeft", "of", "all", "targets,", "minimum:", "42"],
        [],
        ["alarm", "state"],
        ["----------", "-----"],
        ["QuietAlarm", "OK"],
        ["LoudAlarm", "ALARM"],
        [],
        reason.split(),
        [],
        ["Everything", "is", "stopped", "and", "removed."],
    ]
    assert {(space, name, *dimensions) for space, name, dimensions in aws.asked_metrics} == {
        ("IoTConnectCanary", "ConnectSuccess", "Canary", "Target"),
        ("IoTConnectCanary", "ConnectLatency", "Canary", "Target"),
        ("IoTConnectCanary", "CertificateDaysLeft", "Canary"),
    }
    assert {dimensions["Canary"] for *_, dimensions in aws.asked_metrics} == {"local"}


def test_tables_without_a_certificate(aws: PlayedAws, capsys: pytest.CaptureFixture[str]) -> None:
    """As long as no server has shown one, nothing is said about it."""
    aws.runs, aws.days_left = [[], [outcome("role")]], None
    demo().run()
    assert "CertificateDaysLeft" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("unhealthy", "failed", "run", "expected"),
    [
        ("static", "", outcome("role"), [True, False, True, True, True]),
        ("", "role", outcome("role"), [False, True, True, True, True]),
        ("", "", outcome("role", healthy=False), [True, True, True, True, False]),
    ],
)
def test_demo_that_is_not_healthy(
    aws: PlayedAws, unhealthy: str, failed: str, run: dict[str, Any], expected: list[bool]
) -> None:
    """One unhealthy mode, a function that fails or an unhealthy run makes the exit code 1."""
    aws.unhealthy, aws.failed, aws.runs = {unhealthy}, {failed}, [[], [run]]
    told = demo()
    assert told.run() == 1
    assert told.verdicts == expected


def test_failures_are_shown(aws: PlayedAws, capsys: pytest.CaptureFixture[str]) -> None:
    """A mode that is unhealthy and a function that fails have lines of their own."""
    aws.unhealthy, aws.failed, aws.runs = {"static"}, {"role"}, [[], [outcome("role")]]
    demo().run()
    lines = lines_of(capsys)
    assert "  role      failed: it broke" in lines
    assert "  static   sigv4           UNHEALTHY: NotAuthorized in connack" in lines


def test_nothing_seen_is_not_healthy() -> None:
    """A demo that saw nothing has nothing to vouch for."""
    assert demo().exit_code == 1


def test_demo_until_it_is_stopped(aws: PlayedAws, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a number of runs it goes on until it is stopped."""
    aws.runs = [[], [outcome("role")], [outcome("role")], []]
    told = Demo(template=Path("t"), runs=None, speed=1.0, stopped=lambda: not aws.runs)
    assert told.run() == 0
    assert told.scheduled == 2
    assert "The schedule takes over: all targets every 60 s, until Ctrl-C." in lines_of(capsys)


def test_two_runs(aws: PlayedAws) -> None:
    """It ends after the number of runs that were asked for."""
    aws.runs = [[], [outcome("role")], [outcome("role")], [outcome("role")]]
    told = demo(runs=2)
    told.run()
    assert (told.scheduled, len(aws.runs)) == (2, 1)


def test_runs_at_once(aws: PlayedAws, capsys: pytest.CaptureFixture[str]) -> None:
    """Of runs that are read at the same time, as on a busy machine, each is told with its own number."""
    aws.runs, aws.runs_at_once = [[], [], [outcome("role")], [outcome("role")]], 2
    demo(runs=1).run()
    told = [line.split(" run ")[1][:9] for line in lines_of(capsys) if " run " in line and "healthy: role" in line]
    assert told == ["1 healthy", "2 healthy"]


@pytest.mark.parametrize(("speed", "seconds"), [(12.0, 77), (1.0, 902)])
def test_schedule_that_does_not_fire(
    aws: PlayedAws,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    speed: float,
    seconds: int,
) -> None:
    """For a number of runs, fifteen minutes of its clock without one are a problem, and the exit code is 1."""
    passed = [0.0]

    def monotonic() -> float:
        passed[0] += 0.5
        return passed[0]

    set_clock(monkeypatch, monotonic=monotonic)
    aws.runs = [[], [outcome("role")]]
    assert demo(runs=2, speed=speed).run() == 1
    said = capsys.readouterr().err.split()
    assert said == f"make run cannot go on: The schedule has not fired for {seconds} s.".split()
    assert seconds < passed[0] < seconds + 6


def test_silence_without_a_number_of_runs(aws: PlayedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until Ctrl-C it goes on through hours of silence, so that the alarm on silence is seen to ring."""
    passed = [0.0]

    def monotonic() -> float:
        passed[0] += 60.0
        return passed[0]

    set_clock(monkeypatch, monotonic=monotonic)
    aws.runs = [[], [outcome("role")]]
    told = Demo(template=Path("t"), runs=None, speed=1.0, stopped=lambda: passed[0] > 4 * 3600)
    assert told.run() == 0
    assert told.scheduled == 1


def test_pages_are_told(aws: PlayedAws, capsys: pytest.CaptureFixture[str]) -> None:
    """What people are told is shown as they read it, and taken from the queue."""
    body = {"Subject": "ALARM local: role fails", "Message": "1 of 5 targets\n\nWHAT TO DO"}
    aws.messages = [{"Body": json.dumps(body), "ReceiptHandle": "handle"}]
    aws.runs = [[], [outcome("role")]]
    demo().run()
    lines = lines_of(capsys)
    start = next(place for place, line in enumerate(lines) if line.endswith("people are told: ALARM local: role fails"))
    assert lines[start + 1 : start + 5] == ["  | 1 of 5 targets", "  |", "  | WHAT TO DO", ""]
    assert ("delete_message", {"QueueUrl": "queue", "ReceiptHandle": "handle"}) in aws.calls
    subscribed = dict(aws.calls)["subscribe"]
    assert subscribed == {
        "TopicArn": "people",
        "Protocol": "sqs",
        "Endpoint": "arn-of-queue",
        "Attributes": {"RawMessageDelivery": "false"},
    }


def test_demo_that_cannot_go_on(aws: PlayedAws, capsys: pytest.CaptureFixture[str]) -> None:
    """A problem is a sentence on lines that fit, and the exit code is 1."""
    aws.error = LocalAwsError("word " * 30)
    assert demo().run() == 1
    captured = capsys.readouterr()
    assert "Everything is stopped" not in captured.out
    assert captured.err.startswith("make run cannot go on: word word")
    assert all(len(line) <= 80 for line in captured.err.splitlines())
    assert len(captured.err.splitlines()) > 1


@pytest.mark.parametrize("payload", [None, {}, {"targets": []}])
def test_function_that_is_no_canary(
    aws: PlayedAws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, payload: object
) -> None:
    """A function that answers otherwise is a sentence."""
    monkeypatch.setattr(aws, "invoke", lambda *_: Invocation(payload=payload, failed=False))
    assert demo().run() == 1
    assert "response is not a canary's." in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("machine", "architecture"), [("x86_64", "x86_64"), ("aarch64", "arm64"), ("arm64", "arm64"), ("AMD64", "x86_64")]
)
def test_canary_is_deployed(aws: PlayedAws, monkeypatch: pytest.MonkeyPatch, machine: str, architecture: str) -> None:
    """The canary is deployed with its targets, for this machine; its names are written for another terminal."""
    monkeypatch.setattr("platform.machine", lambda: machine)
    aws.runs = [[], [outcome("role")]]
    demo(template="built.yaml").run()
    template, name, parameters = aws.deployed[-1]
    assert (template, name) == (Path("built.yaml"), "iot-connect-canary")
    assert parameters == {
        "Name": "local",
        "Targets": "ssm:/iot-connect-canary/local/targets",
        "Architecture": architecture,
        "SettleMinutes": "1.25",
        "RemindEveryMinutes": "20",
    }
    told = (aws.server.state / "operator.sh").read_text()
    assert f"export FUNCTION={FUNCTION}\n" in told
    assert "export ROLE=the-role\n" in told


def test_path_for_another_terminal(aws: PlayedAws, capsys: pytest.CaptureFixture[str]) -> None:
    """It is told how to look in, on a line of its own."""
    aws.runs = [[], [outcome("role")]]
    demo().run()
    assert f"  . {aws.server.state}/operator.sh" in lines_of(capsys)


@pytest.mark.parametrize(("slow_starts", "invocations"), [(0, 1), (2, 3), (9, 3)])
def test_authorizer_has_started(aws: PlayedAws, slow_starts: int, invocations: int) -> None:
    """The authorizer is invoked beforehand, again where its start took longer than it may, and not for ever."""
    aws.slow_starts = slow_starts
    demo_targets.set_up(aws, "c")  # type: ignore[arg-type]
    assert aws.invoked == [(AUTHORIZER, {})] * invocations


def test_targets_are_set_up(aws: PlayedAws) -> None:
    """The authorizer knows digests only, the secrets lie in the canary's place, and the targets refer to them."""
    made = demo_targets.DemoSecrets(password=b"\0\xff", token="token")
    shown = demo_targets.set_up(aws, "c", made)  # type: ignore[arg-type]
    ((template, name, parameters),) = aws.deployed
    assert (template.parts[-3:], name) == (("infra", "authorizer", "template.yaml"), "sample-authorizer")
    assert template.is_file()
    assert parameters == {
        "Username": "canary",
        "PasswordSha256": hashlib.sha256(b"\0\xff").hexdigest(),
        "TokenSha256": hashlib.sha256(b"token").hexdigest(),
        "TokenKeyName": "CanaryToken",
        "TokenSigningPublicKey": made.signing_key.public,
    }
    assert shown.reference == "ssm:/iot-connect-canary/c/targets"
    assert shown.static_key == {"access_key_id": "AKIA2", "secret_access_key": "t"}
    calls = dict(aws.calls)
    assert calls["create_user"] == {"UserName": "c-static"}
    assert json.loads(calls["put_user_policy"].pop("PolicyDocument")) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "iot:Connect",
                "Resource": "arn:aws:iot:eu-west-1:123456789012:client/test-*",
            }
        ],
    }
    secrets = {given["Name"]: json.loads(given["SecretString"]) for name, given in aws.calls if name == "create_secret"}
    assert secrets == {
        "iot-connect-canary/c/static": shown.static_key,
        "iot-connect-canary/c/authorizer": {
            "password": "base64:" + base64.b64encode(b"\0\xff").decode(),
            "token": "token",
            "signing_key": made.signing_key.private,
        },
    }
    document = json.loads(calls["put_parameter"].pop("Value"))
    assert calls["put_parameter"] == {"Name": "/iot-connect-canary/c/targets", "Type": "String", "Overwrite": True}
    assert document == {"targets": TARGETS} == {"targets": list(shown.targets)}


OF_STATIC, OF_AUTHORIZER = (f"secretsmanager:iot-connect-canary/c/{name}" for name in ("static", "authorizer"))
TARGETS = [
    {"name": "role", "auth_mode": "sigv4"},
    {
        "name": "static",
        "auth_mode": "sigv4-static",
        "access_key_id": f"{OF_STATIC}#access_key_id",
        "secret_access_key": f"{OF_STATIC}#secret_access_key",
    },
    {
        "name": "unsigned",
        "auth_mode": "custom-unsigned",
        "authorizer_name": "an-unsigned",
        "authorizer_username": "canary",
        "authorizer_password": f"{OF_AUTHORIZER}#password",
    },
    {
        "name": "signed",
        "auth_mode": "custom-signed",
        "authorizer_name": "a-signed",
        "authorizer_token_key_name": "CanaryToken",
        "authorizer_token_value": f"{OF_AUTHORIZER}#token",
        "authorizer_signing_key": f"{OF_AUTHORIZER}#signing_key",
    },
]


def test_credentials_are_new_each_time() -> None:
    """Passwords, tokens and keys are long, made anew, and out of every repr."""
    first, second = demo_targets.DemoSecrets(), demo_targets.DemoSecrets()
    assert {len(made.password) for made in (first, second)} == {24}
    assert {len(made.token) for made in (first, second)} == {32}
    assert first.password != second.password
    assert first.token != second.token
    assert first.signing_key.public != second.signing_key.public
    assert first.signing_key.private.startswith("-----BEGIN RSA PRIVATE KEY-----")
    assert first.signing_key.public.startswith("-----BEGIN PUBLIC KEY-----")
    assert not any(secret in repr(first) for secret in (repr(first.password), first.token, first.signing_key.private))
    assert "PRIVATE" not in repr(first)
