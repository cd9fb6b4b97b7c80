"""What the widgets ask: Metrics Insights, Logs Insights, and a link to the latter."""

from urllib.parse import quote

from connect_canary.model.phases import Phase
from connect_canary.reporting.metrics import NAMESPACE

# Metrics Insights shows the worst of any number of targets, where SEARCH stops at 500 series; ten each keep the
# dashboard below the 50 metrics of a free one.
WORST = 10
# Stands for the log group's name, a variable that must not be encoded.
_GROUP = "GROUP"
RECORDS = 'filter message = "connect attempt finished"'
# The phases that a healthy connect goes through; DISCONNECT is no part of it.
CONNECT_PHASES = tuple(phase for phase in Phase if phase is not Phase.DISCONNECT)


def metrics_query(statistic: str, metric: str, *, schema: tuple[str, ...], by: str, order: str) -> str:
    """Return a Metrics Insights query over this canary's metrics with the dimensions of `schema`."""
    return (
        f'SELECT {statistic}({metric}) FROM SCHEMA("{NAMESPACE}", {", ".join(schema)}) '  # noqa: S608 - no database
        f"WHERE Canary = '${{Canary}}' GROUP BY {by} ORDER BY {statistic}() {order} LIMIT {WORST}"
    )


def log_query(*commands: str) -> str:
    """Return a Logs Insights query over the records of attempts in the canary's log group."""
    return " | ".join(["SOURCE '${CanaryLogGroup}'", RECORDS, *commands])


FAILING_NOW = log_query(
    "stats latest(healthy) as is_healthy, max(@timestamp) as seen, latest(failure) as Failure, latest(phase) as Phase, "
    "latest(reason) as Reason, latest(owner) as Owner, latest(hint) as Hint, latest(client_id) as ClientId by target",
    "filter is_healthy = 0",
    "sort target",
    "limit 100",
)
LATENCY_OF_ALL = log_query(
    "filter healthy = 1",
    "stats pct(connect_ms, 50) as p50, pct(connect_ms, 90) as p90, max(connect_ms) as max by bin(5m)",
)
PHASES = log_query(
    "filter healthy = 1",
    "stats " + ", ".join(f"avg(phases_ms.{phase}) as {phase}_ms" for phase in CONNECT_PHASES) + " by bin(5m)",
)
NEWEST_FAILURES = log_query(
    "filter healthy = 0",
    "fields @timestamp, target, failure, phase, reason, owner, client_id, request_id",
    "sort @timestamp desc",
    "limit 50",
)


def log_query_link(console: str, query: str) -> str:
    """Return the console's address of a query over the last three hours of the canary's log group.

    The form is that of the console's own links and not documented: twice encoded, `$` for the second `%`.
    """
    members = {
        "end": "0",
        "start": "-10800",
        "timeType": "'RELATIVE",
        "unit": "'seconds",
        "editorString": _member(query),
        "source": f"(~{_member(_GROUP)})",
    }
    detail = "~(" + "~".join(f"{name}~{value}" for name, value in members.items()) + ")"
    escaped = quote(detail, safe="@*_+-./").replace("~", "%7E")
    fragment = quote(f"?queryDetail={escaped}", safe="*").replace("%", "$")
    return f"{console}#logsV2:logs-insights{fragment}".replace("GROUP", "${CanaryLogGroup}")


def _member(value: str) -> str:
    """Return a text member: an apostrophe, then the text with `*` for its percent signs."""
    return "'" + quote(value, safe="-.").replace("%", "*")
