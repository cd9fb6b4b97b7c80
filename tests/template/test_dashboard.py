"""The dashboard: current, of a form that CloudWatch documents, worst first, and about what the code emits."""

import itertools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from connect_canary import status_widget
from connect_canary.model.outcome import Outcome
from connect_canary.model.phases import Phase
from infra.dashboard.template_file import BEGIN, alarms_of, rewritten
from infra.local.server.metrics_insights import is_query, parse_query
from tests.template.cloudformation import PSEUDO, ROOT, canary, read
from tests.template.dashboard_body import COLUMNS, body, problems, shown_metrics, titled, widgets
from tests.template.emitted_metrics import CANARY, OF_LAMBDA, metric_identities

TEMPLATE = (ROOT / "template.yaml").read_text()
PRINTED = metric_identities()
MAX_FREE_METRICS = 50
MANY = [
    {},
    {"Name": "fleet", "EveryMinutes": "5", "LatencyThresholdMilliseconds": "500"},
    {"CertificateDaysThreshold": ""},
    {"CertificateDaysThreshold": "", "LatencyThresholdMilliseconds": "1", "AvailabilityObjective": "99.95"},
]
in_every_stack = pytest.mark.parametrize("values", MANY, ids=lambda values: "-".join(values) or "defaults")


# -- generated -----------------------------------------------------------------------------------------------------


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "infra.dashboard", *arguments]
    environ = {"PYTHONPATH": str(ROOT / "function")}
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=60)


def test_dashboard_is_current() -> None:
    """What stands between the markers is what the code makes of this template."""
    assert rewritten(TEMPLATE) == TEMPLATE


def test_command_writes_and_compares(tmp_path: Path) -> None:
    """A template that somebody edited is found, and one command mends it."""
    edited = tmp_path / "template.yaml"
    edited.write_text(TEMPLATE.replace('"title": "Alarms"', '"title": "Alerts"'))
    compared = _run("--check", str(edited))
    assert (compared.returncode, "run: python -m infra.dashboard --write" in compared.stderr) == (1, True)
    assert _run("--write", str(edited)).returncode == 0
    assert edited.read_text() == TEMPLATE
    assert _run("--check", str(edited)).returncode == 0


def test_command_needs_the_markers(tmp_path: Path) -> None:
    """Without them it changes nothing, and says so."""
    plain = tmp_path / "template.yaml"
    plain.write_text(TEMPLATE.replace(BEGIN, ""))
    done = _run("--write", str(plain))
    assert (done.returncode, "has no lines # dashboard: written" in done.stderr) == (2, True)
    assert BEGIN not in plain.read_text()


# -- its form ------------------------------------------------------------------------------------------------------


@in_every_stack
def test_body_is_as_documented(values: dict[str, str]) -> None:
    """Every widget has the properties of its type, in every stack."""
    assert list(problems(body(**values))) == []


def test_widgets_fill_the_grid() -> None:
    """Widgets stand side by side in 24 columns, without a gap and without an overlap."""
    cells = [
        (y, x)
        for widget in body()["widgets"]
        for x in range(widget["x"], widget["x"] + widget["width"])
        for y in range(widget["y"], widget["y"] + widget["height"])
    ]
    height = max(y for y, _ in cells) + 1
    assert sorted(cells) == [(y, x) for y in range(height) for x in range(COLUMNS)]


def test_worst_comes_first() -> None:
    """What is wrong now stands above how it has been, and that above what explains it."""
    titles = [widget["properties"].get("title", "heading") for widget in body()["widgets"]]
    assert titles == [
        "heading",
        "Alarms",
        "Availability, 24 hours",
        "Availability, 7 days",
        "Availability, 30 days",
        "Error budget, 30 days",
        "Targets that fail now",
        "Status of each target, worst first",
        "Share of healthy connects, worst 10 targets",
        "Failures by name",
        "Slowest connect, slowest 10 targets",
        "Time to connect, all targets (ms)",
        "Mean of each phase, all targets (ms)",
        "Runs and silence",
        "Certificate, days left",
        "Newest failures",
    ]


def test_widgets_look_into_their_own_region() -> None:
    """A dashboard is seen from every region, so each widget names the stack's."""
    assert {widget["region"] for widget in [*widgets("metric"), *widgets("log")]} == {PSEUDO["AWS::Region"]}


def test_pages_name_widgets_that_exist() -> None:
    """Where a page says where to look on the dashboard, there is a widget of that title."""
    pager = ROOT / "infra" / "pager" / "function" / "pager"
    named = {name for path in pager.glob("*.py") for name in re.findall(r"\(dashboard, ([^)]+)\)", path.read_text())}
    assert named
    assert named <= {widget["properties"].get("title") for widget in body()["widgets"]}


def test_range() -> None:
    """It opens on three hours, and its widgets keep their own periods whatever range is chosen."""
    assert {key: value for key, value in body().items() if key != "widgets"} == {
        "start": "-PT3H",
        "periodOverride": "inherit",
    }


def test_dashboard_name() -> None:
    """Dashboards of all regions share one name space, so the name has stack and region in it; pages link to it."""
    (dashboard,) = canary().of_type("AWS::CloudWatch::Dashboard").values()
    assert dashboard["DashboardName"] == f"{CANARY}-{PSEUDO['AWS::Region']}"
    pager = canary().resources["PagerFunction"]["Properties"]["Environment"]["Variables"]
    assert pager["PAGER_DASHBOARD"] == dashboard["DashboardName"]


def test_dashboard_left_out() -> None:
    """An account has three dashboards free; who has more may do without, and without the widget's function."""
    made = canary(DashboardEnabled="false").resources
    assert not [name for name in made if "Dashboard" in name or "StatusWidget" in name]


# -- alarms --------------------------------------------------------------------------------------------------------


@in_every_stack
def test_every_alarm_stands_on_it(values: dict[str, str]) -> None:
    """The alarms of the stack, those that a parameter makes too, and no other."""
    made = canary(**values).of_type("AWS::CloudWatch::Alarm")
    (widget,) = widgets("alarm", **values)
    assert sorted(widget["alarms"]) == sorted(f"<{name}.Arn>" for name in made)


def test_new_alarm_is_found() -> None:
    """An alarm that is added to the template, with or without a condition, is on the next dashboard."""
    more = "  NewAlarm:\n    Type: AWS::CloudWatch::Alarm\n    Condition: HasName\n    Properties: {}\n"
    template = TEMPLATE.replace("\n  CanaryDashboard:\n", f"\n{more}\n  CanaryDashboard:\n")
    assert [alarm.logical_id for alarm in alarms_of(template)][-1] == "NewAlarm"
    assert """NewAlarm: !If [HasName, !Sub ', "${NewAlarm.Arn}"', ""]""" in rewritten(template)


# -- metrics -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "fleet"])
def test_metrics_exist(name: str) -> None:
    """Every row shows a metric that is emitted, of this canary or its function; every metric of the canary is shown."""
    shown = list(shown_metrics(Name=name))
    identities = {(namespace, metric, frozenset(key for key, _ in pairs)) for namespace, metric, pairs in shown}
    assert identities <= PRINTED | OF_LAMBDA
    assert {metric for _, metric, _ in PRINTED} <= {metric for _, metric, _ in identities}
    for _, _, pairs in shown:
        fixed = {pair for pair in pairs if pair[1] is not None}
        assert fixed in ({("Canary", name or CANARY)}, {("FunctionName", "<CanaryFunction>")})


def test_metrics_are_few_for_any_number_of_targets() -> None:
    """Nothing grows with the targets: queries have a limit, SEARCH is not used, and a free dashboard has room."""
    expressions = [row[-1].get("expression", "") for widget in widgets("metric") for row in widget["metrics"]]
    queries = [parse_query(expression) for expression in expressions if is_query(expression)]
    assert not [expression for expression in expressions if "SEARCH" in expression]
    limits = [query.limit or 500 for query in queries]
    single = {metric for metric in shown_metrics() if all(value is not None for _, value in metric[2])}
    assert len(queries) >= 3
    assert sum(limits) + len(single) <= MAX_FREE_METRICS


def test_queries_show_the_worst() -> None:
    """Each query's limit keeps the worst: the least healthy, the slowest, the most frequent."""
    found = {}
    for widget in widgets("metric"):
        for row in widget["metrics"]:
            if is_query(row[-1].get("expression", "")):
                query = parse_query(row[-1]["expression"])
                found[query.metric] = re.findall(
                    r"SELECT (\w+).*GROUP BY (\w+) ORDER BY \w+\(\) (\w+)", row[-1]["expression"]
                )
    assert found == {
        "ConnectSuccess": [("AVG", "Target", "ASC")],
        "ConnectFailures": [("SUM", "Failure", "DESC")],
        "ConnectLatency": [("MAX", "Target", "DESC")],
    }


@pytest.mark.parametrize(("name", "start"), [("24 hours", "-P1D"), ("7 days", "-P7D"), ("30 days", "-P30D")])
def test_availability(name: str, start: str) -> None:
    """The share of healthy connects of all targets in its own time, whatever the dashboard shows."""
    widget = titled(f"Availability, {name}")
    assert (widget["start"], widget["setPeriodToTimeRange"], widget["view"]) == (start, True, "singleValue")
    assert _value(widget, healthy=0.9995) == pytest.approx(99.95)


@pytest.mark.parametrize(
    ("objective", "healthy", "left"),
    [("99.9", 1.0, 100), ("99.9", 0.9995, 50), ("99.9", 0.999, 0), ("99.9", 0.997, -200), ("99", 0.995, 50)],
)
def test_error_budget(objective: str, healthy: float, left: float) -> None:
    """What is left of the failures that the objective allows in 30 days; below zero it is overdrawn."""
    widget = titled("Error budget", AvailabilityObjective=objective)
    assert widget["start"] == "-P30D"
    assert _value(widget, healthy=healthy) == pytest.approx(left)


def _value(widget: dict[str, Any], *, healthy: float) -> float:
    """Return what the metric math of a widget makes of an average of the heartbeat."""
    (formula,), (*metric, options) = widget["metrics"]
    assert metric == ["IoTConnectCanary", "ConnectSuccess", "Canary", CANARY]
    assert (options["id"], options["stat"], options["visible"]) == ("healthy", "Average", False)
    assert re.fullmatch(r"[\d.*/() +-]+", formula["expression"].replace("healthy", ""))
    return float(eval(formula["expression"], {"__builtins__": {}}, {"healthy": healthy}))  # noqa: S307 - checked above


@pytest.mark.parametrize("minutes", ["1", "5", "60"])
def test_silence_is_a_zero(minutes: str) -> None:
    """Attempts that are not reported show as zero, period by period of the schedule."""
    widget = titled("Runs", EveryMinutes=minutes)
    (heard,), connects, *_ = widget["metrics"]
    assert (heard["expression"], connects[-1]["stat"]) == ("FILL(connects, 0)", "SampleCount")
    assert widget["period"] == int(minutes) * 60


# -- the log -------------------------------------------------------------------------------------------------------


def _queries() -> Iterator[tuple[str, list[str]]]:
    for widget in widgets("log"):
        source, *commands = widget["query"].split(" | ")
        assert source == "SOURCE '<CanaryLogGroup>'"
        assert commands[0] == 'filter message = "connect attempt finished"'
        yield widget["title"], commands[1:]


def test_log_queries_name_keys_of_the_record() -> None:
    """Every name in a query is a key of the record, a phase of it, or made by the query itself."""
    keys = {*Outcome.__dataclass_fields__, *(f"phases_ms.{phase}" for phase in Phase), "@timestamp"}
    words = {
        "stats",
        "fields",
        "filter",
        "sort",
        "limit",
        "by",
        "as",
        "desc",
        "bin",
        "5m",
        "avg",
        "max",
        "pct",
        "latest",
    }
    for title, commands in _queries():
        made = set(re.findall(r" as (\w+)", " ".join(commands)))
        named = {word for command in commands for word in re.findall(r"[@\w.]+", command) if not word.isdigit()}
        assert named - words - made <= keys, title


def test_targets_that_fail_now() -> None:
    """The newest record of each target decides; failure, reason and owner stand beside it."""
    (commands,) = (commands for title, commands in _queries() if title == "Targets that fail now")
    stats, condition, *_ = commands
    assert stats.endswith(" by target")
    assert "latest(healthy) as is_healthy" in stats
    assert condition == "filter is_healthy = 0"
    assert {"latest(failure)", "latest(reason)", "latest(owner)", "latest(hint)"} <= set(
        re.findall(r"latest\(\w+\)", stats)
    )


def test_phases_are_stacked() -> None:
    """Every phase that a healthy connect goes through, one on the other."""
    widget = titled("Mean of each phase")
    assert (widget["view"], widget["stacked"]) == ("timeSeries", True)
    phases = re.findall(r"avg\(phases_ms\.(\w+)\)", widget["query"])
    assert phases == [phase for phase in Phase if phase is not Phase.DISCONNECT]


# -- status and heading --------------------------------------------------------------------------------------------


def test_status_widget_asks_the_stacks_function() -> None:
    """It is drawn again whenever the dashboard shows another time, and passes nothing that could choose a log."""
    (widget,) = widgets("custom")
    assert widget["endpoint"] == "<StatusWidgetFunction.Arn>"
    assert (widget["params"], widget["updateOn"]) == ({}, {"refresh": True, "resize": True, "timeRange": True})


def test_status_widgets_function() -> None:
    """It reads the canary's log with a cell for each run, and has a full processor while somebody waits."""
    function = canary(EveryMinutes="5", Architecture="x86_64").resources["StatusWidgetFunction"]["Properties"]
    assert callable(getattr(status_widget, function["Handler"].removeprefix(f"{status_widget.__name__}.")))
    assert function == {
        "Description": "Draws the status of each target on the dashboard.",
        "CodeUri": "function/",
        "Handler": function["Handler"],
        "Runtime": "python3.13",
        "Architectures": ["x86_64"],
        "MemorySize": 1769,
        "Timeout": 20,
        "Role": "<StatusWidgetRole.Arn>",
        "Environment": {
            "Variables": {"WIDGET_LOG_GROUP": "<CanaryLogGroup>", "WIDGET_PERIOD_SECONDS": "300"},
        },
    }


@pytest.mark.parametrize("name", ["", "fleet"])
def test_heading_says_whose_it_is(name: str) -> None:
    """The text above names canary and schedule."""
    (text,) = widgets("text", Name=name, EveryMinutes="5")
    assert text["markdown"].startswith(f"# IoT connect canary {name or CANARY}\n")
    assert "(rate(5 minutes))" in text["markdown"]


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"AlarmEmail": "a@example.com"},
        {"AlarmTopicArn": "arn:aws:sns:eu-west-1:123456789012:t"},
        {"PageWebhookUrl": "ssm:/iot-connect-canary/c/webhook"},
    ],
)
def test_heading_says_who_is_told(values: dict[str, str]) -> None:
    """A stack whose pages reach nobody says so where everybody looks, as its outputs do."""
    (text,) = widgets("text", **values)
    told = canary(**values).resolve(read("template.yaml")["Outputs"]["PagesGoTo"]["Value"])
    assert f"**Pages go to {told}.**" in text["markdown"]


def test_heading_links_the_runbook() -> None:
    """Where its address is known it is a link; where it is not, it is no link that leads nowhere."""
    (text,) = widgets("text", RunbookUrl="https://wiki.example/runbook")
    assert "[Runbook](https://wiki.example/runbook) · " in text["markdown"]
    (text,) = widgets("text")
    assert "Runbook: docs/runbook.md · " in text["markdown"]


def _links() -> dict[str, str]:
    (text,) = widgets("text")
    return dict(re.findall(r"\[([^\]]+)\]\(([^)\s]+)\)", text["markdown"]))


def test_links_are_of_the_stacks_console() -> None:
    """Query, log, function and alarms, in the region of the stack."""
    links = _links()
    assert list(links) == ["Targets that fail now", "Log", "Function", "Alarms"]
    assert all(link.startswith("https://eu-west-1.console.aws.amazon.com/") for link in links.values())
    assert "<CanaryFunction>" in links["Function"]
    assert unquote(unquote(links["Log"].replace("$", "%"))).endswith("log-group/<CanaryLogGroup>")


def test_link_to_the_query_is_the_query() -> None:
    """Decoded as the console does, it is the widget's query on the stack's log group."""
    fragment = unquote(unquote(_links()["Targets that fail now"].replace("$", "%")))
    detail = fragment.partition("queryDetail=")[2]
    found = dict(itertools.pairwise(re.split(r"~(?=[(\w'])", detail.strip("~()"))))
    query = unquote(found["editorString"].removeprefix("'").replace("*", "%"))
    assert query == titled("Targets that fail now")["query"].partition(" | ")[2]
    assert unquote(detail.rpartition("'")[2].rstrip(")").replace("*", "%")) == "<CanaryLogGroup>"
