"""Operations of CloudWatch that MiniStack lacks: contributors, mute rules, a contributor's history."""

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from infra.local.server import ministack_patches
from infra.local.server.action_suppression import Suppressions
from infra.local.server.alarm_memory import AlarmMemory
from infra.local.server.alarm_rules import State
from infra.local.server.grouped_alarms import Contributor
from infra.local.server.mute_rule_api import MuteRules, NoSuchRuleError
from infra.local.server.service_calls import Response, cloudwatch

Request = Mapping[str, Any]
Handler = Callable[[str, str, dict[str, str], bytes, dict[str, list[str]]], Awaitable[Response]]

_NOT_FOUND, _BAD_REQUEST = 404, 400
_PAGE = 100
_COMPOSITE_EXTRA = ("ActionsSuppressor", "ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod")


def install_cloudwatch_api(memory: AlarmMemory, mute_rules: MuteRules, suppressions: Suppressions) -> None:
    """Serve the operations of this module; MiniStack serves all others."""
    operations: dict[str, Callable[[Request], dict[str, Any]]] = {
        "DescribeAlarmContributors": lambda request: _contributors(memory, request),
        "PutAlarmMuteRule": lambda request: _put_mute_rule(mute_rules, request),
        "GetAlarmMuteRule": lambda request: mute_rules.describe(str(request.get("AlarmMuteRuleName")), time.time()),
        "ListAlarmMuteRules": lambda request: {"AlarmMuteRuleSummaries": mute_rules.summaries(request, time.time())},
        "DeleteAlarmMuteRule": lambda request: _delete_mute_rule(mute_rules, request),
    }
    ministack_patches.CLOUDWATCH_REQUESTS.wrap(lambda original: _handler(original, operations))
    ministack_patches.PUT_COMPOSITE_ALARM.wrap(lambda original: _with_suppressor(original, suppressions))


def _handler(original: Handler, operations: Mapping[str, Callable[[Request], dict[str, Any]]]) -> Handler:
    async def handle(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Response:
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        request = json.loads(body or b"{}") if operation else {}
        if operation == "DescribeAlarmHistory" and "AlarmContributorId" in request:
            return _answer(_contributor_history, request)
        if operation in operations:
            return _answer(operations[operation], request)
        return await original(method, path, headers, body, query)

    return handle


def _answer(operation: Callable[[Request], dict[str, Any]], request: Request) -> Response:
    refuse = ministack_patches.CLOUDWATCH_ERROR.original()
    try:
        answer = ministack_patches.CLOUDWATCH_JSON.original()(operation(request))
    except LookupError as error:
        answer = refuse("ResourceNotFoundException", str(error), _NOT_FOUND, use_json=True)
    except ValueError as error:
        answer = refuse("ValidationError", str(error), _BAD_REQUEST, use_json=True)
    return (*answer,)


def _contributors(memory: AlarmMemory, request: Request) -> dict[str, Any]:
    name = request.get("AlarmName")
    alarm = ministack_patches.ALARMS.original().get(name)
    if alarm is None:
        raise NoSuchRuleError(f"There is no metric alarm {name}.")
    contributors = memory.contributors.get(alarm["AlarmArn"], ())
    return {"AlarmContributors": [_described(c) for c in contributors if c.state is State.ALARM]}


def _described(contributor: Contributor) -> dict[str, Any]:
    return {
        "ContributorId": contributor.id,
        "ContributorAttributes": dict(contributor.attributes),
        "StateReason": contributor.reason,
        "StateTransitionedTimestamp": contributor.since,
    }


def _put_mute_rule(mute_rules: MuteRules, request: Request) -> dict[str, Any]:
    mute_rules.put(request, time.time())
    return {}


def _delete_mute_rule(mute_rules: MuteRules, request: Request) -> dict[str, Any]:
    mute_rules.delete(str(request.get("AlarmMuteRuleName")))
    return {}


def _contributor_history(request: Request) -> dict[str, Any]:
    """Return the history of one contributor on one page: MiniStack does not know the filter."""
    identifier = request["AlarmContributorId"]
    rest = {key: value for key, value in request.items() if key not in {"AlarmContributorId", "MaxRecords"}}
    found: list[dict[str, Any]] = []
    token: dict[str, Any] = {}
    while True:
        page = cloudwatch("DescribeAlarmHistory", {**rest, **token, "MaxRecords": _PAGE})
        found += [item for item in page["AlarmHistoryItems"] if item.get("AlarmContributorId") == identifier]
        if "NextToken" not in page:
            return {"AlarmHistoryItems": found[: int(request.get("MaxRecords") or _PAGE)]}
        token = {"NextToken": page["NextToken"]}


def _with_suppressor(original: Callable[..., Any], suppressions: Suppressions) -> Callable[..., Any]:
    """Let a composite alarm keep its action suppressor, which counts when its rule is evaluated for the first time."""

    def put(params: Request, body: Request, is_cbor: bool, is_json: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002 - MiniStack's
        name = str(body.get("AlarmName"))
        suppressions.settings[name] = {key: body[key] for key in _COMPOSITE_EXTRA if key in body}
        response = original(params, body, is_cbor, is_json)
        alarm = ministack_patches.COMPOSITE_ALARMS.original().get(name)
        if alarm is not None:
            alarm.update(suppressions.settings[name])
        return response

    return put
