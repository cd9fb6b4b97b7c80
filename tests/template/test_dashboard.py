"""The dashboard: every widget shows what its title names, for this canary and region."""

import json
import re
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import pytest

from connect_canary.model.outcome import Outcome
from tests.template.cloudformation import PSEUDO, canary
from tests.template.emitted_metrics import CANARY, OF_LAMBDA, metric_identities

PRINTED: Final = metric_identities()
TARGET: Final = ("Canary", "Target")
OF_FUNCTION: Final = ("FunctionName",)
_SEARCH: Final = re.compile(
    r"SEARCH\('\{(?P<schema>[^}]+)\} MetricName=\"(?P<name>\w+)\" Canary=\"(?P<canary>[^\"]+)\"', "
    r"'(?P<statistic>\w+)', (?P<period>\d+)\)"
)
EVERY_RUN: Final = 0


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one row of a widget shows; the period is the schedule's where it is `EVERY_RUN`."""

    name: str
    dimensions: tuple[str, ...]
    statistic: str
    period: int | None = EVERY_RUN
    axis: str = "left"

    def every(self, period: int) -> Self:
        """Return the row for a schedule's period."""
        return replace(self, period=period) if self.period == EVERY_RUN else self


SHOWN: Final = {
    "Success by target (0 or 1)": {Row(name="ConnectSuccess", dimensions=TARGET, statistic="Minimum")},
    "Share of healthy connects in the range shown": {
        Row(name="ConnectSuccess", dimensions=("Canary",), statistic="Average", period=None)
    },
    "Connect latency": {
        Row(name="ConnectLatency", dimensions=TARGET, statistic=statistic, period=300)
        for statistic in ("p50", "p90", "Maximum")
    },
    "Certificate, days left": {
        Row(name="CertificateDaysLeft", dimensions=("Canary",), statistic="Minimum", period=3600),
    },
    "Failures by name": {Row(name="ConnectFailures", dimensions=(*TARGET, "Failure"), statistic="Sum")},
    "The canary itself": {
        *(Row(name=name, dimensions=OF_FUNCTION, statistic="Sum") for name in ("Invocations", "Errors", "Throttles")),
        Row(name="Duration", dimensions=OF_FUNCTION, statistic="Maximum", axis="right"),
    },
}
VIEWS: Final = {
    "Success by target (0 or 1)": ("timeSeries", {"left": {"min": 0, "max": 1.1}}),
    "Share of healthy connects in the range shown": ("singleValue", {}),
    "Connect latency": ("timeSeries", {"left": {"min": 0, "label": "ms", "showUnits": False}}),
    "Certificate, days left": ("singleValue", {}),
    "Failures by name": ("timeSeries", {"left": {"min": 0}}),
    "The canary itself": ("timeSeries", {"right": {"min": 0, "label": "ms", "showUnits": False}}),
    "Recent failures": ("table", {}),
}


def _body(**values: str) -> dict[str, Any]:
    (dashboard,) = canary(**values).of_type("AWS::CloudWatch::Dashboard").values()
    return dict(json.loads(dashboard["DashboardBody"]))


def _widgets(kind: str, **values: str) -> list[dict[str, Any]]:
    """Return the properties of the widgets of a kind."""
    return [widget["properties"] for widget in _body(**values)["widgets"] if widget["type"] == kind]


def _row(widget: dict[str, Any], metric: list[Any], name: str) -> tuple[str, Row]:
    """Return the namespace and what a row of the canary `name` shows, be it a metric or a search."""
    period = None if widget.get("setPeriodToTimeRange") else widget["period"]
    if isinstance(metric[0], dict):
        return _searched(metric[0]["expression"], period, name)
    *texts, options = metric if isinstance(metric[-1], dict) else [*metric, {}]
    namespace, metric_name, *dimensions = texts
    values = dict(zip(dimensions[::2], dimensions[1::2], strict=True))
    assert values.items() <= {("Canary", name), ("FunctionName", "<CanaryFunction>")}
    statistic = options.get("stat", widget.get("stat", "Average"))
    axis = options.get("yAxis", "left")
    return namespace, Row(name=metric_name, dimensions=tuple(values), statistic=statistic, period=period, axis=axis)


def _searched(expression: str, period: int | None, name: str) -> tuple[str, Row]:
    search = _SEARCH.fullmatch(expression)
    assert search is not None, expression
    assert search["canary"] == name
    # The widget draws its graph with its own period, so both must say the same.
    assert int(search["period"]) == period
    namespace, *dimensions = search["schema"].split(",")
    return namespace, Row(
        name=search["name"], dimensions=tuple(dimensions), statistic=search["statistic"], period=period
    )


@pytest.mark.parametrize("name", [CANARY, "fleet"])
@pytest.mark.parametrize("period", [60, 300])
def test_dashboard_shows(period: int, name: str) -> None:
    """Each widget's rows are the metrics, dimensions, statistics and periods that its title promises."""
    widgets = _widgets("metric", EveryMinutes=str(period // 60), **({"Name": name} if name != CANARY else {}))
    actual = {w["title"]: {_row(w, metric, name)[1] for metric in w["metrics"]} for w in widgets}
    assert actual == {title: {row.every(period) for row in rows} for title, rows in SHOWN.items()}
    assert [w["title"] for w in widgets] == list(SHOWN)


def test_dashboard_metrics_exist() -> None:
    """Every row shows a metric that exists, and every metric of the canary is shown."""
    rows = [_row(widget, metric, CANARY) for widget in _widgets("metric") for metric in widget["metrics"]]
    watched = {(namespace, row.name, frozenset(row.dimensions)) for namespace, row in rows}
    assert watched <= PRINTED | OF_LAMBDA
    assert {name for _, name, _ in PRINTED} <= {name for _, name, _ in watched}


def test_dashboard_views() -> None:
    """Each widget draws what it shows in a view and on axes that suit it."""
    widgets = [*_widgets("metric"), *_widgets("log")]
    assert {w["title"]: (w["view"], w.get("yAxis", {})) for w in widgets} == VIEWS
    assert {w["title"] for w in widgets if w.get("stacked")} == {"Failures by name"}


def test_dashboard_looks_into_its_own_region() -> None:
    """A dashboard is seen from every region, so each widget names the stack's."""
    widgets = [*_widgets("metric"), *_widgets("log")]
    assert {widget["region"] for widget in widgets} == {PSEUDO["AWS::Region"]}


def test_dashboard_rows_told_apart() -> None:
    """Ids are unique within a widget, and where a widget has several searches each has its label."""
    for widget in _widgets("metric"):
        searches = [metric[0] for metric in widget["metrics"] if isinstance(metric[0], dict)]
        assert len({search["id"] for search in searches}) == len(searches)
        assert len({search["label"] for search in searches}) == len(searches)


def test_dashboard_latency_labels() -> None:
    """The labels of the latencies are their statistics."""
    (latency,) = [widget for widget in _widgets("metric") if widget["title"] == "Connect latency"]
    labels = {search["label"]: _row(latency, [search], CANARY)[1].statistic for (search,) in latency["metrics"]}
    assert labels == {"p50": "p50", "p90": "p90", "max": "Maximum"}


def test_dashboard_range() -> None:
    """It opens on three hours, and its widgets keep their own periods whatever range is chosen."""
    assert {key: value for key, value in _body().items() if key != "widgets"} == {
        "start": "-PT3H",
        "periodOverride": "inherit",
    }


@pytest.mark.parametrize("name", ["", "fleet"])
def test_dashboard_says_whose_it_is(name: str) -> None:
    """The text above names canary, schedule, function and log group."""
    (text,) = _widgets("text", Name=name, EveryMinutes="5")
    for part in (f"canary {name or CANARY}\n", "(rate(5 minutes))", "**<CanaryFunction>**", "**<CanaryLogGroup>**"):
        assert part in text["markdown"]


def test_dashboard_log_query() -> None:
    """The query reads the newest failures of the canary's log group, and keys that the record has."""
    (query,) = [widget["query"] for widget in _widgets("log")]
    source, condition, fields, order, limit = query.split(" | ")
    assert source == "SOURCE '<CanaryLogGroup>'"
    assert condition == 'filter message = "connect attempt finished" and healthy = 0'
    assert (order, limit) == ("sort @timestamp desc", "limit 50")
    first, *keys = fields.removeprefix("fields ").split(", ")
    assert first == "@timestamp"
    assert {"target", "phase", "failure", "reason", "hint"} <= set(keys) <= set(Outcome.__dataclass_fields__)


def test_dashboard_widgets_fill_the_grid() -> None:
    """Widgets stand side by side in 24 columns, without a gap and without an overlap."""
    cells = [
        (y, x)
        for widget in _body()["widgets"]
        for x in range(widget["x"], widget["x"] + widget["width"])
        for y in range(widget["y"], widget["y"] + widget["height"])
    ]
    height = max(y for y, _ in cells) + 1
    assert sorted(cells) == [(y, x) for y in range(height) for x in range(24)]


def test_dashboard_name() -> None:
    """Dashboards of all regions share one name space, so the name has stack and region in it."""
    (dashboard,) = canary().of_type("AWS::CloudWatch::Dashboard").values()
    assert dashboard["DashboardName"] == f"{CANARY}-{PSEUDO['AWS::Region']}"


def test_dashboard_left_out() -> None:
    """An account has three dashboards free; who has more may do without."""
    stack = canary(DashboardEnabled="false")
    assert stack.of_type("AWS::CloudWatch::Dashboard") == {}
