"""What can be broken on purpose in the running demo: what it does, how it is mended, and which alarm must tell.

Every break is what can happen to a canary on AWS, by calls of AWS's APIs; only the certificate is the server's own.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from infra.local.client.certificate import renew_certificate
from infra.local.demo.stage import Stage
from infra.local.demo.stranger import GENEROUS_POLICY, user_name

# What mending needs to know, as JSON.
Saved: TypeAlias = dict[str, Any]

_CONNECT_POLICY = "connect"
_NO_SUCH_HANDLER = "no_such_module.lambda_handler"
_NOBODY_LISTENS = "localhost:1"
_TOO_GENEROUS = "too-generous"
_DAYS_LEFT = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """One break, and what people must be told: by which alarm, with which words at the beginning of the subject."""

    what: str
    apply: Callable[[Stage], Saved]
    mend: Callable[[Stage, Saved], None]
    alarm: str
    subject: str
    # Its alarm looks at hours, so its recovery takes as long.
    recovers_late: bool = False


def _take_permission(stage: Stage) -> Saved:
    role = {"RoleName": stage.resource("CanaryRole"), "PolicyName": _CONNECT_POLICY}
    document = stage.client("iam").get_role_policy(**role)["PolicyDocument"]
    stage.client("iam").delete_role_policy(**role)
    return {"policy": json.dumps(document)}


def _give_permission(stage: Stage, saved: Saved) -> None:
    stage.client("iam").put_role_policy(
        RoleName=stage.resource("CanaryRole"), PolicyName=_CONNECT_POLICY, PolicyDocument=saved["policy"]
    )


def _break_code(function: Callable[[Stage], str]) -> Callable[[Stage], Saved]:
    def apply(stage: Stage) -> Saved:
        functions, name = stage.client("lambda"), function(stage)
        handler = functions.get_function_configuration(FunctionName=name)["Handler"]
        functions.update_function_configuration(FunctionName=name, Handler=_NO_SUCH_HANDLER)
        return {"function": name, "handler": handler}

    return apply


def _mend_code(stage: Stage, saved: Saved) -> None:
    functions = stage.client("lambda")
    functions.update_function_configuration(FunctionName=saved["function"], Handler=saved["handler"])


def _canary_function(stage: Stage) -> str:
    return stage.resource("CanaryFunction")


def _set_endpoint(stage: Stage, endpoint: str) -> str:
    """Change the function's endpoint, and return what it was."""
    functions, name = stage.client("lambda"), _canary_function(stage)
    variables = dict(functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"])
    before = str(variables.get("CANARY_ENDPOINT", ""))
    environment = {"Variables": {**variables, "CANARY_ENDPOINT": endpoint}}
    functions.update_function_configuration(FunctionName=name, Environment=environment)
    return before


def _move_endpoint(stage: Stage) -> Saved:
    return {"endpoint": _set_endpoint(stage, _NOBODY_LISTENS)}


def _move_endpoint_back(stage: Stage, saved: Saved) -> None:
    _set_endpoint(stage, saved["endpoint"])


def _set_schedule(stage: Stage, state: str) -> None:
    scheduler, name = stage.client("scheduler"), stage.resource("CanaryFunctionSchedule")
    schedule = scheduler.get_schedule(Name=name)
    kept = {key: schedule[key] for key in ("ScheduleExpression", "FlexibleTimeWindow", "Target")}
    scheduler.update_schedule(Name=name, State=state, **kept)


def _disable_schedule(stage: Stage) -> Saved:
    _set_schedule(stage, "DISABLED")
    return {}


def _enable_schedule(stage: Stage, _saved: Saved) -> None:
    _set_schedule(stage, "ENABLED")


def _let_certificate_end(stage: Stage) -> Saved:
    renew_certificate(stage.state, days=_DAYS_LEFT)
    return {}


def _renew_certificate(stage: Stage, _saved: Saved) -> None:
    renew_certificate(stage.state)


def _restart(stage: Stage) -> None:
    """Let the function forget the secrets that it holds for five minutes, as a new execution environment does."""
    functions, name = stage.client("lambda"), _canary_function(stage)
    memory = functions.get_function_configuration(FunctionName=name)["MemorySize"]
    functions.update_function_configuration(FunctionName=name, MemorySize=memory)


def _delete_secret(stage: Stage) -> Saved:
    stage.client("secretsmanager").delete_secret(SecretId=stage.authorizer_secret, RecoveryWindowInDays=7)
    _restart(stage)
    return {}


def _restore_secret(stage: Stage, _saved: Saved) -> None:
    stage.client("secretsmanager").restore_secret(SecretId=stage.authorizer_secret)
    _restart(stage)


def _throttle(stage: Stage) -> Saved:
    stage.client("lambda").put_function_concurrency(
        FunctionName=_canary_function(stage), ReservedConcurrentExecutions=0
    )
    return {}


def _unthrottle(stage: Stage, _saved: Saved) -> None:
    stage.client("lambda").delete_function_concurrency(FunctionName=_canary_function(stage))


def _let_stranger_in(stage: Stage) -> Saved:
    stage.client("iam").put_user_policy(
        UserName=user_name(stage.canary), PolicyName=_TOO_GENEROUS, PolicyDocument=json.dumps(GENEROUS_POLICY)
    )
    return {}


def _keep_stranger_out(stage: Stage, _saved: Saved) -> None:
    stage.client("iam").delete_user_policy(UserName=user_name(stage.canary), PolicyName=_TOO_GENEROUS)


BREAKS: Mapping[str, Break] = {
    "certificate": Break(
        what=f"the endpoint shows a certificate that ends in {_DAYS_LEFT} days",
        apply=_let_certificate_end,
        mend=_renew_certificate,
        alarm="CertificateAlarm",
        subject="WARNING",
        recovers_late=True,
    ),
    "permission": Break(
        what="the function's role loses iot:Connect",
        apply=_take_permission,
        mend=_give_permission,
        alarm="TargetsFailingAlarm",
        subject="ALARM",
    ),
    "authorizer": Break(
        what="the custom authorizer's function fails",
        apply=_break_code(lambda stage: stage.authorizer_function),
        mend=_mend_code,
        alarm="TargetsFailingAlarm",
        subject="ALARM",
    ),
    "endpoint": Break(
        what="nothing listens where the endpoint is said to be",
        apply=_move_endpoint,
        mend=_move_endpoint_back,
        alarm="TargetsFailingAlarm",
        subject="ALARM",
    ),
    "schedule": Break(
        what="the schedule is disabled",
        apply=_disable_schedule,
        mend=_enable_schedule,
        alarm="SilentCanaryAlarm",
        subject="CANARY SILENT",
    ),
    "throttle": Break(
        what="the function may not run: its reserved concurrency is 0",
        apply=_throttle,
        mend=_unthrottle,
        alarm="SilentCanaryAlarm",
        subject="CANARY SILENT",
    ),
    "function": Break(
        what="the canary's function cannot be imported",
        apply=_break_code(_canary_function),
        mend=_mend_code,
        alarm="CanaryErrorsAlarm",
        subject="CANARY FAULT",
    ),
    "secret": Break(
        what="the secret of the custom authorizer's targets is deleted",
        apply=_delete_secret,
        mend=_restore_secret,
        alarm="CanaryErrorsAlarm",
        subject="CANARY FAULT",
    ),
    "accept": Break(
        what="a policy lets in the client that must be refused",
        apply=_let_stranger_in,
        mend=_keep_stranger_out,
        alarm="UnexpectedAcceptAlarm",
        subject="SECURITY",
    ),
    "pager": Break(
        what="the pager's function cannot be imported",
        apply=_break_code(lambda stage: stage.resource("PagerFunction")),
        mend=_mend_code,
        alarm="NotificationsFailingAlarm",
        subject="ALARM",
    ),
}
