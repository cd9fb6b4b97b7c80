"""Every name of MiniStack that this server uses or patches: one table, checked at start."""

import importlib
import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

# MiniStack is not installed where types are checked.
Foreign: TypeAlias = Any

MINISTACK_VERSION = "1.5.33"


class PatchMissingError(RuntimeError):
    """MiniStack lacks names of the table; the message lists them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """One attribute of a MiniStack module, and the purpose that it is used or patched for."""

    module: str
    name: str
    purpose: str

    def original(self) -> Foreign:
        """Return the attribute's current value: MiniStack's own unless it was replaced."""
        return getattr(importlib.import_module(self.module), self.name)

    def replace(self, value: object) -> None:
        """Replace the attribute in this process."""
        setattr(importlib.import_module(self.module), self.name, value)

    def wrap(self, wrapper: Callable[[Foreign], object]) -> None:
        """Replace the attribute with `wrapper(attribute)`."""
        self.replace(wrapper(self.original()))


def _patch(module: str, name: str, purpose: str) -> Patch:
    return Patch(module=f"ministack.{module}", name=name, purpose=purpose)


# Public names.
APP = _patch("app", "app", "the ASGI application behind the device gateway")
REQUEST_SCOPE = _patch("core.responses", "request_scope", "account and region of background work")
ACCOUNT_ID = _patch("core.responses", "get_account_id", "account of the current request")
REGION = _patch("core.responses", "get_region", "region of the current request")
AUTHENTICATE_UPGRADE = _patch("core.iam_evaluator", "authenticate_handshake", "SigV4 of an upgrade")
RESOLVED_CREDENTIAL = _patch("core.iam_evaluator", "ResolvedCredential", "a verified signer")
IS_ROOT_KEY = _patch("core.iam_evaluator", "is_root_access_key", "keys that it takes without a signature")
ACCOUNT_OF_KEY = _patch("core.iam_evaluator", "find_iam_access_key_account", "the secret of a request's key")
RESOLVE_CREDENTIAL = _patch("core.iam_evaluator", "resolve_credential", "the secret of a request's key")
KEY_OF_REQUEST = _patch("core.router", "extract_access_key_id", "the key that a request is executed as")
SERVICE_OF_REQUEST = _patch("core.router", "detect_service", "errors as the service says them")
DECODE_HEADER = _patch("core.sigv4", "decode_header_value", "headers as they are signed")
PARSE_HEADER_SIGNATURE = _patch("core.sigv4", "parse_header_signature", "SigV4 of a request")
PARSE_QUERY_SIGNATURE = _patch("core.sigv4", "parse_query_signature", "SigV4 of a presigned request")
SIGNATURE_FAILURE = _patch("core.sigv4", "header_signature_failure", "SigV4 of a request")
TIME_FAILURE = _patch("core.sigv4", "request_time_failure", "SigV4 of a request")
IS_EXPIRED = _patch("core.sigv4", "presigned_request_is_expired", "SigV4 of a presigned request")
REGISTER_SESSION = _patch("services.sts", "register_session", "credentials of functions")
WORKER_CREDENTIALS = _patch("core.lambda_runtime", "execution_credentials", "its secrets can be guessed")
FUNCTION_CREDENTIALS = _patch("services.lambda_svc", "execution_credentials", "its secrets can be guessed")
EVALUATE_POLICIES = _patch("core.iam_evaluator", "evaluate", "an authorizer's policy documents")
EVALUATE_RESOURCE_POLICY = _patch("core.iam_evaluator", "evaluate_resource_policy", "who may invoke a function")
EVALUATION_CONTEXT = _patch("core.iam_evaluator", "EvalContext", "an authorizer's policy documents")
PARSE_POLICY = _patch("core.iam_evaluator", "parse_policy_document", "an authorizer's policies")
GENERATE_CA = _patch("core.x509_utils", "generate_ca", "the endpoint's certificate authority")
SIGN_LEAF = _patch("core.x509_utils", "sign_leaf_certificate", "the endpoint's certificate")
IOT_REQUESTS = _patch("services.iot", "handle_request", "DescribeEndpoint and authorizers")
IOT_WEBSOCKET = _patch("services.iot", "handle_websocket", "the broker behind the device gateway")
LAMBDA_REQUESTS = _patch("services.lambda_svc", "handle_request", "invoking functions")
LAMBDA_POLICY = _patch("services.lambda_svc", "function_policy_for_arn", "who may invoke a function")
WORKERS_RESET = _patch("core.lambda_runtime", "reset", "stopping functions at the end")
RECORD_METRIC = _patch("services.cloudwatch", "record_metric", "AWS/Lambda metrics")
SNS_REQUESTS = _patch("services.sns", "handle_request", "messages of alarms")
LOG_REQUESTS = _patch("services.cloudwatch_logs", "handle_request", "refusing filter patterns that are not understood")
QUEUE_ALLOWS = _patch("services.sqs", "queue_policy_allows", "metrics of deliveries to queues")
PUT_TEMPLATE_ALARM = _patch("services.cloudwatch", "cloudformation_put_metric_alarm", "the age of alarms")
CLOUDWATCH_REQUESTS = _patch("services.cloudwatch", "handle_request", "metrics and alarms")

# Private names: a release of MiniStack may move them.
ACCOUNT_OF_SESSION = _patch("core.responses", "_account_from_sts_session", "the secret of a request's key")
CREDENTIAL_FAILURE = _patch("app", "_credential_failure", "errors as the service says them")
REQUEST_ORIGIN = _patch("app", "pin_request_origin", "buckets that take nothing but TLS")
ROUTING_PARAMETERS = _patch("app", "_routing_params", "errors as the service says them")
LAMBDA_LOGS = _patch("services.lambda_svc", "_emit_lambda_logs", "metrics of every execution")
LAMBDA_METRICS = _patch("services.lambda_svc", "_emit_lambda_metrics", "it misses executions")
LOG_GROUPS = _patch("services.cloudwatch_logs", "_log_groups", "functions that log to a group that is gone")
DISPATCH_TO_LAMBDA = _patch("services.eventbridge", "_dispatch_to_lambda", "asynchronous schedules")
RATE_SECONDS = _patch("services.eventbridge", "_parse_rate_seconds", "schedules at another speed")
SCHEDULE_TICK = _patch("services.scheduler", "_SCHEDULE_TICK_INTERVAL", "schedules to the second")
SCHEDULES = _patch("services.scheduler", "_schedules", "schedules that begin at once")
LAST_FIRED = _patch("services.scheduler", "_schedule_last_fired", "schedules that begin at once")
ALARM_ON_PUT = _patch("services.cloudwatch", "_evaluate_all_alarms", "it ignores dimensions")
ALARM_ON_CREATE = _patch("services.cloudwatch", "_evaluate_alarm", "it ignores dimensions")
ALARM_ACTIONS = _patch("services.cloudwatch", "_dispatch_alarm_actions", "functions, contributors, mute rules")
ALARMS = _patch("services.cloudwatch", "_alarms", "the alarms to evaluate")
COMPOSITE_ALARMS = _patch("services.cloudwatch", "_composite_alarms", "action suppressors")
CLOUDWATCH_ERROR = _patch("services.cloudwatch", "_error", "refusing what is not evaluated")
CLOUDWATCH_JSON = _patch("services.cloudwatch", "_json_ok", "contributors and mute rules")
HISTORY_ENTRIES = _patch("services.cloudwatch", "_history_entries", "contributors' history")
RECORD_HISTORY = _patch("services.cloudwatch", "_record_history", "history to the millisecond")
JSON_TIMESTAMP = _patch("services.cloudwatch", "_json_timestamp", "history to the millisecond")
PUT_METRIC_ALARM = _patch("services.cloudwatch", "_put_metric_alarm", "it drops settings")
PUT_COMPOSITE_ALARM = _patch("services.cloudwatch", "_put_composite_alarm", "it drops the action suppressor")
ALARM_RECORD = _patch("services.cloudformation.provisioners", "_cw_metric_alarm_record", "it drops settings")
LOG_PATTERN = _patch("services.cloudwatch_logs", "_compile_filter_pattern", "it lets every JSON pattern match")
DELIVER_TO_LAMBDA = _patch("services.sns", "_deliver_to_lambda", "asynchronous invocations with permission")
DELIVER_TO_QUEUE = _patch("services.sns", "_deliver_to_sqs", "metrics of deliveries")
QUEUE_BY_ARN = _patch("services.sqs", "_queue_by_arn", "metrics of deliveries to queues")
ROUTE_FAILURE = _patch("services.lambda_svc", "_route_async_failure", "metrics of failed destinations")
RETRY_SECONDS = _patch("services.lambda_svc", "_LAMBDA_ASYNC_RETRY_BASE_SECONDS", "retries at the clock's speed")
RETRY_MAX_SECONDS = _patch("services.lambda_svc", "_LAMBDA_ASYNC_RETRY_MAX_SECONDS", "retries at the clock's speed")
METRIC_STORE = _patch("services.cloudwatch", "_metrics", "datapoints for the alarm evaluator")
RESOURCE_TYPES = _patch("services.cloudformation.provisioners", "_RESOURCE_HANDLERS", "resource types")


def all_patches() -> Iterator[Patch]:
    """Yield every patch of the table above."""
    return (value for value in globals().values() if isinstance(value, Patch))


def _is_missing(patch: Patch) -> bool:
    try:
        patch.original()
    except (ImportError, AttributeError):
        return True
    return False


def require_all() -> None:
    """Raise `PatchMissingError` with the name and purpose of each missing attribute, if any is missing."""
    if importlib.util.find_spec("ministack") is None:
        raise PatchMissingError(f"MiniStack {MINISTACK_VERSION} is not in the local AWS's environment.")
    missing = [f"{patch.module}.{patch.name} ({patch.purpose})" for patch in all_patches() if _is_missing(patch)]
    if missing:
        raise PatchMissingError(
            f"This local AWS is made for MiniStack {MINISTACK_VERSION}; the installed one lacks "
            + ", ".join(missing)
            + "."
        )
