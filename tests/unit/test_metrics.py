"""Metrics: valid embedded metric format, exactly the interface's names, units and dimensions."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from connect_canary.model.failures import Failure
from connect_canary.model.outcome import Outcome
from connect_canary.model.phases import Phase
from connect_canary.reporting.metrics import emit_metrics
from tests.unit.factories import outcome_of

SCHEMA = json.loads((Path(__file__).parent / "emf.schema.json").read_text())
ONE = ("Canary", "Target")
PROPERTIES = {"client_id", "phase", "phases_ms", "connack_code", "http_status", "request_id", "cold_start"}
FAILED = outcome_of(
    healthy=False, phase=Phase.CONNACK, failure=Failure.NOT_AUTHORIZED, connack_code=135, http_status=101,
    connect_ms=None, certificate_days_left=None,
)  # fmt: skip
Datapoint = tuple[str, tuple[str, ...], str, float]


@pytest.fixture(autouse=True, params=["", "somebody-elses"])
def _service(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With and without the variable that would add a dimension."""
    if request.param:
        monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", request.param)
        monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", request.param)


@pytest.fixture
def emitted(capsys: pytest.CaptureFixture[str]) -> Any:
    """Return a function that emits an outcome and returns what was printed, checked against the specification."""

    def emit(outcome: Outcome, **shard: str) -> list[dict[str, Any]]:
        emit_metrics("fleet", outcome, cold_start=True, **shard)
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        for line in lines:
            jsonschema.validate(line, SCHEMA, cls=jsonschema.Draft7Validator)
        return lines

    return emit


def _datapoints(lines: list[dict[str, Any]]) -> set[Datapoint]:
    """Return metric, dimensions, unit and value of every datapoint that CloudWatch would take from the lines."""
    datapoints: list[Datapoint] = []
    for line in lines:
        for directive in line["_aws"]["CloudWatchMetrics"]:
            assert directive["Namespace"] == "IoTConnectCanary"
            for dimensions in directive["Dimensions"]:
                assert all(line[name] for name in dimensions)
                for metric in directive["Metrics"]:
                    (value,) = line[metric["Name"]]
                    datapoints.append((metric["Name"], tuple(dimensions), metric["Unit"], value))
    assert len(datapoints) == len(set(datapoints))
    return set(datapoints)


def test_healthy_connect_emits_success_latency_and_days(emitted: Any) -> None:
    """And nothing about a failure."""
    assert _datapoints(emitted(outcome_of())) == {
        ("ConnectSuccess", ONE, "Count", 1.0),
        ("ConnectSuccess", ("Canary",), "Count", 1.0),
        ("ConnectLatency", ONE, "Milliseconds", 94.12),
        ("CertificateDaysLeft", ("Canary",), "None", 213.46),
    }


def test_failed_connect_emits_no_success_and_its_failure(emitted: Any) -> None:
    """And no latency, because there is none."""
    lines = emitted(FAILED)
    assert _datapoints(lines) == {
        ("ConnectSuccess", ONE, "Count", 0.0),
        ("ConnectSuccess", ("Canary",), "Count", 0.0),
        ("ConnectFailures", (*ONE, "Failure"), "Count", 1.0),
    }
    assert lines[-1]["Failure"] == "NotAuthorized"


def test_expired_certificate_emits_its_days(emitted: Any) -> None:
    """Days left are emitted whenever the server sent a certificate, negative ones too."""
    outcome = outcome_of(
        healthy=False,
        phase=Phase.TLS,
        failure=Failure.CERTIFICATE_EXPIRED,
        connect_ms=None,
        certificate_days_left=-3.0,
    )
    assert ("CertificateDaysLeft", ("Canary",), "None", -3.0) in _datapoints(emitted(outcome))


def test_failed_disconnect_emits_success_and_failure(emitted: Any) -> None:
    """The connect succeeded, so it counts, with its latency."""
    outcome = outcome_of(
        healthy=False, phase=Phase.DISCONNECT, failure=Failure.DISCONNECT_FAILED, certificate_days_left=None
    )
    assert _datapoints(emitted(outcome)) == {
        ("ConnectSuccess", ONE, "Count", 1.0),
        ("ConnectSuccess", ("Canary",), "Count", 1.0),
        ("ConnectLatency", ONE, "Milliseconds", 94.12),
        ("ConnectFailures", (*ONE, "Failure"), "Count", 1.0),
    }


def test_unexpected_accept_emits_no_latency(emitted: Any) -> None:
    """An unexpected connect is not counted as a healthy one."""
    outcome = outcome_of(healthy=False, expect="refuse", phase=Phase.CONNACK, failure=Failure.UNEXPECTED_ACCEPT)
    names = {name for name, *_ in _datapoints(emitted(outcome))}
    assert names == {"ConnectSuccess", "ConnectFailures", "CertificateDaysLeft"}


def test_expected_refusal_emits_success_only(emitted: Any) -> None:
    """For a target that must refuse, 1 means refused."""
    outcome = outcome_of(expect="refuse", connect_ms=None, connack_code=135, certificate_days_left=None)
    assert _datapoints(emitted(outcome)) == {
        ("ConnectSuccess", ONE, "Count", 1.0),
        ("ConnectSuccess", ("Canary",), "Count", 1.0),
    }


@pytest.mark.parametrize("outcome", [outcome_of(), FAILED])
def test_run_of_a_shard_emits_the_shards_heartbeat(emitted: Any, outcome: Outcome) -> None:
    """Success of canary and shard, whatever the outcome; every other metric is that of a run without a shard."""
    plain, sharded = emitted(outcome), emitted(outcome, shard="shard-001")
    heartbeat = ("ConnectSuccess", ("Canary", "Shard"), "Count", float(outcome.success))
    assert _datapoints(sharded) == _datapoints(plain) | {heartbeat}
    assert [line["Shard"] for line in sharded if "Shard" in line] == ["shard-001"]


@pytest.mark.parametrize("outcome", [outcome_of(), FAILED], ids=["healthy", "failed"])
def test_everything_else_is_a_property(emitted: Any, outcome: Outcome) -> None:
    """No line has a member that is neither a dimension, a metric nor one of the known properties."""
    for line in emitted(outcome, shard="shard-001"):
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        declared = {name for names in directive["Dimensions"] for name in names}
        declared |= {metric["Name"] for metric in directive["Metrics"]}
        of_one_target = "Target" in declared
        assert set(line) - declared - {"_aws"} == (PROPERTIES if of_one_target else {"Target"})
        assert line["Target"] == "prod"
        if of_one_target:
            assert line["client_id"] == "test-prod-5f3a9c1e"
            assert line["cold_start"] is True


def test_properties_are_those_of_the_outcome(emitted: Any) -> None:
    """What a log query needs beside the datapoints; what is not known is null."""
    failed = replace(FAILED, request_id="5b1d7f0a", phases_ms={"dns": 1.234}, client_id="")
    for line in emitted(failed):
        assert (line["phase"], line["connack_code"], line["http_status"]) == ("connack", 135, 101)
        assert (line["request_id"], line["phases_ms"], line["client_id"]) == ("5b1d7f0a", {"dns": 1.23}, None)
    of_target = emitted(outcome_of(certificate_days_left=None))
    assert [line["phase"] for line in of_target] == [None, None]


def test_two_outcomes_share_nothing(emitted: Any) -> None:
    """The second line does not repeat the first one's dimensions or metrics."""
    emitted(FAILED)
    lines = emitted(outcome_of(target="stage"))
    assert len(lines) == 3
    assert {line["Target"] for line in lines} == {"stage"}
    assert not any("Failure" in line for line in lines)
