"""Metrics in CloudWatch's Embedded Metric Format. The only importer of Powertools Metrics."""

from collections.abc import Iterator

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from connect_canary.model.outcome import Outcome

NAMESPACE = "IoTConnectCanary"


def emit_metrics(canary: str, outcome: Outcome, *, cold_start: bool) -> None:
    """Print the outcome's datapoints to standard output, one line a set of dimensions."""
    for blob in _blobs(canary, outcome):
        blob.add_metadata("client_id", outcome.client_id or None)
        blob.add_metadata("phase", None if outcome.phase is None else str(outcome.phase))
        blob.add_metadata("phases_ms", outcome.as_dict()["phases_ms"])
        blob.add_metadata("connack_code", outcome.connack_code)
        blob.add_metadata("http_status", outcome.http_status)
        blob.add_metadata("request_id", outcome.request_id)
        blob.add_metadata("cold_start", cold_start)
        blob.flush_metrics()


def _blobs(canary: str, outcome: Outcome) -> Iterator[EphemeralMetrics]:
    success = _blob(Canary=canary, Target=outcome.target)
    success.add_dimensions(Canary=canary)
    success.add_metric(name="ConnectSuccess", unit=MetricUnit.Count, value=int(outcome.success))
    yield success

    detail = _blob(Canary=canary, Target=outcome.target)
    if outcome.success and outcome.connect_ms is not None:
        detail.add_metric(name="ConnectLatency", unit=MetricUnit.Milliseconds, value=round(outcome.connect_ms, 2))
    if outcome.certificate_days_left is not None:
        days = round(outcome.certificate_days_left, 2)
        detail.add_metric(name="CertificateDaysLeft", unit=MetricUnit.NoUnit, value=days)
    if detail.metric_set:
        yield detail

    if outcome.failure is not None:
        failed = _blob(Canary=canary, Target=outcome.target, Failure=str(outcome.failure))
        failed.add_metric(name="ConnectFailures", unit=MetricUnit.Count, value=1)
        yield failed


def _blob(**dimensions: str) -> EphemeralMetrics:
    blob = EphemeralMetrics(namespace=NAMESPACE)
    # POWERTOOLS_SERVICE_NAME would add a dimension that no alarm knows.
    blob.service = ""
    for name, value in dimensions.items():
        blob.add_dimension(name=name, value=value)
    return blob
