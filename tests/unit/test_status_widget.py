"""The status widget: CloudWatch's contract of custom widgets, and what the widget may be told."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from connect_canary import status_widget
from connect_canary.model.failures import Failure
from connect_canary.model.phases import Phase
from connect_canary.pages.log_reader import Budget, Client, LogRange, LogRecords, read_log
from connect_canary.pages.theme import DARK, LIGHT
from connect_canary.status_widget import WidgetView, lambda_handler, read_view, render
from tests.unit.fake_aws import FakeAws, Request, Response, serving
from tests.unit.fake_log import FakeLog, log_line
from tests.unit.handler_process import imported

NOW_MS = 1_764_000_000_000
HOUR_MS = 3_600_000
ENVIRON = {"WIDGET_LOG_GROUP": "/aws/lambda/canary", "WIDGET_PERIOD_SECONDS": "60"}
VIEW = WidgetView(start_ms=NOW_MS - HOUR_MS, end_ms=NOW_MS, width=1100, dark=False)
NO_LIMIT = Budget(pages=1000, deadline=math.inf)
FAILED: dict[str, Any] = {
    "healthy": False,
    "failure": Failure.DNS_FAILED,
    "phase": Phase.DNS,
    "reason": "<b>no such name</b>",
}
LOG = [(NOW_MS - minute * 60_000, log_line(**(FAILED if minute == 1 else {}))) for minute in range(50, 0, -1)]
# As the user guide shows it (add_custom_widget_dashboard_about).
CONTEXT: dict[str, Any] = {
    "dashboardName": "Name-of-current-dashboard",
    "widgetId": "widget-16",
    "period": 300,
    "timeRange": {
        "mode": "relative",
        "start": NOW_MS - 2 * HOUR_MS,
        "end": NOW_MS - HOUR_MS,
        "relativeStart": 86400012,
    },
    "theme": "dark",
    "params": {"original": "param-to-widget"},
    "width": 588,
    "height": 369,
}


def test_description_needs_no_log() -> None:
    """CloudWatch asks for it in Markdown, before anything is set up."""
    assert lambda_handler({"describe": True}, None).startswith("## ")


def test_view_is_the_dashboards() -> None:
    """Time, width and theme are those of the dashboard; a zoom is what is looked at."""
    view = read_view(CONTEXT, now_ms=NOW_MS)
    assert (view.start_ms, view.end_ms) == (NOW_MS - 2 * HOUR_MS, NOW_MS - HOUR_MS)
    assert (view.width, view.dark) == (556, True)
    zoom = {"start": NOW_MS - 90 * 60_000, "end": NOW_MS - 80 * 60_000}
    zoomed = read_view({**CONTEXT, "timeRange": {**CONTEXT["timeRange"], "zoom": zoom}}, now_ms=NOW_MS)
    assert (zoomed.start_ms, zoomed.end_ms) == (zoom["start"], zoom["end"])


@pytest.mark.parametrize(
    "context",
    [
        *(None, [], {}, {"timeRange": 3}, {"timeRange": {"start": "x", "end": None}}, {"width": "wide"}),
        {"timeRange": {"start": NOW_MS + 5, "end": NOW_MS + 9 * HOUR_MS}},
        {"timeRange": {"start": NOW_MS, "end": NOW_MS}},
        {"timeRange": {"start": -5, "end": math.nan, "zoom": []}, "theme": 3},
    ],
)
def test_view_has_defaults(context: object) -> None:
    """What is missing or makes no sense is the newest three hours."""
    view = read_view(context, now_ms=NOW_MS)
    assert (view.start_ms, view.end_ms) == (NOW_MS - 3 * HOUR_MS, NOW_MS)
    assert (view.width, view.dark) == (1168, False)


def test_view_is_bounded() -> None:
    """Years of log and a wall of screens are more than a function can draw."""
    view = read_view({"timeRange": {"start": 0, "end": NOW_MS}, "width": 10**9}, now_ms=NOW_MS)
    assert NOW_MS - view.start_ms == 31 * 24 * HOUR_MS
    assert view.width == 4000
    assert read_view({"width": 1}, now_ms=NOW_MS).width == 480
    first = read_view({"timeRange": {"start": -1, "end": HOUR_MS}}, now_ms=NOW_MS)
    assert (first.start_ms, first.end_ms) == (0, HOUR_MS)


def test_widget_draws_the_log() -> None:
    """One strip a target, with the reason of a failure as text; it ends with what its times are."""
    html = render(FakeLog(events=LOG), ENVIRON, VIEW, NO_LIMIT)
    assert html.startswith("<svg ")
    assert "DnsFailed in phase dns; &lt;b&gt;no such name&lt;/b&gt;" in html
    assert "98.00%" in html
    assert html.endswith("Times are UTC.</p>")


@pytest.mark.parametrize(("dark", "theme"), [(False, LIGHT), (True, DARK)])
def test_widget_has_the_dashboards_theme(dark: bool, theme: Any) -> None:  # noqa: FBT001 - a parameter of the test
    """Text can be read on the console's background."""
    view = WidgetView(start_ms=VIEW.start_ms, end_ms=VIEW.end_ms, width=1100, dark=dark)
    html = render(FakeLog(events=LOG), ENVIRON, view, NO_LIMIT)
    assert f'fill="{theme.text}"' in html
    assert f"color: {theme.quiet};" in html


def test_widget_says_what_it_could_not_read() -> None:
    """Of a large fleet it shows the newest part, and says so."""
    events = [(NOW_MS - minute * 60_000, log_line(target=f"t{n}")) for minute in range(59, 0, -1) for n in range(20)]
    html = render(FakeLog(events=events, page_size=20), ENVIRON, VIEW, Budget(pages=9, deadline=math.inf))
    assert "Only the newest 5 minutes could be read in time" in html


def test_widget_says_that_nothing_ran() -> None:
    """An empty log is a sentence, not an empty picture."""
    assert "No attempt in this time" in render(FakeLog(events=[]), ENVIRON, VIEW, NO_LIMIT)


class _Context:
    """Lambda's, of which the widget asks for the time that is left."""

    def __init__(self, left_ms: int) -> None:
        self._left_ms = left_ms

    def get_remaining_time_in_millis(self) -> int:
        return self._left_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What the function reads for one event, and between which moments it was called."""

    wanted: LogRange
    budget: Budget
    log: FakeLog
    html: str
    times_ms: tuple[float, float]
    clock: tuple[float, float]


def _invoke(monkeypatch: pytest.MonkeyPatch, event: object, *, left_ms: int = 20_000) -> _Read:
    """Return what the Lambda function does with an event, with a log that has a page for each record."""
    log, reads = FakeLog(events=LOG, page_size=1), list[tuple[LogRange, Budget]]()

    def read(client: Client, wanted: LogRange, budget: Budget) -> LogRecords:
        reads.append((wanted, budget))
        return read_log(client, wanted, budget)

    monkeypatch.setattr(status_widget, "_client", lambda: log)
    monkeypatch.setattr(status_widget, "read_log", read)
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    began, began_ms = time.monotonic(), time.time() * 1000
    html = lambda_handler(event, _Context(left_ms))
    ((wanted, budget),) = reads
    return _Read(
        wanted=wanted,
        budget=budget,
        log=log,
        html=html,
        times_ms=(began_ms, time.time() * 1000),
        clock=(began, time.monotonic()),
    )


def test_event_cannot_choose_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever edits a dashboard may pass anything; the log group is the function's own setting."""
    event = {
        "log_group": "/other",
        "WIDGET_LOG_GROUP": "/other",
        "widgetContext": {**CONTEXT, "params": {"g": "/other"}},
    }
    read = _invoke(monkeypatch, event)
    assert {request["logGroupName"] for request in read.log.requests} == {"/aws/lambda/canary"}
    assert (read.wanted.start_ms, read.wanted.end_ms) == (NOW_MS - 2 * HOUR_MS, NOW_MS - HOUR_MS)


@pytest.mark.parametrize("event", [None, "describe", {}])
def test_event_without_a_context_shows_the_newest_hours(monkeypatch: pytest.MonkeyPatch, event: object) -> None:
    """Until now, on this host's clock."""
    read = _invoke(monkeypatch, event)
    assert read.times_ms[0] - 1 <= read.wanted.end_ms <= read.times_ms[1]
    assert read.wanted.end_ms - read.wanted.start_ms == 3 * HOUR_MS
    assert "No attempt in this time" in read.html


@pytest.mark.parametrize(("left_ms", "read_s"), [(60_000, 12.0), (15_000, 12.0), (10_000, 7.0), (2_000, -1.0)])
def test_log_is_read_for_as_long_as_the_function_may_still_draw(
    monkeypatch: pytest.MonkeyPatch, left_ms: int, read_s: float
) -> None:
    """Three seconds are left for that, and CloudWatch itself waits no longer than for twelve seconds of reading."""
    read = _invoke(monkeypatch, {}, left_ms=left_ms)
    assert read.clock[0] + read_s <= read.budget.deadline <= read.clock[1] + read_s
    assert read.budget.pages == 60


def test_large_fleet_is_cut() -> None:
    """To 60 rows; what is left out is counted."""
    events = [(NOW_MS - 60_000, log_line(target=f"t{number:02}")) for number in range(63)]
    html = render(FakeLog(events=events), ENVIRON, VIEW, NO_LIMIT)
    assert "and 3 more, all without a failure" in html


class _EmptyLog(FakeAws):
    def respond(self, operation: str, body: Mapping[str, Any], region: str) -> Response:
        self.requests.append(Request(operation=operation, body=body, region=region))
        return 200, {"events": []}


def test_log_is_read_by_the_runtimes_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    """FilterLogEvents, with the function's own region and credentials."""
    names = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "hidden", "AWS_DEFAULT_REGION": "eu-west-1"}
    with serving(aws := _EmptyLog()):
        for name, value in {**ENVIRON, **names, "AWS_ENDPOINT_URL": aws.url}.items():
            monkeypatch.setenv(name, value)
        assert "No attempt in this time" in lambda_handler({}, _Context(20_000))
    assert {(request.operation, request.region) for request in aws.requests} == {("FilterLogEvents", "eu-west-1")}
    assert {request.body["logGroupName"] for request in aws.requests} == {"/aws/lambda/canary"}


def test_widget_imports_no_sdk() -> None:
    """Its artifact has no package besides, so importing it needs the standard library alone."""
    modules = imported("import connect_canary.status_widget")
    assert not {name.partition(".")[0] for name in modules} & {"awscrt", "awsiot", "aws_lambda_powertools", "boto3"}
