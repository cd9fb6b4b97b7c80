"""The status widget: CloudWatch's contract of custom widgets, and what the widget may be told."""

import math
from typing import Any

import pytest

from connect_canary import status_widget
from connect_canary.model.failures import Failure
from connect_canary.model.phases import Phase
from connect_canary.pages.log_reader import Budget
from connect_canary.pages.theme import DARK, LIGHT
from connect_canary.status_widget import WidgetView, lambda_handler, read_view, render
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
    assert f'fill="{theme.text}"' in render(FakeLog(events=LOG), ENVIRON, view, NO_LIMIT)


def test_widget_says_what_it_could_not_read() -> None:
    """Of a large fleet it shows the newest part, and says so."""
    events = [(NOW_MS - minute * 60_000, log_line(target=f"t{n}")) for minute in range(59, 0, -1) for n in range(20)]
    html = render(FakeLog(events=events, page_size=20), ENVIRON, VIEW, Budget(pages=9, deadline=math.inf))
    assert "Only the newest 5 minutes could be read in time" in html


def test_widget_says_that_nothing_ran() -> None:
    """An empty log is a sentence, not an empty picture."""
    assert "No attempt in this time" in render(FakeLog(events=[]), ENVIRON, VIEW, NO_LIMIT)


def test_event_cannot_choose_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever edits a dashboard may pass anything; the log group is the function's own setting."""
    log = FakeLog(events=LOG)
    monkeypatch.setattr(status_widget, "_client", lambda: log)
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)

    class Context:
        @staticmethod
        def get_remaining_time_in_millis() -> int:
            return 20_000

    event = {
        "log_group": "/other",
        "WIDGET_LOG_GROUP": "/other",
        "widgetContext": {**CONTEXT, "params": {"g": "/other"}},
    }
    lambda_handler(event, Context())
    assert {request["logGroupName"] for request in log.requests} == {"/aws/lambda/canary"}


def test_widget_imports_no_sdk() -> None:
    """Its artifact has no package besides, so importing it needs the standard library alone."""
    modules = imported("import connect_canary.status_widget")
    assert not {name.partition(".")[0] for name in modules} & {"awscrt", "awsiot", "aws_lambda_powertools", "boto3"}
