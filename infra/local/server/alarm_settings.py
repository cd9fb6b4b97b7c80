"""The settings of an alarm that MiniStack drops: `Metrics` and `WarmUpConfiguration`; unknown ones are errors."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from infra.local.server import ministack_patches
from infra.local.server.alarm_memory import AlarmMemory
from infra.local.server.alarm_metrics import AlarmError, check_metrics, is_true, single_rule_of
from infra.local.server.warm_up import warm_up_of

Record = dict[str, Any]

KNOWN_SETTINGS = frozenset(
    {
        *("AlarmName", "AlarmDescription", "Tags"),
        *("ActionsEnabled", "AlarmActions", "OKActions", "InsufficientDataActions"),
        *("Namespace", "MetricName", "Dimensions", "Unit", "Statistic", "ExtendedStatistic", "Period", "Metrics"),
        *("EvaluationPeriods", "DatapointsToAlarm", "Threshold", "ComparisonOperator", "TreatMissingData"),
        "WarmUpConfiguration",
    }
)
_KNOWN_METRIC = frozenset({"Id", "Expression", "MetricStat", "Label", "Period", "ReturnData"})
# What an alarm with Metrics has not; MiniStack gives each alarm all of them.
_OF_ONE_METRIC = ("Namespace", "MetricName", "Dimensions", "Unit", "Statistic", "ExtendedStatistic", "Period")
# MiniStack forgets these with every change of the settings.
_KEPT = ("StateReasonData", "StateTransitionedTimestamp")


def _require_known(unknown: Collection[str]) -> None:
    if unknown:
        raise AlarmError(f"The local AWS does not evaluate {', '.join(sorted(unknown))} of an alarm.")


def check_settings(settings: Mapping[str, Any]) -> None:
    """Raise a ValueError that says why, unless settings of an alarm can be evaluated here."""
    _require_known(settings.keys() - KNOWN_SETTINGS)
    if settings.get("Metrics"):
        named = [key for key in _OF_ONE_METRIC if settings.get(key)]
        if named:
            raise AlarmError(f"An alarm has either Metrics or {', '.join(named)}.")
        for metric in settings["Metrics"]:
            if metric.keys() - _KNOWN_METRIC:
                raise AlarmError(f"The local AWS does not know {', '.join(sorted(metric.keys() - _KNOWN_METRIC))}.")
        check_metrics(settings)
    if settings.get("WarmUpConfiguration"):
        warm_up_of(settings["WarmUpConfiguration"])


def complete(record: Record, settings: Mapping[str, Any], previous: Mapping[str, Any] | None) -> Record:
    """Return MiniStack's record of an alarm with the settings, and what it knew before."""
    completed = {**record, **{key: previous[key] for key in _KEPT if previous and key in previous}}
    if settings.get("Metrics"):
        completed = {key: value for key, value in completed.items() if key not in _OF_ONE_METRIC}
        completed["Metrics"] = [_metric(metric) for metric in settings["Metrics"]]
    if settings.get("WarmUpConfiguration"):
        completed["WarmUpConfiguration"] = warm_up_of(settings["WarmUpConfiguration"])
    single_rule_of(completed)
    return completed


def _metric(metric: Mapping[str, Any]) -> Record:
    """Return a member of Metrics with numbers and booleans for their spellings in a template."""
    found = {**metric, "ReturnData": is_true(metric.get("ReturnData", True))}
    if "Period" in metric:
        found["Period"] = int(metric["Period"])
    if "MetricStat" in metric:
        found["MetricStat"] = {**metric["MetricStat"], "Period": int(metric["MetricStat"]["Period"])}
    return found


def install_settings(memory: AlarmMemory) -> None:
    """Keep the settings of PutMetricAlarm and of AWS::CloudWatch::Alarm, and refuse those that are unknown."""
    ministack_patches.PUT_METRIC_ALARM.wrap(lambda original: _api(original, memory))
    ministack_patches.ALARM_RECORD.wrap(_template)
    ministack_patches.PUT_TEMPLATE_ALARM.wrap(lambda original: _noted(original, memory))


def _api(original: Callable[..., Any], memory: AlarmMemory) -> Callable[..., Any]:
    def put(params: Record, body: Record, is_cbor: bool, is_json: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002 - MiniStack's
        alarms = ministack_patches.ALARMS.original()
        name = body.get("AlarmName", "")
        try:
            check_settings(body)
            _require_known(set() if body else _form_settings(params))
        except ValueError as error:
            refuse = ministack_patches.CLOUDWATCH_ERROR.original()
            return refuse("ValidationError", str(error), 400, use_json=is_json, use_cbor=is_cbor)
        previous = alarms.get(name)
        response = original(params, body, is_cbor, is_json)
        if name in alarms and alarms[name] is not previous:
            alarms[name] = complete(alarms[name], body, previous)
            memory.note_put(alarms[name]["AlarmArn"], is_new=previous is None)
        return response

    return put


def _form_settings(params: Mapping[str, Any]) -> set[str]:
    """Return the settings of a form-encoded request that MiniStack does not read from it."""
    read = KNOWN_SETTINGS - {"Metrics", "WarmUpConfiguration"} | {"Action", "Version"}
    return {key.partition(".")[0] for key in params} - read


def _template(original: Callable[[str, Record], Record]) -> Callable[[str, Record], Record]:
    def record(name: str, properties: Record) -> Record:
        check_settings(properties)
        previous = ministack_patches.ALARMS.original().get(name)
        one_metric = {key: value for key, value in properties.items() if key != "Metrics"}
        if properties.get("Metrics"):
            # MiniStack needs a metric to make a record; `complete` takes it out again.
            one_metric |= {"Namespace": "-", "MetricName": "-"}
        return complete(original(name, one_metric), properties, previous)

    return record


def _noted(original: Callable[[Record], None], memory: AlarmMemory) -> Callable[[Record], None]:
    def put(record: Record) -> None:
        is_new = record["AlarmName"] not in ministack_patches.ALARMS.original()
        original(record)
        memory.note_put(record["AlarmArn"], is_new=is_new)

    return put
