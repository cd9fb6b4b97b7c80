"""The handler and the run behind it, in a fresh interpreter as Lambda starts one."""

import socket
import time
from collections.abc import Iterator

import pytest

import connect_canary
from connect_canary.model.outcome import Outcome
from connect_canary.run import run_plan
from tests.unit.factories import REGION, document, plan_of
from tests.unit.handler_process import closed_port, invoke

KEYS = {"AWS_ACCESS_KEY_ID": "AKIDUNIT", "AWS_SECRET_ACCESS_KEY": "no-secret-anywhere"}


@pytest.fixture
def endpoint() -> Iterator[str]:
    """An endpoint that refuses TCP."""
    with closed_port() as endpoint:
        yield endpoint


@pytest.fixture
def environ(endpoint: str) -> dict[str, str]:
    """The environment of a canary that watches it."""
    return {**KEYS, "AWS_REGION": REGION, "CANARY_NAME": "fleet", "CANARY_ENDPOINT": endpoint}


def test_failed_connect_returns_and_is_reported(environ: dict[str, str]) -> None:
    """A failed target is data: metrics, a record with the keys of the return value, and the return value."""
    run = invoke(environ)
    (response,) = run.responses
    (target,) = response["targets"]
    assert (response["canary"], response["healthy"]) == ("fleet", False)
    assert (target["target"], target["phase"], target["failure"]) == ("default", "tcp", "TcpRefused")
    (record,) = run.records
    assert {key: record[key] for key in target} == target
    assert {metric["Name"] for line in run.metrics for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]} == {
        "ConnectSuccess",
        "ConnectFailures",
    }
    assert run.errors == ""


def test_first_run_of_a_process_is_a_cold_start(environ: dict[str, str]) -> None:
    """And no later one, also when the first event was invalid."""
    run = invoke(environ, {}, None)
    assert [line["cold_start"] for line in run.metrics] == [True, True, False, False]
    run = invoke(environ, {"only": ["x"]}, {})
    assert {line["cold_start"] for line in run.metrics} == {False}


def test_every_record_says_which_invocation_wrote_it(environ: dict[str, str]) -> None:
    """Also the one about settings; the second invocation's records have nothing of the first."""
    run = invoke(environ, {}, {"only": ["x"]}, {})
    assert [(r["level"], r["function_request_id"], r["cold_start"]) for r in run.records] == [
        ("INFO", "invocation-1", True),
        ("ERROR", "invocation-2", False),
        ("INFO", "invocation-3", False),
    ]
    assert {record["version"] for record in run.records} == {connect_canary.__version__}


def test_client_id_is_new_at_every_run(environ: dict[str, str]) -> None:
    """AWS IoT ends the older of two clients with one id."""
    ids = [response["targets"][0]["client_id"] for response in invoke(environ, {}, {}).responses]
    assert len(set(ids)) == 2
    assert all(one.startswith("test-default-") for one in ids)


def test_wrong_question_is_logged_and_raised(environ: dict[str, str]) -> None:
    """One record with all problems; no metric of a target."""
    run = invoke({**environ, "CANARY_EXPECT": "x", "CANARY_NMAE": "y"})
    problems = [
        "CANARY_NMAE is not a setting; did you mean CANARY_NAME?",
        "CANARY_EXPECT is 'x'; allowed: connect, refuse",
    ]
    assert run.raised == [["SettingsError", *problems]]
    (record,) = run.records
    assert (record["level"], record["problems"]) == ("ERROR", problems)
    assert record["message"] == "the canary cannot run as it is set"
    assert run.metrics == []


@pytest.mark.parametrize("wrong", [20, 21, 150])
def test_record_of_many_problems_is_bounded(environ: dict[str, str], wrong: int) -> None:
    """A page has twenty of them and says how many more there are; the exception has all."""
    entries = [{"name": f"t{number}", "expect": "x"} for number in range(wrong)]
    run = invoke({**environ, "CANARY_TARGETS": document(*entries)})
    ((_, *raised),) = run.raised
    (record,) = run.records
    assert len(raised) == wrong
    assert record["problems"] == [*raised[:20], *([f"and {wrong - 20} more"] if wrong > 20 else [])]
    assert record["message"] == "the canary cannot run as it is set"


def test_bad_target_is_raised_after_the_good_ones_have_run(environ: dict[str, str]) -> None:
    """Their metrics have left by then."""
    run = invoke({**environ, "CANARY_TARGETS": document({"name": "a"}, {"name": "b", "expect": "x"}, {"name": "c"})})
    assert run.raised == [["SettingsError", "targets[1].expect is 'x'; allowed: connect, refuse"]]
    assert [(record["message"], record.get("target")) for record in run.records][2:] == [
        ("the canary cannot run as it is set", None)
    ]
    assert {record.get("target") for record in run.records} == {"a", "c", None}
    assert {line["Target"] for line in run.metrics} == {"a", "c"}


def test_dry_run_connects_to_nothing(environ: dict[str, str]) -> None:
    """It returns what would run, secrets masked."""
    text = document({"name": "a"}, {"name": "b", "auth_mode": "custom-unsigned", "authorizer_password": "hidden"})
    run = invoke({**environ, "CANARY_TARGETS": text}, {"dry_run": True, "only": ["b"]})
    (response,) = run.responses
    assert (response["canary"], response["dry_run"]) == ("fleet", True)
    (target,) = response["targets"]
    assert (target["target"], target["authorizer_password"]) == ("b", "***")
    assert run.json_lines == []


def test_dry_run_raises_what_is_wrong(environ: dict[str, str]) -> None:
    """It checks everything that a run would."""
    text = document({"name": "a"}, {"name": "b", "expect": "x"})
    run = invoke({**environ, "CANARY_TARGETS": text}, {"dry_run": True})
    assert run.raised == [["SettingsError", "targets[1].expect is 'x'; allowed: connect, refuse"]]


def test_target_without_time_is_reported_as_such(environ: dict[str, str]) -> None:
    """Never dropped: what could not be started has its datapoint too."""
    run = invoke(environ, seconds=0.2)
    (target,) = run.responses[0]["targets"]
    assert (target["phase"], target["failure"], target["client_id"]) == (None, "DeadlineExceeded", None)
    assert run.metrics[0]["ConnectSuccess"] == [0.0]


@pytest.mark.parametrize(("event", "text"), [([], "[]"), ("x", "'x'"), (7, "7")])
def test_event_that_is_no_object_is_a_wrong_question(environ: dict[str, str], event: object, text: str) -> None:
    """Also an empty list."""
    assert invoke(environ, event).raised == [["SettingsError", f"the event is {text}; allowed: a JSON object"]]


def test_references_leave_half_of_the_time_to_targets_without(environ: dict[str, str]) -> None:
    """A service that does not answer costs the target that needs it its run, and no other one."""
    text = document({"name": "a"}, {"name": "b", "client_id": "ssm:/silent"})
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        run = invoke({**environ, "CANARY_TARGETS": text, "AWS_ENDPOINT_URL_SSM": url}, seconds=8)
    assert {(line["Target"], line["Failure"]) for line in run.metrics if "Failure" in line} == {("a", "TcpRefused")}
    sentence = "targets[1].client_id refers to ssm:/silent: no answer in the time that a run has for references"
    assert run.raised == [["SettingsError", sentence]]


def test_outcomes_come_in_the_documents_order(endpoint: str) -> None:
    """However many run at the same time."""
    names = [f"t{n}" for n in range(20)]
    settings = {"auth_mode": "custom-unsigned", "endpoint": endpoint, "max_concurrent_connects": "3"}
    plan = plan_of(targets=document(*({"name": name} for name in names)), **settings)
    reported: list[Outcome] = []
    outcomes = run_plan(plan, deadline=time.monotonic() + 15, on_outcome=reported.append)
    assert [outcome.target for outcome in outcomes] == names
    assert sorted(outcome.target for outcome in reported) == sorted(names)


@pytest.mark.parametrize("concurrent", ["1", "100"])
def test_bug_in_one_report_does_not_silence_the_others(endpoint: str, concurrent: str) -> None:
    """It is raised once every other target has had its run, wherever it stands in the document."""
    plan = plan_of(
        targets=document(*({"name": name} for name in "abcd")),
        auth_mode="custom-unsigned",
        endpoint=endpoint,
        max_concurrent_connects=concurrent,
    )
    reported: list[str] = []

    def report(outcome: Outcome) -> None:
        if outcome.target in {"a", "c"}:
            raise ZeroDivisionError(outcome.target)
        reported.append(outcome.target)

    with pytest.raises(ExceptionGroup, match="the canary itself failed") as caught:
        run_plan(plan, deadline=time.monotonic() + 15, on_outcome=report)
    assert sorted(repr(error) for error in caught.value.exceptions) == [
        "ZeroDivisionError('a')",
        "ZeroDivisionError('c')",
    ]
    assert sorted(reported) == ["b", "d"]
