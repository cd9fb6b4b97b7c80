"""The body of the dashboard: worst first, with variables of CloudFormation's Sub where only the stack knows."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from connect_canary.reporting.metrics import NAMESPACE
from infra.dashboard import queries
from infra.dashboard.widgets import (
    EVERY_RUN,
    Widget,
    alarms,
    custom,
    expression,
    in_rows,
    logs,
    metric,
    metrics,
    text,
)

OF_CANARY = {"Canary": "${Canary}"}
OF_FUNCTION = {"FunctionName": "${CanaryFunction}"}
_CONSOLE = "https://${AWS::Region}.console.aws.amazon.com"
_CLOUDWATCH = f"{_CONSOLE}/cloudwatch/home?region=${{AWS::Region}}"
# CloudFormation's name of the group has no character that a link must encode.
_GROUP = "${CanaryLogGroup}"
_MILLISECONDS = {"left": {"min": 0, "label": "ms", "showUnits": False}}
_RANGES = {"24 hours": "-P1D", "7 days": "-P7D", "30 days": "-P30D"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmResource:
    """An alarm of the template; `condition` says whether a stack has it."""

    logical_id: str
    condition: str | None = None


def body(stack_alarms: Sequence[AlarmResource]) -> dict[str, Any]:
    """Return the dashboard's body; an alarm with a condition is a variable of the alarm's name."""
    arns = [f"${{{alarm.logical_id}{'' if alarm.condition else '.Arn'}}}" for alarm in stack_alarms]
    rows = [
        (3, [(24, text(_heading()))]),
        (4, [(12, alarms("Alarms", arns)), *((3, widget) for widget in [*_availability(), _error_budget()])]),
        (6, [(24, logs("Targets that fail now", queries.FAILING_NOW))]),
        (10, [(24, custom("Status of each target, worst first", "${StatusWidgetFunction.Arn}"))]),
        (6, [(12, _worst_targets()), (12, _failures())]),
        (6, [(12, _slowest_targets()), (12, _latency_of_all())]),
        (6, [(12, _phases()), (12, _runs())]),
        (6, [(6, _certificate()), (18, logs("Newest failures", queries.NEWEST_FAILURES))]),
    ]
    return {"start": "-PT3H", "periodOverride": "inherit", "widgets": in_rows(rows)}


def as_text(stack_alarms: Sequence[AlarmResource]) -> str:
    """Return the body as JSON; what is a variable and no more is a JSON value of its own, as a number is."""
    written = json.dumps(body(stack_alarms), indent=2, ensure_ascii=False)
    conditional = "|".join(alarm.logical_id for alarm in stack_alarms if alarm.condition)
    # The variable brings its comma along, so that it can be empty.
    written = re.sub(rf',\s*"(\$\{{(?:{conditional})\}})"', r"\1", written) if conditional else written
    return written.replace(f'"{EVERY_RUN}"', EVERY_RUN)


def _heading() -> str:
    links = [
        "${Runbook}",
        f"[Targets that fail now]({queries.log_query_link(_CLOUDWATCH, queries.FAILING_NOW.partition(' | ')[2])})",
        f"[Log]({_CLOUDWATCH}#logsV2:log-groups/log-group/{_GROUP})",
        f"[Function]({_CONSOLE}/lambda/home?region=${{AWS::Region}}#/functions/${{CanaryFunction}}?tab=monitoring)",
        f"[Alarms]({_CLOUDWATCH}#alarmsV2:?search=${{AWS::StackName}})",
    ]
    return (
        "# IoT connect canary ${Canary}\n"
        "Connects to AWS IoT Core over WebSockets (${Rate}) and disconnects. **Pages go to ${PagesGoTo}.**\n\n"
        f"{' · '.join(links)}"
    )


def _availability() -> list[Widget]:
    rows = [
        expression("availability", "100 * healthy", label="% healthy"),
        metric(NAMESPACE, "ConnectSuccess", OF_CANARY, id="healthy", stat="Average", visible=False),
    ]
    return [
        metrics(f"Availability, {name}", rows, view="singleValue", period=None, start=start)
        for name, start in _RANGES.items()
    ]


def _error_budget() -> Widget:
    budget = "100 - 100 * (100 - 100 * healthy) / (100 - ${AvailabilityObjective})"
    rows = [
        expression("budget", budget, label="% left, objective ${AvailabilityObjective} %"),
        metric(NAMESPACE, "ConnectSuccess", OF_CANARY, id="healthy", stat="Average", visible=False),
    ]
    start = _RANGES["30 days"]
    return metrics("Error budget, 30 days", rows, view="singleValue", period=None, start=start)


def _worst_targets() -> Widget:
    query = queries.metrics_query("AVG", "ConnectSuccess", schema=("Canary", "Target"), by="Target", order="ASC")
    axis = {"left": {"min": 0, "max": 1.05, "showUnits": False}}
    return metrics(
        f"Share of healthy connects, worst {queries.WORST} targets", [expression("worst", query)], yAxis=axis
    )


def _failures() -> Widget:
    schema = ("Canary", "Failure", "Target")
    query = queries.metrics_query("SUM", "ConnectFailures", schema=schema, by="Failure", order="DESC")
    axis = {"left": {"min": 0, "showUnits": False}}
    return metrics("Failures by name", [expression("failures", query)], stacked=True, yAxis=axis)


def _slowest_targets() -> Widget:
    query = queries.metrics_query("MAX", "ConnectLatency", schema=("Canary", "Target"), by="Target", order="DESC")
    title = f"Slowest connect, slowest {queries.WORST} targets"
    return metrics(title, [expression("slowest", query)], period=300, yAxis=_MILLISECONDS)


def _latency_of_all() -> Widget:
    return logs("Time to connect, all targets (ms)", queries.LATENCY_OF_ALL, view="timeSeries", stacked=False)


def _phases() -> Widget:
    return logs("Mean of each phase, all targets (ms)", queries.PHASES, view="timeSeries", stacked=True)


def _runs() -> Widget:
    rows = [
        # Silence is a zero, where a gap would show nothing.
        expression("heard", "FILL(connects, 0)", label="attempts reported"),
        metric(NAMESPACE, "ConnectSuccess", OF_CANARY, id="connects", stat="SampleCount", visible=False),
        *(metric("AWS/Lambda", name, OF_FUNCTION, stat="Sum") for name in ("Invocations", "Errors", "Throttles")),
        metric("AWS/Lambda", "Duration", OF_FUNCTION, stat="Maximum", yAxis="right"),
    ]
    axis = {"left": {"min": 0, "showUnits": False}, "right": {"min": 0, "label": "ms", "showUnits": False}}
    return metrics("Runs and silence", rows, yAxis=axis)


def _certificate() -> Widget:
    row = metric(NAMESPACE, "CertificateDaysLeft", OF_CANARY, stat="Minimum", label="days, worst target")
    return metrics("Certificate, days left", [row], view="singleValue", period=3600, sparkline=True)
