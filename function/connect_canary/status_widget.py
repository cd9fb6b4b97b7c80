"""The Lambda function of the dashboard's status widget: reads the canary's log and returns status strips as HTML.

The contract is that of CloudWatch's custom widgets (user guide, add_custom_widget_dashboard_about): an event with
`describe` returns Markdown, any other one HTML without scripts. What may be read is the environment's to say, never the
event's.
"""

import functools
import math
import os
import time
from collections.abc import Mapping
from typing import Any

from connect_canary.model.frozen import frozen
from connect_canary.pages.log_reader import Budget, Client, LogRange, read_log
from connect_canary.pages.markup import Markup, joined, tag, text
from connect_canary.pages.status_grid import grid_of_times
from connect_canary.pages.status_strip import StripStyle, max_columns, status_strips
from connect_canary.pages.target_summary import summaries_of
from connect_canary.pages.theme import DARK, LIGHT

DESCRIPTION = """\
## Status of each target
One strip a target and one cell a period, worst target first, read from the canary's log. A failed cell is taller, has
the letter of the phase in which the attempt ended, and its reason as tooltip. The time is the dashboard's; of a large
fleet the widget shows the newest part that can be read in time.

### Parameters
None. The log group is the function's own setting.
"""
MAX_ROWS = 60
_MAX_PAGES, _MAX_SECONDS, _MARGIN_S = 60, 12.0, 3.0
_DEFAULT_HOURS, _MAX_DAYS = 3, 31
_MIN_WIDTH_PX, _MAX_WIDTH_PX, _DEFAULT_WIDTH_PX, _FRAME_PX = 480, 4000, 1200, 32


@frozen
class WidgetView:
    """What the dashboard asks for: the time (milliseconds since 1970), the width, and the theme."""

    start_ms: int
    end_ms: int
    width: int
    dark: bool


def lambda_handler(event: object, context: Any) -> str:  # noqa: ANN401 - Lambda's own
    """Return the widget's HTML, or its description."""
    asked = event if isinstance(event, dict) else {}
    if asked.get("describe"):
        return DESCRIPTION
    seconds = min(_MAX_SECONDS, context.get_remaining_time_in_millis() / 1000 - _MARGIN_S)
    budget = Budget(pages=_MAX_PAGES, deadline=time.monotonic() + seconds)
    view = read_view(asked.get("widgetContext"), now_ms=time.time_ns() // 1_000_000)
    return render(_client(), os.environ, view, budget)


def read_view(context: object, *, now_ms: int) -> WidgetView:
    """Return what a widget context asks for, with defaults for what is missing or makes no sense."""
    asked = _object(context)
    times = _object(asked.get("timeRange"))
    zoom = _object(times.get("zoom")) or times
    end = min(_whole(zoom.get("end"), now_ms), now_ms)
    start = _whole(zoom.get("start"), end)
    if not 0 <= start < end:
        start = max(0, end - _DEFAULT_HOURS * 3_600_000)
    width = _whole(asked.get("width"), _DEFAULT_WIDTH_PX) - _FRAME_PX
    return WidgetView(
        start_ms=max(start, end - _MAX_DAYS * 86_400_000),
        end_ms=end,
        width=min(max(width, _MIN_WIDTH_PX), _MAX_WIDTH_PX),
        dark=asked.get("theme") == "dark",
    )


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _whole(value: object, default: int) -> int:
    known = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return int(value) if known and isinstance(value, int | float) else default


def render(client: Client, environ: Mapping[str, str], view: WidgetView, budget: Budget) -> str:
    """Return the widget's HTML for a view of the log."""
    theme = DARK if view.dark else LIGHT
    wanted = LogRange(group=environ["WIDGET_LOG_GROUP"], start_ms=view.start_ms, end_ms=view.end_ms)
    found = read_log(client, wanted, budget)
    if not found.records:
        return _paragraph(
            "No attempt in this time: the canary did not run, or the dashboard shows another time.", theme.text
        )
    grid = grid_of_times(
        found.records,
        start=found.start_ms / 1000,
        end=view.end_ms / 1000,
        period_s=float(environ["WIDGET_PERIOD_SECONDS"]),
        max_columns=max_columns(view.width),
    )
    strips = status_strips(
        grid, summaries_of(found.records), StripStyle(width=view.width, theme=theme, max_rows=MAX_ROWS)
    )
    return joined(strips, _paragraph(_coverage(found.start_ms, view), theme.quiet))


def _coverage(start_ms: int, view: WidgetView) -> str:
    if start_ms <= view.start_ms:
        return "Times are UTC."
    minutes = (view.end_ms - start_ms) // 60_000
    return f"Times are UTC. Only the newest {minutes} minutes could be read in time; choose a shorter time to see all."


def _paragraph(sentence: str, colour: str) -> Markup:
    return tag("p", text(sentence), style=f"color: {colour}; font-size: 12px; margin: 4px 0")


@functools.cache
def _client() -> Client:
    import boto3  # noqa: PLC0415 - the runtime's, which importing this module does not need

    return boto3.client("logs")
