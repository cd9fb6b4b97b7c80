"""Metrics in CloudWatch's Embedded Metric Format. The only importer of Powertools Metrics."""

from collections.abc import Iterator

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from connect_canary.model.outcome import Outcome

NAMESPACE = "IoTConnectCanary"


def emit_metrics(canary: str, outcome: Outcome, *, cold_start: bool, shard: str | None = None) -> None:
    """Print the outcome's datapoints to standard output, one line a set of metrics.

    `shard` names the targets document of a run whose event names one.
    """
    blob = EphemeralMetrics(namespace=NAMESPACE)
    # POWERTOOLS_SERVICE_NAME would add a dimension that no alarm knows.
    blob.service = ""
    metadata = {
        "client_id": outcome.client_id or None,
        "phase": None if outcome.phase is None else str(outcome.phase),
        "phases_ms": outcome.as_dict()["phases_ms"],
        "connack_code": outcome.connack_code,
        "http_status": outcome.http_status,
        "request_id": outcome.request_id,
        "cold_start": cold_start,
    }
    for _ in _fill_of_target(blob, canary, outcome, shard):
        for key, value in metadata.items():
            blob.add_metadata(key, value)
        blob.flush_metrics()
    if outcome.certificate_days_left is not None:
        # Custom metrics are billed each, and an alarm needs the worst of all targets only; each one's days are in the
        # log.
        _add_dimensions(blob, Canary=canary)
        blob.add_metadata("Target", outcome.target)
        blob.add_metric(
            name="CertificateDaysLeft", unit=MetricUnit.NoUnit, value=round(outcome.certificate_days_left, 2)
        )
        blob.flush_metrics()


def _fill_of_target(blob: EphemeralMetrics, canary: str, outcome: Outcome, shard: str | None) -> Iterator[None]:
    """Fill `blob`, which each flush empties, with one set of the target's metrics after the other."""
    _add_dimensions(blob, Canary=canary, Target=outcome.target)
    blob.add_dimensions(Canary=canary)
    if shard is not None:
        blob.add_dimensions(Canary=canary, Shard=shard)
    blob.add_metric(name="ConnectSuccess", unit=MetricUnit.Count, value=int(outcome.success))
    yield

    if outcome.success and outcome.connect_ms is not None:
        _add_dimensions(blob, Canary=canary, Target=outcome.target)
        blob.add_metric(name="ConnectLatency", unit=MetricUnit.Milliseconds, value=round(outcome.connect_ms, 2))
        yield

    if outcome.failure is not None:
        _add_dimensions(blob, Canary=canary, Target=outcome.target, Failure=str(outcome.failure))
        blob.add_metric(name="ConnectFailures", unit=MetricUnit.Count, value=1)
        yield


def _add_dimensions(blob: EphemeralMetrics, **dimensions: str) -> None:
    for name, value in dimensions.items():
        blob.add_dimension(name=name, value=value)
