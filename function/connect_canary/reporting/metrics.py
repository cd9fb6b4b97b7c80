"""Metrics in CloudWatch's Embedded Metric Format. The only importer of Powertools Metrics."""

from collections.abc import Iterator

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from connect_canary.model.outcome import Outcome

NAMESPACE = "IoTConnectCanary"


def emit_metrics(canary: str, outcome: Outcome, *, cold_start: bool, shard: str | None = None) -> None:
    """Print the outcome's datapoints to standard output, one line a set of metrics.

    `shard` names the targets document of a run whose event names one.
    """
    for blob in _target_blobs(canary, outcome, shard):
        blob.add_metadata("client_id", outcome.client_id or None)
        blob.add_metadata("phase", None if outcome.phase is None else str(outcome.phase))
        blob.add_metadata("phases_ms", outcome.as_dict()["phases_ms"])
        blob.add_metadata("connack_code", outcome.connack_code)
        blob.add_metadata("http_status", outcome.http_status)
        blob.add_metadata("request_id", outcome.request_id)
        blob.add_metadata("cold_start", cold_start)
        blob.flush_metrics()
    if outcome.certificate_days_left is not None:
        _certificate_blob(canary, outcome.target, outcome.certificate_days_left).flush_metrics()


def _target_blobs(canary: str, outcome: Outcome, shard: str | None) -> Iterator[EphemeralMetrics]:
    success = _blob(Canary=canary, Target=outcome.target)
    success.add_dimensions(Canary=canary)
    if shard is not None:
        success.add_dimensions(Canary=canary, Shard=shard)
    success.add_metric(name="ConnectSuccess", unit=MetricUnit.Count, value=int(outcome.success))
    yield success

    if outcome.success and outcome.connect_ms is not None:
        latency = _blob(Canary=canary, Target=outcome.target)
        latency.add_metric(name="ConnectLatency", unit=MetricUnit.Milliseconds, value=round(outcome.connect_ms, 2))
        yield latency

    if outcome.failure is not None:
        failed = _blob(Canary=canary, Target=outcome.target, Failure=str(outcome.failure))
        failed.add_metric(name="ConnectFailures", unit=MetricUnit.Count, value=1)
        yield failed


def _certificate_blob(canary: str, target: str, days_left: float) -> EphemeralMetrics:
    # Custom metrics are billed each, and an alarm needs the worst of all targets only; each one's days are in the log.
    certificate = _blob(Canary=canary)
    certificate.add_metadata("Target", target)
    certificate.add_metric(name="CertificateDaysLeft", unit=MetricUnit.NoUnit, value=round(days_left, 2))
    return certificate


def _blob(**dimensions: str) -> EphemeralMetrics:
    blob = EphemeralMetrics(namespace=NAMESPACE)
    # POWERTOOLS_SERVICE_NAME would add a dimension that no alarm knows.
    blob.service = ""
    for name, value in dimensions.items():
        blob.add_dimension(name=name, value=value)
    return blob
