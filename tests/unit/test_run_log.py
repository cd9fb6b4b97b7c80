"""Reading a function's log group: which runs have ended, how, and each of them once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

import boto3
import pytest
from botocore.stub import Stubber

from infra.local.client.local_aws import LocalAws
from infra.local.demo.run_log import FINISHED, Run, RunLog

GROUP = "/aws/lambda/canary"


class Logs:
    """A real client of CloudWatch Logs whose responses are given beforehand."""

    def __init__(self) -> None:
        self._client = boto3.client("logs", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="s")
        self._stubber = Stubber(self._client)
        self._stubber.activate()
        self.log = RunLog(aws=cast("LocalAws", self), group=GROUP)

    def client(self, service: str) -> Any:
        """Return the client, of this service only."""
        assert service == "logs"
        return self._client

    def will_answer(self, *events: Mapping[str, Any], since: int = 0, page: str = "", following: str = "") -> None:
        """Expect a request for events since a time, and answer these."""
        request = {"logGroupName": GROUP, "startTime": since, **({"nextToken": page} if page else {})}
        response: dict[str, Any] = {"events": list(events), **({"nextToken": following} if following else {})}
        self._stubber.add_response("filter_log_events", response, request)

    def runs(self) -> list[Run]:
        """Return the new runs when every expected request was made."""
        found = list(self.log.new_runs())
        self._stubber.assert_no_pending_responses()
        return found


def event(stream: str, message: str | Mapping[str, Any], timestamp: int = 1_000) -> dict[str, Any]:
    """Return an event as CloudWatch Logs returns it."""
    text = message if isinstance(message, str) else json.dumps(message)
    return {"logStreamName": stream, "message": text, "timestamp": timestamp}


def outcome(target: str, *, healthy: bool = True) -> dict[str, Any]:
    """Return the record of an attempt."""
    return {"level": "INFO", "message": FINISHED, "target": target, "healthy": healthy}


START, END = "START RequestId: 1 Version: $LATEST", "END RequestId: 1"


@pytest.fixture
def group() -> Logs:
    """A log group whose events a test gives."""
    return Logs()


def test_run_with_its_outcomes(group: Logs) -> None:
    """A run has the outcomes of its stream in their order, and ended with its last event; other lines are nothing."""
    lines: list[str | Mapping[str, Any]] = [START, outcome("a"), "Traceback", "[1]", {"message": "else"}, outcome("b")]
    group.will_answer(*(event("s", line) for line in lines), event("s", END, 61_500))
    (run,) = group.runs()
    assert run.outcomes == (outcome("a"), outcome("b"))
    assert run.errors == ()
    assert run.ended == datetime.fromtimestamp(61.5).astimezone()
    assert run.ended.tzinfo is not None
    assert run.healthy


def test_run_is_returned_once(group: Logs) -> None:
    """A run that has not ended is returned when it has, and never again; later requests begin at the newest event."""
    first = [event("a", START, 1), event("a", outcome("t"), 5), event("a", END, 5)]
    begun = [event("b", START, 7), event("b", outcome("t"), 7)]
    group.will_answer(*first, *begun)
    assert [len(run.outcomes) for run in group.runs()] == [1]
    group.will_answer(*begun, event("b", END, 7), since=7)
    assert len(group.runs()) == 1
    group.will_answer(*begun, event("b", END, 7), since=7)
    assert group.runs() == []
    group.will_answer(since=7)
    assert group.runs() == []
    group.will_answer(event("c", outcome("t"), 9), event("c", END, 9), since=7)
    assert len(group.runs()) == 1


def test_runs_side_by_side(group: Logs) -> None:
    """The events of two runs are told apart by their streams, over all pages of the response."""
    group.will_answer(event("a", outcome("a")), event("b", outcome("b")), following="more")
    group.will_answer(event("a", END), event("b", END), page="more")
    assert [run.outcomes for run in group.runs()] == [(outcome("a"),), (outcome("b"),)]


@pytest.mark.parametrize(
    ("records", "errors", "healthy"),
    [
        ([outcome("a")], (), True),
        ([outcome("a"), outcome("b", healthy=False)], (), False),
        ([outcome("a", healthy=False), outcome("b")], (), False),
        ([outcome("a"), {"level": "ERROR", "message": "bad settings"}], ("bad settings",), False),
        ([{"level": "ERROR", "message": "bad settings"}], ("bad settings",), False),
        ([outcome("a"), {"level": "WARNING", "message": "slow"}], (), True),
        ([], ("the function ended without a log record",), False),
    ],
)
def test_run_is_healthy(
    group: Logs, records: list[Mapping[str, Any]], errors: tuple[str, ...], *, healthy: bool
) -> None:
    """A run is healthy when it has outcomes, all of them are, and the canary itself reported no error."""
    group.will_answer(*(event("s", record) for record in records), event("s", END))
    (run,) = group.runs()
    assert (run.errors, run.healthy) == (errors, healthy)
