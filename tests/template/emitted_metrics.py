"""The metrics that the canary's code emits, for outcomes of every kind."""

import contextlib
import io
from typing import Any, Final

from connect_canary.model.failures import Failure
from connect_canary.model.outcome import Outcome
from connect_canary.reporting.metrics import emit_metrics
from infra.local.server.embedded_metrics import MetricDatum, metric_data

CANARY: Final = "stack-name"
TARGET: Final = "default"
# Lambda's own metrics of a function (developer guide, monitoring-metrics-types).
OF_LAMBDA: Final = {
    ("AWS/Lambda", name, frozenset({"FunctionName"})) for name in ("Invocations", "Errors", "Throttles", "Duration")
}


def outcome(**facts: Any) -> Outcome:
    """Return the outcome of a healthy connect, with `facts` instead."""
    healthy: dict[str, Any] = {
        "target": TARGET,
        "endpoint": "host.example:443",
        "auth_mode": "sigv4",
        "mqtt_version": "5",
        "client_id": "test-default-5f3a9c1e",
        "expect": "connect",
        "healthy": True,
        "connect_ms": 96.1,
        "certificate_days_left": 213.5,
    }
    return Outcome(**{**healthy, **facts})


def emitted(canary: str, *outcomes: Outcome, shard: str | None = None) -> list[MetricDatum]:
    """Return the metric data that CloudWatch reads from what the canary prints about the outcomes of a run."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        for each in outcomes:
            emit_metrics(canary, each, cold_start=False, shard=shard)
    return [datum for line in out.getvalue().splitlines() for datum in metric_data(line)]


def metric_identities() -> set[tuple[str, str, frozenset[str]]]:
    """Return namespace, name and names of the dimensions of every metric that the canary prints."""
    failed = outcome(healthy=False, failure=Failure.NOT_AUTHORIZED, connect_ms=None)
    data = emitted(CANARY, outcome(), failed, shard="shard-001")
    return {(d.namespace, d.name, frozenset(d.dimensions)) for d in data}
