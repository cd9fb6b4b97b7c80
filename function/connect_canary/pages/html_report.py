"""A page of results as HTML: one file, without scripts and without anything from elsewhere."""

from collections.abc import Iterator, Sequence

from connect_canary.model.frozen import frozen
from connect_canary.model.percentile import percentile
from connect_canary.pages.attempt_record import AttemptRecord
from connect_canary.pages.markup import Markup, joined, number, tag, text
from connect_canary.pages.status_grid import StatusGrid
from connect_canary.pages.status_strip import StripStyle, status_strips
from connect_canary.pages.target_summary import TargetSummary, failures_by_name, percent, summaries_of
from connect_canary.pages.theme import LIGHT, PHASE_COLOURS

WIDTH_PX = 1100
MAX_TARGETS = 500
_MAX_CARDS, _BAR_PX, _BAR_HEIGHT_PX = 50, 300, 12
_STYLE = f"""
body {{ margin: 0; padding: 28px; background: {LIGHT.page}; color: {LIGHT.text};
  font: 14px/1.45 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; }}
main {{ max-width: {WIDTH_PX}px; margin: 0 auto; }}
h1 {{ font-size: 22px; margin: 0 0 2px; }} h2 {{ font-size: 15px; margin: 0 0 12px; }}
.quiet {{ color: {LIGHT.quiet}; }}
section, .tile, .card {{ background: {LIGHT.card}; border: 1px solid {LIGHT.line}; border-radius: 8px; }}
section {{ padding: 16px 20px; margin: 16px 0; overflow-x: auto; }}
.tiles {{ display: flex; flex-wrap: wrap; gap: 12px; margin: 16px 0; }}
.tile {{ flex: 1; min-width: 130px; padding: 12px 16px; }}
.tile b {{ display: block; font-size: 24px; font-weight: 600; }}
.bad b {{ color: {LIGHT.failed}; }} .good b {{ color: #1d7f5f; }}
.card {{ padding: 12px 16px; margin: 10px 0; border-left: 5px solid {LIGHT.failed}; }}
.runs {{ font-weight: 400; margin-left: 8px; }}
.card h3 {{ font-size: 15px; margin: 0 0 6px; overflow-wrap: anywhere; }}
dl {{ display: grid; grid-template-columns: 74px 1fr; gap: 2px 12px; margin: 0; }}
dt {{ color: {LIGHT.quiet}; }} dd {{ margin: 0; overflow-wrap: anywhere; }}
table {{ border-collapse: collapse; width: 100%; }}
th {{ text-align: left; color: {LIGHT.quiet}; font-weight: 500; }}
th, td {{ padding: 4px 14px 4px 0; border-bottom: 1px solid {LIGHT.line}; overflow-wrap: anywhere; }}
.n {{ text-align: right; white-space: nowrap; }} tr:last-child td {{ border-bottom: 0; }}
.key {{ display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin: 0 5px 0 14px; }}
"""


@frozen
class Report:
    """What a page shows: its heading, where its records are from, the records, and their grid."""

    heading: str
    source: str
    records: Sequence[AttemptRecord]
    grid: StatusGrid


def html_report(report: Report) -> str:
    """Return the page."""
    summaries = summaries_of(report.records)
    body = tag(
        "main",
        tag("h1", text(report.heading)),
        tag("div", text(report.source), class_="quiet"),
        _tiles(summaries),
        *_failing(summaries),
        _section("Every target, worst first", _strips(report.grid, summaries)),
        *_failures(summaries),
        *_latencies(summaries),
    )
    head = joined(
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content="default-src 'none'; style-src 'unsafe-inline'"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", text(report.heading)),
        tag("style", Markup(_STYLE)),
    )
    return f"<!doctype html>\n{tag('html', tag('head', head), tag('body', body), lang='en')}\n"


def _section(heading: str, *content: Markup) -> Markup:
    return tag("section", tag("h2", heading), *content)


def _strips(grid: StatusGrid, summaries: Sequence[TargetSummary]) -> Markup:
    return status_strips(grid, summaries, StripStyle(width=WIDTH_PX - 42, theme=LIGHT, max_rows=MAX_TARGETS))


def _tiles(summaries: Sequence[TargetSummary]) -> Markup:
    records = [record for summary in summaries for record in summary.records]
    healthy = sum(record.healthy for record in records)
    well = sum(summary.newest.healthy for summary in summaries)
    latencies = [ms for summary in summaries for ms in summary.connect_ms]
    tiles = [
        _tile("targets healthy now", f"{well} of {len(summaries)}", good=well == len(summaries)),
        _tile(f"of {len(records):,} attempts healthy", percent(healthy / len(records)), good=healthy == len(records)),
        _tile("failures", f"{len(records) - healthy:,}", good=healthy == len(records)),
    ]
    if latencies:
        tiles += [
            _tile(f"ms to connect, p{100 * share:.0f}", f"{percentile(latencies, share):,.0f}") for share in (0.5, 0.9)
        ]
    days = [left for each in summaries if (left := each.newest.certificate_days_left) is not None]
    if days:
        tiles.append(_tile("days left, certificate", f"{min(days):,.0f}", good=None if min(days) > 0 else False))
    return tag("div", *tiles, class_="tiles")


def _tile(label: str, value: str, *, good: bool | None = None) -> Markup:
    colour = "" if good is None else " good" if good else " bad"
    return tag("div", tag("b", value), tag("span", label, class_="quiet"), class_=f"tile{colour}")


def _failing(summaries: Sequence[TargetSummary]) -> Iterator[Markup]:
    ill = [summary for summary in summaries if not summary.newest.healthy]
    if ill:
        cards = [_card(summary) for summary in ill[:_MAX_CARDS]]
        more = [tag("p", f"and {len(ill) - _MAX_CARDS} more", class_="quiet")] if len(ill) > _MAX_CARDS else []
        yield _section("Failing now", *cards, *more)


def _card(summary: TargetSummary) -> Markup:
    newest, row = summary.newest, len(summary.failed_in_a_row)
    where = f" in phase {newest.phase}" if newest.phase else ""
    runs = "1 attempt" if row == 1 else f"{row} attempts in a row"
    pairs = {
        "endpoint": newest.endpoint,
        "expected": "to be refused" if newest.expect == "refuse" else None,
        "reason": newest.reason,
        "owner": newest.owner,
        "to do": newest.hint,
    }
    listed = [joined(tag("dt", name), tag("dd", text(value, limit=400))) for name, value in pairs.items() if value]
    heading = text(f"{summary.target}: {newest.failure or 'failed'}{where}")
    return tag(
        "div", tag("h3", heading, tag("span", f"({runs})", class_="quiet runs")), tag("dl", *listed), class_="card"
    )


def _failures(summaries: Sequence[TargetSummary]) -> Iterator[Markup]:
    counts = failures_by_name(summaries)
    if not counts:
        return
    most = max(counts.values())
    rows = [
        tag(
            "tr",
            tag("td", text(name)),
            tag("td", str(count), class_="n"),
            tag("td", _bar([(count, LIGHT.failed)], most)),
        )
        for name, count in counts.most_common(_MAX_CARDS)
    ]
    yield _section("Failures by name", tag("table", *rows))


def _latencies(summaries: Sequence[TargetSummary]) -> Iterator[Markup]:
    slowest = sorted((each for each in summaries if each.connect_ms), key=lambda each: -each.slow_ms)[:_MAX_CARDS]
    if not slowest:
        return
    titles = [tag("th", "target"), *(tag("th", title, class_="n") for title in ("min", "p50", "p90", "max"))]
    most = max(sum(each.phases_ms.values()) for each in slowest) or 1.0
    rows = [_latency_row(each, most) for each in slowest]
    used = {phase for each in slowest for phase in each.phases_ms}
    keys = [
        joined(tag("span", Markup(""), class_="key", style=f"background: {colour}"), str(phase))
        for phase, colour in PHASE_COLOURS.items()
        if phase in used
    ]
    heading = f"Milliseconds to connect, slowest first{'' if len(slowest) < _MAX_CARDS else f' ({_MAX_CARDS} at most)'}"
    table = tag("table", tag("tr", *titles, tag("th", "mean of each phase")), *rows)
    yield _section(heading, table, tag("p", *keys, class_="quiet"))


def _latency_row(summary: TargetSummary, most: float) -> Markup:
    ms = summary.connect_ms
    figures = (min(ms), percentile(ms, 0.5), percentile(ms, 0.9), max(ms))
    stack = [(duration, PHASE_COLOURS[phase]) for phase, duration in summary.phases_ms.items()]
    return tag(
        "tr",
        tag("td", text(summary.target)),
        *(tag("td", f"{figure:,.1f}", class_="n") for figure in figures),
        tag("td", _bar(stack, most)),
    )


def _bar(parts: Sequence[tuple[float, str]], most: float) -> Markup:
    """Return a horizontal bar of stacked parts, as long as their sum's share of `most`."""
    rects, x = [], 0.0
    for value, colour in parts:
        width = value / most * _BAR_PX
        rects.append(tag("rect", x=number(x), y=0, width=number(max(width, 0.5)), height=_BAR_HEIGHT_PX, fill=colour))
        x += width
    return tag(
        "svg", *rects, width=_BAR_PX, height=_BAR_HEIGHT_PX, role="img", aria_label=number(sum(p for p, _ in parts))
    )
