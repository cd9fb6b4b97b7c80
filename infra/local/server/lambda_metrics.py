"""Metrics of every function execution: those of AWS/Lambda and those embedded in its log."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from infra.local.server import ministack_patches
from infra.local.server.embedded_metrics import MetricDatum, metric_data
from infra.local.server.running_executions import RunningExecutions
from infra.local.server.service_calls import cloudwatch, invoke_asynchronously

Record = dict[str, Any]

_LAMBDA_NAMESPACE = "AWS/Lambda"

_log = logging.getLogger("lambda_metrics")


def install_execution_metrics(running: RunningExecutions) -> None:
    """Record metrics of every execution, including scheduled and retried ones, and its end in `running`."""

    def wrapper(original: Callable[..., None]) -> Callable[..., None]:
        def emit(func: Record, request_id: str, log_text: str, *measured: float, **options: object) -> None:
            failed, duration_ms = measured
            configuration = func.get("config") or func
            name = configuration.get("FunctionName", "")
            running.end(name)
            _record_execution(name, failed=bool(failed), duration_ms=duration_ms)
            if _has_log_group(configuration):
                original(func, request_id, log_text, *measured, **options)
                _put_metrics([datum for line in log_text.splitlines() for datum in metric_data(line)])

        return emit

    ministack_patches.LAMBDA_LOGS.wrap(wrapper)
    ministack_patches.LAMBDA_METRICS.replace(_record_throttle)


def _has_log_group(configuration: Record) -> bool:
    """Tell whether a log takes the lines: only the function's default group is made by the first line.

    Lambda writes to a named group as the function's role, which may create none: the last lines of a deleted stack
    are lost.
    """
    group = (configuration.get("LoggingConfig") or {}).get("LogGroup")
    default = f"/aws/lambda/{configuration.get('FunctionName', '')}"
    return group in (None, default) or group in ministack_patches.LOG_GROUPS.original()


def _record_execution(function: str, *, failed: bool, duration_ms: float) -> None:
    record, dimensions = ministack_patches.RECORD_METRIC.original(), {"FunctionName": function}
    record(_LAMBDA_NAMESPACE, "Invocations", 1, "Count", dimensions)
    record(_LAMBDA_NAMESPACE, "Errors", int(failed), "Count", dimensions)
    record(_LAMBDA_NAMESPACE, "Throttles", 0, "Count", dimensions)
    record(_LAMBDA_NAMESPACE, "Duration", duration_ms, "Milliseconds", dimensions)


def _record_throttle(function_name: str, **measured: object) -> None:
    """Replace MiniStack's counts, which miss scheduled executions, except for throttles."""
    if measured.get("throttle"):
        dimensions = {"FunctionName": function_name}
        ministack_patches.RECORD_METRIC.original()(_LAMBDA_NAMESPACE, "Throttles", 1, "Count", dimensions)


def _put_metrics(data: Iterable[MetricDatum]) -> None:
    by_namespace: dict[str, list[Record]] = defaultdict(list)
    for datum in data:
        by_namespace[datum.namespace].append(datum.request())
    for namespace, requests in by_namespace.items():
        try:
            cloudwatch("PutMetricData", {"Namespace": namespace, "MetricData": requests})
        except ValueError:
            _log.exception("embedded metrics of %s not stored", namespace)


def install_asynchronous_schedules(running: RunningExecutions) -> None:
    """Make schedules and rules invoke functions asynchronously, with the function's retry settings.

    An invocation is left out while as many executions as this machine can stand are running.
    """

    def dispatch(arn: str, payload: str) -> None:
        if not running.start(arn.rpartition(":")[2], payload):
            _log.warning("schedule left out an invocation of %s: too many are running", arn)
            return
        try:
            invoke_asynchronously(arn, payload)
        except ValueError:
            _log.warning("schedule did not invoke %s", arn, exc_info=True)

    ministack_patches.DISPATCH_TO_LAMBDA.replace(dispatch)
