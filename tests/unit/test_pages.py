"""Records, cells, strips and pages: what they show, and that foreign text stays text."""

import re
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connect_canary.model.failures import Failure
from connect_canary.model.owners import Owner
from connect_canary.model.phases import Phase
from connect_canary.pages.attempt_record import AttemptRecord, RecordError, read_record
from connect_canary.pages.html_report import MAX_TARGETS, Report, html_report
from connect_canary.pages.markup import Markup, tag, text
from connect_canary.pages.status_grid import LETTERS, OTHER_LETTER, CellState, grid_of_runs, grid_of_times
from connect_canary.pages.status_strip import MAX_BYTES, StripStyle, max_columns, status_strips
from connect_canary.pages.target_summary import percent, summaries_of
from connect_canary.pages.theme import DARK, LIGHT, PHASE_COLOURS
from tests.unit.approved_pages import APPROVED, FOLDER, in_lines
from tests.unit.factories import outcome_of

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = """</title></svg><script>alert(1)</script><img src=x onerror="alert(1)">' " & \x00\x1b[31m \u202e]]>"""
FAILED: dict[str, Any] = {
    "healthy": False,
    "connect_ms": None,
    "failure": Failure.NOT_AUTHORIZED,
    "phase": Phase.CONNACK,
    "reason": "CONNACK 135 Not authorized",
    "owner": Owner.IAM,
    "hint": "Check the policy.",
}
STYLE = StripStyle(width=1200, theme=LIGHT, max_rows=100)


def record(at: float | None = None, **facts: Any) -> AttemptRecord:
    """Return the record of a healthy connect, with `facts` instead, through the code's own return value."""
    return read_record(outcome_of(**facts).as_dict(), at=at)


def strips(*runs: list[AttemptRecord], style: StripStyle = STYLE) -> Markup:
    """Return the strips of these runs."""
    grid = grid_of_runs(runs, max_columns=max_columns(style.width))
    return status_strips(grid, summaries_of(each for run in runs for each in run), style)


def page_of(*runs: list[AttemptRecord], heading: str = "canary") -> str:
    """Return the page of these runs."""
    grid = grid_of_runs(runs, max_columns=80)
    records = [each for run in runs for each in run]
    return html_report(Report(heading=heading, source="2 runs", records=records, grid=grid))


# -- records -------------------------------------------------------------------------------------------------------


def test_record_is_read_from_the_return_value() -> None:
    """Every fact that a page shows is that of the outcome."""
    found = record(7.0, **FAILED)
    assert (found.target, found.at, found.healthy, found.phase) == ("prod", 7.0, False, Phase.CONNACK)
    assert (found.failure, found.reason, found.owner, found.hint) == (
        *("NotAuthorized", "CONNACK 135 Not authorized", "IAM team", "Check the policy."),
    )
    healthy = record()
    assert (healthy.connect_ms, healthy.phases_ms["tls"], healthy.certificate_days_left) == (94.12, 17.4, 213.46)


@pytest.mark.parametrize("document", [None, [], "x", {}, {"target": "a"}, {"target": 1, "healthy": True}])
def test_what_is_no_record_is_refused(document: object) -> None:
    """A record has at least a target and whether it is healthy."""
    with pytest.raises(RecordError):
        read_record(document)
    with pytest.raises(RecordError):
        read_record({"target": "a", "healthy": 1})


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*outcome_of().as_dict(), "other"]), _JSON))
def test_facts_of_a_wrong_type_are_unknown(facts: Mapping[str, Any]) -> None:
    """A log may hold anything; a record that is one can be drawn."""
    found = read_record({**facts, "target": "a", "healthy": False})
    assert "<svg" in strips([found])


# -- cells ---------------------------------------------------------------------------------------------------------


def test_letters_tell_the_phases_apart() -> None:
    """Each phase has a letter and a colour of its own."""
    assert LETTERS.keys() == PHASE_COLOURS.keys() == {*Phase}
    assert len({*LETTERS.values(), OTHER_LETTER}) == len(Phase) + 1
    assert len(set(PHASE_COLOURS.values())) == len(Phase)


def test_cells_of_runs() -> None:
    """A column for each run; a target that a run lacks did not run."""
    grid = grid_of_runs([[record()], [record(**FAILED)], [record(target="b")]], max_columns=80)
    assert list(grid.labels) == ["run 1", "run 2", "run 3"]
    states = {name: [cell.state for cell in row] for name, row in grid.rows.items()}
    no, yes = CellState.NO_RUN, CellState.HEALTHY
    assert states == {"prod": [yes, CellState.FAILED, no], "b": [no, no, yes]}


def test_many_runs_share_a_column() -> None:
    """More runs than columns are counted together, and no failure is hidden by a healthy run."""
    runs = [[record(**(FAILED if number == 3 else {}))] for number in range(10)]
    grid = grid_of_runs(runs, max_columns=4)
    assert list(grid.labels) == ["runs 1 to 3", "runs 4 to 6", "runs 7 to 9", "run 10"]
    (row,) = grid.rows.values()
    some = CellState.SOME_FAILED
    assert [cell.state for cell in row] == [CellState.HEALTHY, some, CellState.HEALTHY, CellState.HEALTHY]
    assert (row[1].failures, row[1].attempts, row[1].letter) == (1, 3, "M")


def test_cells_of_times() -> None:
    """A column for each period, in UTC; attempts outside of the time, or without one, are left out."""
    records = [record(at, **(FAILED if at == 130 else {})) for at in (-5, 10, 130, 190, 9999)] + [record()]
    grid = grid_of_times(records, start=0, end=240, period_s=60, max_columns=80)
    assert list(grid.labels) == ["00:00", "00:01", "00:02", "00:03"]
    (row,) = grid.rows.values()
    assert [cell.state for cell in row] == [
        *(CellState.HEALTHY, CellState.NO_RUN, CellState.FAILED, CellState.HEALTHY),
    ]


def test_time_within_one_period_is_one_cell() -> None:
    """However short it is."""
    for end in (60.0, 60.5, 119.0):
        assert list(grid_of_times([], start=60, end=end, period_s=60, max_columns=80).labels) == ["00:01"]


def test_long_times_have_wider_cells() -> None:
    """A week at a run a minute fits, with the day beside the time."""
    grid = grid_of_times([record(600_000.0)], start=0, end=604_800, period_s=60, max_columns=80)
    assert 60 <= len(grid.labels) <= 81
    assert grid.labels[0] == "01-01 00:00"
    (row,) = grid.rows.values()
    assert [cell.state for cell in row].count(CellState.HEALTHY) == 1


# -- summaries -----------------------------------------------------------------------------------------------------


def test_worst_target_comes_first() -> None:
    """Those that fail now, then those that failed, then by name."""
    targets: list[dict[str, Any]] = [{"target": name} for name in ("z-ill", "y-mended", "a-well")]
    ill, mended, well = targets
    records = [record(**ill), record(**mended, **FAILED), record(**well), record(**ill, **FAILED), record(**mended)]
    summaries = summaries_of(records)
    assert [each.target for each in summaries] == ["z-ill", "y-mended", "a-well"]
    assert [len(each.failed_in_a_row) for each in summaries] == [1, 0, 0]


@pytest.mark.parametrize(
    ("share", "shown"),
    [(1.0, "100%"), (0.0, "0%"), (0.999999, "99.99%"), (0.000001, "0.01%"), (0.5, "50.00%"), (2 / 3, "66.67%")],
)
def test_percentage_hides_no_failure(share: float, shown: str) -> None:
    """It is 100 only if nothing failed."""
    assert percent(share) == shown


# -- strips --------------------------------------------------------------------------------------------------------


def _tree(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 - made here


def _titles(svg: str) -> list[str]:
    return [title.text or "" for title in _tree(svg).iter(f"{SVG}title")]


def test_failed_cell_says_what_and_why() -> None:
    """Its tooltip has target, run, failure, phase, reason and owner; its letter is the phase's."""
    svg = strips([record()], [record(**FAILED)])
    (tooltip,) = [title for title in _titles(svg) if "run 2" in title]
    assert tooltip == "prod, run 2: NotAuthorized in phase connack; CONNACK 135 Not authorized; owner: IAM team"
    letters = [each.text for each in _tree(svg).iter(f"{SVG}text") if each.get("text-anchor") == "middle"]
    assert letters == ["M"]


def test_failure_without_a_phase_has_its_mark() -> None:
    """A client that was let in against expectation ended in no phase."""
    svg = strips([record(healthy=False, failure=Failure.UNEXPECTED_ACCEPT)])
    assert [each.text for each in _tree(svg).iter(f"{SVG}text") if each.get("text-anchor") == "middle"] == ["!"]


def test_states_differ_in_shape() -> None:
    """Not in colour alone: healthy cells are lower, failed ones as high as the row, and no run is a line."""
    heights = {}
    for state, runs in {
        "healthy": [[record()]],
        "failed": [[record(**FAILED)]],
        "no run": [[record()], [record(target="b")]],
    }.items():
        row = next(_tree(strips(*runs)).iter(f"{SVG}g"))
        paths = [re.findall(r"v([\d.]+)", path.get("d", "")) for path in row.iter(f"{SVG}path")]
        rects = [rect.get("height") for rect in row.iter(f"{SVG}rect")]
        heights[state] = {float(each) for each in [*(h for found in paths for h in found), *rects] if each}
    assert heights == {"healthy": {10.0}, "failed": {18.0}, "no run": {2.0, 10.0}}


def test_left_out_targets_are_counted() -> None:
    """More targets than rows: the worst are drawn, and the rest is told with its failures."""
    runs = [[record(target=f"t{number:04}", **(FAILED if number < 70 else {})) for number in range(1000)]]
    svg = strips(*runs, style=StripStyle(width=1200, theme=DARK, max_rows=60))
    assert "and 940 more, 10 of them with failures" in svg
    assert "t0059" in svg
    assert "t0060" not in svg


def test_strips_are_bounded() -> None:
    """However much fails with however long texts, the picture stays well below Lambda's 6 MB."""
    hard = {**FAILED, "reason": '"' * 500}
    runs = [[record(target=f"{number:03}" + "&" * 60, **hard) for number in range(100)] for _ in range(80)]
    svg = strips(*runs)
    assert len(svg.encode()) < MAX_BYTES + 100_000
    assert "more, " in svg


def test_healthy_strips_are_small() -> None:
    """A healthy target costs one path: a hundred of them for three hours are less than 200 kB."""
    runs = [[record(target=f"target-{number}") for number in range(100)] for _ in range(80)]
    assert len(strips(*runs).encode()) < 200_000


def test_cells_stay_inside() -> None:
    """At any number of runs and any width, nothing is drawn outside of the picture."""
    for runs, width in [(1, 480), (3, 1200), (500, 480), (500, 4000)]:
        style = StripStyle(width=width, theme=LIGHT, max_rows=10)
        root = _tree(strips(*[[record(**FAILED)]] * runs, style=style))
        right = [float(each.get("x", "0")) + float(each.get("width", "0")) for each in root.iter(f"{SVG}rect")]
        assert 0 < max(right) <= width


# -- foreign text --------------------------------------------------------------------------------------------------


class _Elements(HTMLParser):
    """Collects the elements and attributes that a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}


def _elements(markup: str) -> _Elements:
    parser = _Elements()
    parser.feed(markup)
    parser.close()
    return parser


def _hostile(value: str) -> AttemptRecord:
    given = dict.fromkeys(("endpoint", "failure", "reason", "owner", "hint", "phase", "expect"), value)
    return read_record({"target": value, "healthy": False, **given})


def test_hostile_text_stays_text() -> None:
    """Markup in any text that an endpoint or a document chose is shown as it is."""
    for markup in (strips([_hostile(HOSTILE)]), page_of([_hostile(HOSTILE)], heading=HOSTILE)):
        assert not _elements(markup).elements & {"script", "img", "iframe"}
        assert not [name for name in _elements(markup).attributes if name.startswith("on")]
        assert "&lt;script&gt;" in markup
        assert "\x00" not in markup
        assert "\x1b" not in markup


_PLAIN = _elements(page_of([record(**FAILED), record(target="b")]))


@settings(max_examples=60, deadline=None)
@given(st.text(st.sampled_from("<>&\"'/= \x00\x08\n;#xscript-!]") | st.characters(), min_size=1, max_size=80))
def test_any_text_adds_no_element(value: str) -> None:
    """The picture is well-formed XML whatever a text holds, and the page has no element that a plain one lacks."""
    _tree(strips([_hostile(value)]))
    assert _elements(page_of([_hostile(value), record()])).elements <= _PLAIN.elements


def test_text_is_one_bounded_line() -> None:
    """Long text is cut, and a cut is seen."""
    assert text("a\n\tb   c") == "a b c"
    assert len(text("x" * 10_000)) == 200
    assert text("x" * 201).endswith("…")
    assert text("x" * 7, limit=7) == "x" * 7
    assert tag("a", "<", href='"') == '<a href="&quot;">&lt;</a>'


# -- pages ---------------------------------------------------------------------------------------------------------


def _text_of(markup: str) -> str:
    return " ".join(re.sub(r"<style>.*?</style>|<[^>]+>", " ", markup, flags=re.DOTALL).split())


def test_page_says_what_fails_now_and_who_acts() -> None:
    """Failure, phase, how many in a row, reason, owner and what to do; then the rest."""
    shown = _text_of(page_of([record(), record(target="b")], [record(**FAILED), record(target="b")]))
    for part in (
        *("1 of 2 targets healthy now", "75.00% of 4 attempts healthy", "1 failures"),
        *("prod: NotAuthorized in phase connack (1 attempt)", "reason CONNACK 135 Not authorized"),
        *("owner IAM team", "to do Check the policy.", "Failures by name NotAuthorized 1"),
    ):
        assert part in shown, part


def test_page_shows_latencies_and_phases() -> None:
    """Minimum, median, ninth decile and maximum of each target, the slowest first, and its phases as a stack."""
    runs = [[record(connect_ms=float(ms)), record(target="slow", connect_ms=500.0)] for ms in range(1, 11)]
    page = page_of(*runs)
    assert "slow 500.0 500.0 500.0 500.0 prod 1.0 5.0 9.0 10.0" in _text_of(page)
    for phase in ("dns", "tcp", "tls", "upgrade", "connack"):
        assert f'fill="{PHASE_COLOURS[Phase(phase)]}"' in page


def test_page_shows_the_certificate_that_ends_first() -> None:
    """Of the newest attempts, in whole days; one that is over stands out."""
    page = page_of([record(certificate_days_left=3.0)], [record(certificate_days_left=90.4), record(target="b")])
    assert "90 days left, certificate" in _text_of(page)
    expired = page_of([record(certificate_days_left=-2.2)])
    assert '<div class="tile bad"><b>-2</b>' in expired
    assert '<div class="tile bad"><b>0</b>' in page_of([record(certificate_days_left=0.0)])
    assert '<div class="tile"><b>1</b>' in page_of([record(certificate_days_left=0.9)])
    assert "certificate" not in _text_of(page_of([record(certificate_days_left=None)]))


def test_page_says_what_was_expected() -> None:
    """A client that was let in is a failure only where it should have been refused."""
    let_in = record(healthy=False, failure=Failure.UNEXPECTED_ACCEPT, expect="refuse")
    assert "expected to be refused" in _text_of(page_of([let_in]))
    assert "expected" not in _text_of(page_of([record(**FAILED)]))


def test_page_of_failures_only_has_no_latencies() -> None:
    """Nothing was connected, so there is nothing to measure."""
    shown = _text_of(page_of([record(**FAILED)]))
    assert "Milliseconds" not in shown
    assert "0 of 1 targets healthy now" in shown


def test_page_is_one_file_without_scripts() -> None:
    """It loads nothing, so it can be sent to anybody and read offline."""
    page = page_of([record(**FAILED), record(target="b")])
    assert _elements(page).elements.isdisjoint({"script", "link", "img", "iframe", "object"})
    # The name space of SVG is a name, not an address.
    assert "//" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "default-src &#x27;none&#x27;" in page
    assert page.startswith("<!doctype html>")


def test_page_of_a_large_fleet_is_bounded() -> None:
    """Two thousand targets that all fail: the first rows are drawn and the others counted."""
    page = page_of([record(target=f"t{number:04}", **FAILED) for number in range(2000)])
    assert len(page) < 2_000_000
    assert f"and {2000 - MAX_TARGETS} more, {2000 - MAX_TARGETS} of them with failures" in page


# -- drawings that were looked at ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", APPROVED)
def test_drawing_is_as_it_was_approved(name: str) -> None:
    """Every size, place and colour; `tests/unit/approved_pages.py` says how to approve another one."""
    assert in_lines(APPROVED[name]()).splitlines() == (FOLDER / name).read_text(encoding="utf-8").splitlines()
