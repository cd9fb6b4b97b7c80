"""What the local AWS puts around MiniStack's services; MiniStack itself is a stand-in here and real in tests/local."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Any

import pytest

from infra.local.demo.demo_targets import SigningKey
from infra.local.server import (
    cloudformation_types,
    describe_endpoint,
    lambda_metrics,
    ministack_patches,
    schedule_speed,
    service_calls,
)
from infra.local.server.authorizers import Authorizers
from infra.local.server.mute_rule_api import MuteRules
from infra.local.server.running_executions import MAX_RUNNING, RunningExecutions
from tests.unit.stand_in_ministack import PutInPlace, Requests, stand_in

__all__ = ["stand_in"]

JSON = {"content-type": "application/x-amz-json-1.0"}


def asked_of_cloudwatch(requests: Requests) -> list[tuple[str, Any]]:
    """Return the operations that CloudWatch was asked for, with their requests."""
    found = []
    for method, path, headers, body, query in requests.asked:
        assert (method, path, query) == ("POST", "/", {})
        assert isinstance(headers, dict)
        assert isinstance(body, bytes)
        target = headers.pop("x-amz-target")
        assert headers == JSON
        service, _, operation = target.partition(".")
        assert service == "GraniteServiceVersion20100801"
        found.append((operation, json.loads(body)))
    return found


@pytest.mark.parametrize(
    ("speed", "tick", "minute"), [(1.0, 1.0, 60), (12.0, 1 / 12, 5.0), (0.5, 2.0, 120.0), (20, 0.05, 3.0)]
)
def test_schedules_at_a_speed(stand_in: PutInPlace, speed: float, tick: float, minute: float) -> None:
    """A schedule is looked at every second and fires every minute, both of a clock of this speed."""
    known = {"rate(1 minute)": 60}
    stand_in(ministack_patches.SCHEDULE_TICK, 30)
    stand_in(ministack_patches.RETRY_SECONDS, 1)
    stand_in(ministack_patches.RETRY_MAX_SECONDS, 30)
    stand_in(ministack_patches.RATE_SECONDS, known.get)
    schedule_speed.set_speed(speed)
    assert ministack_patches.SCHEDULE_TICK.original() == pytest.approx(tick)
    assert ministack_patches.RETRY_SECONDS.original() == pytest.approx(minute)
    assert ministack_patches.RETRY_MAX_SECONDS.original() == pytest.approx(5 * minute)
    assert ministack_patches.RATE_SECONDS.original()("rate(1 minute)") == pytest.approx(minute)
    assert ministack_patches.RATE_SECONDS.original()("cron(* * * * ? *)") is None


def test_schedule_of_a_rate_begins_at_once(stand_in: PutInPlace) -> None:
    """Its first run is due when it is made, though MiniStack says that it just ran; a cron's is not."""
    schedules = {"rate": {"ScheduleExpression": "rate(1 minute)"}, "cron": {"ScheduleExpression": "cron(0 0 * * ? *)"}}
    stand_in(ministack_patches.SCHEDULES, type("Stored", (), {"_data": schedules}))
    stand_in(ministack_patches.LAST_FIRED, {})
    schedule_speed.start_at_once()
    fired = ministack_patches.LAST_FIRED.original()
    for key in (*schedules, "unknown"):
        fired[key] = 100.0
    assert fired == {"rate": 0.0, "cron": 100.0, "unknown": 100.0}
    fired["rate"] = 160.0
    assert fired["rate"] == 160.0


@pytest.mark.parametrize(
    ("request_line", "status", "query", "is_answered"),
    [
        ("GET /endpoint", 200, {}, True),
        ("GET /endpoint", 200, {"endpointType": ["iot:Data-ATS"]}, True),
        ("GET /endpoint", 200, {"endpointType": ["iot:Jobs"]}, False),
        ("POST /endpoint", 200, {}, False),
        ("GET /endpoints", 200, {}, False),
        ("GET /endpoint", 403, {}, False),
    ],
)
async def test_described_endpoint(
    stand_in: PutInPlace, request_line: str, status: int, query: dict[str, list[str]], *, is_answered: bool
) -> None:
    """Only the data endpoint's address is replaced, where MiniStack answers it; all else is MiniStack's."""
    requests = Requests(status, b'{"endpointAddress": "its own"}')
    stand_in(ministack_patches.IOT_REQUESTS, requests)
    describe_endpoint.override_describe_endpoint("localhost:8883")
    asked = (*request_line.split(), {"h": "1"}, b"body", query)
    code, headers, body = await ministack_patches.IOT_REQUESTS.original()(*asked)
    assert (code, headers, requests.asked) == (status, {"x": "original"}, [asked])
    assert json.loads(body) == {"endpointAddress": "localhost:8883" if is_answered else "its own"}


def test_cloudwatch_is_asked(stand_in: PutInPlace) -> None:
    """An operation and its request are sent as CloudWatch's JSON protocol wants, and the answer is read."""
    requests = Requests(body=b'{"Alarms": [1]}')
    stand_in(ministack_patches.CLOUDWATCH_REQUESTS, requests)
    assert service_calls.cloudwatch("DescribeAlarms", {"A": 1}) == {"Alarms": [1]}
    assert asked_of_cloudwatch(requests) == [("DescribeAlarms", {"A": 1})]
    requests.body = b""
    assert service_calls.cloudwatch("PutMetricData", {}) == {}


def test_cloudwatch_refuses(stand_in: PutInPlace) -> None:
    """A refusal is an error that holds the answer, whatever bytes it has."""
    stand_in(ministack_patches.CLOUDWATCH_REQUESTS, Requests(400, b"bad \xff"))
    with pytest.raises(ValueError, match=r"^DescribeAlarms failed: bad �$"):
        service_calls.cloudwatch("DescribeAlarms", {})


@pytest.mark.parametrize("status", [200, 404])
def test_topic_is_looked_up(stand_in: PutInPlace, status: int) -> None:
    """By a request for its attributes, as SNS's query protocol has it."""
    requests = Requests(status)
    stand_in(ministack_patches.SNS_REQUESTS, requests)
    assert service_calls.topic_exists("arn:aws:sns:r:1:t") is (status == 200)
    form = b"Action=GetTopicAttributes&TopicArn=arn%3Aaws%3Asns%3Ar%3A1%3At"
    assert requests.asked == [("POST", "/", {"content-type": "application/x-www-form-urlencoded"}, form, {})]


def test_handler_that_waits(stand_in: PutInPlace) -> None:
    """A handler that would wait is ended, and says so, because nothing may wait here."""
    ended = []

    async def waits(*_: object) -> None:
        try:
            await asyncio.sleep(0)
        finally:
            ended.append(1)

    stand_in(ministack_patches.LAMBDA_REQUESTS, waits)
    with pytest.raises(RuntimeError, match=r"^ministack\.services\.lambda_svc suspends in GET /p\.$"):
        service_calls.call_synchronously(ministack_patches.LAMBDA_REQUESTS, "GET", "/p", {}, b"")
    assert ended == [1]


def emf(namespace: str, value: int) -> str:
    """Return a log line in Embedded Metric Format."""
    directive = {"Namespace": namespace, "Dimensions": [[]], "Metrics": [{"Name": "M"}]}
    return json.dumps({"_aws": {"Timestamp": 1_000, "CloudWatchMetrics": [directive]}, "M": value})


@pytest.fixture
def executions(stand_in: PutInPlace) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]], Requests]:
    """What MiniStack's log writer is called with, which metrics are recorded, and what CloudWatch is asked."""
    logged: list[tuple[object, ...]] = []
    recorded: list[tuple[object, ...]] = []
    requests = Requests()
    stand_in(ministack_patches.LAMBDA_LOGS, lambda *given, **options: logged.append((*given, options)))
    stand_in(ministack_patches.LAMBDA_METRICS, None)
    stand_in(ministack_patches.RECORD_METRIC, lambda *given: recorded.append(given))
    stand_in(ministack_patches.CLOUDWATCH_REQUESTS, requests)
    lambda_metrics.install_execution_metrics(RunningExecutions())
    return logged, recorded, requests


Executions = tuple[list[tuple[object, ...]], list[tuple[object, ...]], Requests]


@pytest.mark.parametrize("failed", [True, False])
@pytest.mark.parametrize("function", [{"config": {"FunctionName": "f"}}, {"FunctionName": "f"}])
def test_execution_is_counted(executions: Executions, function: dict[str, Any], *, failed: bool) -> None:
    """Each execution is an invocation, an error or none, no throttle and a duration; its log is still written."""
    logged, recorded, requests = executions
    ministack_patches.LAMBDA_LOGS.original()(function, "id", "START\nEND", failed, 12.5, extra=1)
    assert logged == [(function, "id", "START\nEND", failed, 12.5, {"extra": 1})]
    dimensions = {"FunctionName": "f"}
    assert recorded == [
        ("AWS/Lambda", "Invocations", 1, "Count", dimensions),
        ("AWS/Lambda", "Errors", int(failed), "Count", dimensions),
        ("AWS/Lambda", "Throttles", 0, "Count", dimensions),
        ("AWS/Lambda", "Duration", 12.5, "Milliseconds", dimensions),
    ]
    assert requests.asked == []


@pytest.mark.parametrize(
    ("logging_config", "existing", "is_written"),
    [
        (None, [], True),
        ({}, [], True),
        ({"LogGroup": "/aws/lambda/f"}, [], True),
        ({"LogGroup": "named"}, ["named"], True),
        ({"LogGroup": "named"}, ["/aws/lambda/f"], False),
    ],
)
def test_log_of_a_deleted_group_is_lost(
    stand_in: PutInPlace, executions: Executions, logging_config: object, existing: list[str], *, is_written: bool
) -> None:
    """Lambda makes a function's default log group; what it cannot write is counted, and no metric is read from it."""
    logged, recorded, requests = executions
    stand_in(ministack_patches.LOG_GROUPS, {name: {} for name in existing})
    function = {"config": {"FunctionName": "f", "LoggingConfig": logging_config}}
    ministack_patches.LAMBDA_LOGS.original()(function, "id", emf("A", 1), None, 1.0)
    assert (len(recorded), len(logged), len(requests.asked)) == (4, is_written, is_written)


def test_embedded_metrics_are_put(executions: Executions) -> None:
    """The metrics of the log's lines are put, one request for each namespace."""
    *_, requests = executions
    log = "\n".join(["START", emf("A", 1), emf("B", 2), emf("A", 3), "END"])
    ministack_patches.LAMBDA_LOGS.original()({"FunctionName": "f"}, "id", log, None, 1.0)
    put = [
        (name, request["Namespace"], [d["Values"] for d in request["MetricData"]])
        for name, request in asked_of_cloudwatch(requests)
    ]
    assert put == [("PutMetricData", "A", [[1.0], [3.0]]), ("PutMetricData", "B", [[2.0]])]


def test_embedded_metrics_are_refused(executions: Executions, caplog: pytest.LogCaptureFixture) -> None:
    """Metrics that CloudWatch refuses are lost with a word in the log; those of other namespaces are put."""
    *_, requests = executions
    requests.status = 400
    with caplog.at_level(logging.ERROR):
        log = "\n".join([emf("A", 1), emf("B", 2)])
        ministack_patches.LAMBDA_LOGS.original()({"FunctionName": "f"}, "id", log, None, 1.0)
    assert len(requests.asked) == 2
    assert ["of A" in record.getMessage() for record in caplog.records] == [True, False]


@pytest.mark.parametrize(("measured", "throttles"), [({"throttle": 1}, 1), ({"throttle": 0}, 0), ({}, 0)])
def test_throttles_are_counted(executions: Executions, measured: dict[str, int], throttles: int) -> None:
    """Of MiniStack's own counts only the throttles are kept."""
    _, recorded, _ = executions
    ministack_patches.LAMBDA_METRICS.original()("f", **measured)
    assert recorded == [("AWS/Lambda", "Throttles", 1, "Count", {"FunctionName": "f"})] * throttles


def test_schedule_invokes_as_an_event(stand_in: PutInPlace) -> None:
    """A schedule's function is invoked asynchronously, by its ARN, with the schedule's input."""
    requests = Requests(202)
    stand_in(ministack_patches.LAMBDA_REQUESTS, requests)
    stand_in(ministack_patches.DISPATCH_TO_LAMBDA, None)
    lambda_metrics.install_asynchronous_schedules(RunningExecutions())
    ministack_patches.DISPATCH_TO_LAMBDA.original()("arn:aws:lambda:r:1:function:f/g", '{"only": []}')
    path = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Ar%3A1%3Afunction%3Af%2Fg/invocations"
    assert requests.asked == [("POST", path, {"x-amz-invocation-type": "Event"}, b'{"only": []}', {})]


def test_schedule_waits_for_what_it_started(stand_in: PutInPlace) -> None:
    """No more than three executions of a schedule are started before one has ended; another function goes on."""
    requests = Requests(202)
    stand_in(ministack_patches.LAMBDA_REQUESTS, requests)
    stand_in(ministack_patches.DISPATCH_TO_LAMBDA, None)
    running = RunningExecutions()
    lambda_metrics.install_asynchronous_schedules(running)
    dispatch = ministack_patches.DISPATCH_TO_LAMBDA.original()
    for _ in range(MAX_RUNNING + 2):
        dispatch(FUNCTION, "{}")
    assert len(requests.asked) == MAX_RUNNING
    dispatch(f"{FUNCTION}-other", "{}")
    assert len(requests.asked) == MAX_RUNNING + 1
    running.end("f")
    dispatch(FUNCTION, "{}")
    dispatch(FUNCTION, "{}")
    assert len(requests.asked) == MAX_RUNNING + 2


def test_execution_that_never_ends_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A throttled invocation has no end, and must not stop the schedule."""
    running = RunningExecutions()
    assert [running.start("f", "{}") for _ in range(MAX_RUNNING + 1)] == [True] * MAX_RUNNING + [False]
    later = time.monotonic() + 61
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert running.start("f", "{}")


def test_schedules_of_one_function_starve_none() -> None:
    """Each of a function's schedules may start one execution, however many the others have started."""
    running = RunningExecutions()
    inputs = ["1", "1", "1", "1", "2", "2", "3", "4"]
    assert [running.start("f", shard) for shard in inputs] == [True, True, True, False, True, False, True, True]
    for _ in range(4):
        running.end("f")
    assert [running.start("f", shard) for shard in ["1", "2", "3", "4"]] == [True, True, False, False]


def test_schedule_that_cannot_invoke(stand_in: PutInPlace, caplog: pytest.LogCaptureFixture) -> None:
    """A function that is gone is a line in the server's log; the scheduler goes on."""
    stand_in(ministack_patches.LAMBDA_REQUESTS, Requests(404))
    stand_in(ministack_patches.DISPATCH_TO_LAMBDA, None)
    lambda_metrics.install_asynchronous_schedules(RunningExecutions())
    ministack_patches.DISPATCH_TO_LAMBDA.original()(FUNCTION, "{}")
    assert [FUNCTION in record.getMessage() for record in caplog.records] == [True]


@pytest.fixture
def resource_types(stand_in: PutInPlace) -> tuple[dict[str, Any], Authorizers, Requests]:
    """CloudFormation's resource types with the missing ones, all authorizers, and what CloudWatch is asked."""
    types: dict[str, Any] = {}
    authorizers, requests = Authorizers(), Requests()
    stand_in(ministack_patches.RESOURCE_TYPES, types)
    stand_in(ministack_patches.ACCOUNT_ID, lambda: "123456789012")
    stand_in(ministack_patches.REGION, lambda: "eu-west-1")
    stand_in(ministack_patches.CLOUDWATCH_REQUESTS, requests)
    cloudformation_types.register_all(authorizers, MuteRules())
    return types, authorizers, requests


def test_query_definition_has_an_id(resource_types: ResourceTypes) -> None:
    """It keeps its id when it is changed, and needs a name and a query."""
    kind = resource_types[0]["AWS::Logs::QueryDefinition"]
    id_, _ = kind["create"]("Query", {"Name": "a", "QueryString": "b"}, "stack")
    assert len(id_) == 36
    assert kind["update"](id_, {}, {}, "stack")[0] == id_
    with pytest.raises(ValueError, match="needs Name and QueryString"):
        kind["create"]("Query", {}, "stack")
    kind["delete"](id_, {})


ResourceTypes = tuple[dict[str, Any], Authorizers, Requests]


def test_known_resource_types_are_left_alone(stand_in: PutInPlace) -> None:
    """A type that MiniStack has is its own."""
    known = {
        "AWS::IoT::Authorizer": 1,
        "AWS::CloudWatch::CompositeAlarm": 2,
        "AWS::CloudWatch::AlarmMuteRule": 3,
        "AWS::Logs::QueryDefinition": 4,
    }
    types = dict(known)
    stand_in(ministack_patches.RESOURCE_TYPES, types)
    cloudformation_types.register_all(Authorizers(), MuteRules())
    assert types == known


FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:f"


@pytest.mark.parametrize(
    ("written", "active", "unsigned"), [("true", True, True), (True, True, True), ("True", False, True)]
)
def test_authorizer_of_a_stack(resource_types: ResourceTypes, written: object, *, active: bool, unsigned: bool) -> None:
    """An authorizer is made with the template's properties, changed and deleted; its Ref is its name."""
    types, authorizers, _ = resource_types
    of_stack = types["AWS::IoT::Authorizer"]
    status = {"Status": "ACTIVE"} if active else {}
    props = {"AuthorizerName": "a", "AuthorizerFunctionArn": FUNCTION, "SigningDisabled": written, **status}
    made = of_stack["create"]("Logical", props, "stack")
    assert made == ("a", {"Arn": "arn:aws:iot:eu-west-1:123456789012:authorizer/a"})
    found = authorizers.get("a")
    assert (found.active, found.signing_disabled, found.function_arn) == (active, unsigned, FUNCTION)
    changed = {**props, "AuthorizerFunctionArn": f"{FUNCTION}2", "Status": "INACTIVE", "TokenKeyName": "T"}
    assert of_stack["update"]("a", props, changed, "stack") == made
    assert (found.active, found.function_arn, found.token_key_name) == (False, f"{FUNCTION}2", "T")
    of_stack["delete"]("a", props)
    assert authorizers.as_list_response() == []


def test_authorizer_named_by_its_stack(resource_types: ResourceTypes) -> None:
    """Without a name it is called after stack and resource, cut to what a name may be."""
    types, *_ = resource_types
    props = {"AuthorizerFunctionArn": FUNCTION, "SigningDisabled": True}
    create = types["AWS::IoT::Authorizer"]["create"]
    assert create("Logical", props, "stack")[0] == "stack-Logical"
    assert create("L" * 200, props, "s")[0] == "s-" + "L" * 126


def test_authorizer_that_checks_signatures(resource_types: ResourceTypes) -> None:
    """Signatures are checked unless that is disabled, with the keys of the template."""
    types, authorizers, _ = resource_types
    public = SigningKey.new().public
    props = {"AuthorizerFunctionArn": FUNCTION, "TokenKeyName": "T", "TokenSigningPublicKeys": {"k": public}}
    types["AWS::IoT::Authorizer"]["create"]("A", props, "s")
    made = authorizers.get("s-A")
    assert (made.signing_disabled, made.token_key_name, made.public_keys) == (False, "T", {"k": public})


@pytest.mark.parametrize(("written", "enabled"), [("true", True), ("false", False), (True, True), (False, False)])
def test_composite_alarm_of_a_stack(resource_types: ResourceTypes, written: object, *, enabled: bool) -> None:
    """A composite alarm is put with the properties that it has, put again when changed, and deleted."""
    types, _, requests = resource_types
    of_stack = types["AWS::CloudWatch::CompositeAlarm"]
    known = {"AlarmRule": "TRUE", "AlarmDescription": "d", "AlarmActions": ["a"], "OKActions": ["o"]}
    known["InsufficientDataActions"] = ["i"]
    props = {**known, "AlarmName": "both", "ActionsEnabled": written, "Tags": []}
    arn = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:both"
    assert of_stack["create"]("L", props, "s") == ("both", {"Arn": arn})
    assert of_stack["update"]("both", props, {"AlarmRule": "FALSE"}, "s") == ("both", {"Arn": arn})
    of_stack["delete"]("both", props)
    assert asked_of_cloudwatch(requests) == [
        ("PutCompositeAlarm", {"AlarmName": "both", **known, "ActionsEnabled": enabled}),
        ("PutCompositeAlarm", {"AlarmName": "both", "AlarmRule": "FALSE"}),
        ("DeleteAlarms", {"AlarmNames": ["both"]}),
    ]
    assert of_stack["create"]("L", {"AlarmRule": "TRUE"}, "s")[0] == "s-L"


def test_composite_alarm_with_a_suppressor(resource_types: ResourceTypes) -> None:
    """Its seconds are numbers; a property that is not known is an error."""
    types, _, requests = resource_types
    create = types["AWS::CloudWatch::CompositeAlarm"]["create"]
    seconds = {"ActionsSuppressorWaitPeriod": "60", "ActionsSuppressorExtensionPeriod": "120"}
    create("L", {"AlarmRule": "TRUE", "ActionsSuppressor": "quiet", **seconds}, "s")
    ((_, asked),) = asked_of_cloudwatch(requests)
    assert (asked["ActionsSuppressor"], asked["ActionsSuppressorWaitPeriod"]) == ("quiet", 60)
    assert asked["ActionsSuppressorExtensionPeriod"] == 120
    with pytest.raises(ValueError, match="Priority"):
        create("L", {"AlarmRule": "TRUE", "Priority": 1}, "s")


def test_mute_rule_of_a_stack(stand_in: PutInPlace) -> None:
    """It is made, changed and deleted under its name, by default that of stack and resource."""
    types: dict[str, Any] = {}
    rules = MuteRules()
    stand_in(ministack_patches.RESOURCE_TYPES, types)
    stand_in(ministack_patches.ACCOUNT_ID, lambda: "123456789012")
    stand_in(ministack_patches.REGION, lambda: "eu-west-1")
    cloudformation_types.register_all(Authorizers(), rules)
    of_stack = types["AWS::CloudWatch::AlarmMuteRule"]
    schedule = {"Expression": "cron(* * * * *)", "Duration": "PT1H"}
    props = {"Rule": {"Schedule": schedule}, "MuteTargets": {"AlarmNames": ["a"]}}
    arn = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm-mute-rule:s-Logical"
    assert of_stack["create"]("Logical", props, "s") == (arn, {"Arn": arn})
    assert [rules.muting(alarm, 0) for alarm in ("a", "b")] == ["s-Logical", ""]
    changed = {**props, "MuteTargets": {"AlarmNames": ["b"]}}
    assert of_stack["update"](arn, props, changed, "s") == (arn, {"Arn": arn})
    assert [rules.muting(alarm, 0) for alarm in ("a", "b")] == ["", "s-Logical"]
    of_stack["delete"](arn, changed)
    assert rules.muting("b", 0) == ""
    assert of_stack["create"]("L", {**props, "Name": "named"}, "s")[0].endswith(":alarm-mute-rule:named")
