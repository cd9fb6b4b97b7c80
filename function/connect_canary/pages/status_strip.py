"""Status strips as SVG: a row a target, a cell a column, what failed with a letter and its reason as tooltip."""

from collections.abc import Iterator, Sequence

from connect_canary.model.frozen import frozen
from connect_canary.model.phases import Phase
from connect_canary.pages.markup import Markup, joined, number, tag, text
from connect_canary.pages.status_grid import LETTERS, OTHER_LETTER, Cell, CellState, StatusGrid
from connect_canary.pages.target_summary import TargetSummary, percent
from connect_canary.pages.theme import Theme

MAX_BYTES = 400_000
_LABEL_PX, _SHARE_PX, _ROW_PX, _CELL_PX, _AXIS_PX, _LEGEND_PX = 190, 66, 24, 18, 20, 44
_MAX_LABEL_CHARACTERS, _MAX_TOOLTIP_CHARACTERS, _MAX_PITCH_PX = 26, 400, 26.0
_MIN_LETTER_PX, _GAP_PX, _TICK_PX = 10.0, 2.0, 76
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Amazon Ember', sans-serif"


@frozen
class StripStyle:
    """How to draw: width in pixels, colours, and how many targets at most."""

    width: int
    theme: Theme
    max_rows: int


def max_columns(width: int) -> int:
    """Return how many cells fit side by side so that their letters can be read."""
    return max(8, int((width - _LABEL_PX - _SHARE_PX) / (_MIN_LETTER_PX + _GAP_PX)))


def status_strips(grid: StatusGrid, summaries: Sequence[TargetSummary], style: StripStyle) -> Markup:
    """Return the strips of the first targets, as many as `style` and MAX_BYTES allow, and say how many are left out."""
    strip = _Strip(grid, style)
    rows: list[Markup] = []
    size = 0
    for summary in summaries[: style.max_rows]:
        row = strip.row(summary, len(rows))
        size += len(row.encode())
        if size > MAX_BYTES and rows:
            break
        rows.append(row)
    left_out = summaries[len(rows) :]
    foot = strip.foot(len(rows), _left_out(left_out))
    height = len(rows) * _ROW_PX + _AXIS_PX + _LEGEND_PX + (_ROW_PX if left_out else 0)
    return tag(
        "svg",
        *rows,
        foot,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {style.width} {height}",
        width=style.width,
        height=height,
        font_family=_FONT,
        font_size=12,
        role="img",
        aria_label=f"Status of {len(summaries)} targets",
    )


def _left_out(summaries: Sequence[TargetSummary]) -> str:
    if not summaries:
        return ""
    failed = sum(summary.share_healthy < 1 for summary in summaries)
    what = f"{failed} of them with failures" if failed else "all without a failure"
    return f"and {len(summaries)} more, {what}"


class _Strip:
    """Draws on one grid's columns."""

    def __init__(self, grid: StatusGrid, style: StripStyle) -> None:
        self._grid, self._style, self._theme = grid, style, style.theme
        self._pitch = min((style.width - _LABEL_PX - _SHARE_PX) / len(grid.labels), _MAX_PITCH_PX)
        self._cell = self._pitch - min(_GAP_PX, self._pitch / 5)

    def row(self, summary: TargetSummary, place: int) -> Markup:
        """Return the strip of one target."""
        top = place * _ROW_PX
        cells = self._grid.rows.get(summary.target, [])
        share = percent(summary.share_healthy)
        label = summary.target
        if len(label) > _MAX_LABEL_CHARACTERS:
            label = f"{label[: _MAX_LABEL_CHARACTERS - 1]}…"
        end = self._style.width
        ill = not summary.newest.healthy
        return tag(
            "g",
            tag("title", text(summary.target)),
            self._text(label, 0, top + 16, fill=self._theme.text, font_weight=600 if ill else None),
            self._path(cells, CellState.NO_RUN, top, height=2.0, fill=self._theme.line),
            self._path(cells, CellState.HEALTHY, top, height=10.0, fill=self._theme.healthy),
            *self._failed_cells(summary.target, cells, top),
            self._text(share, end, top + 16, fill=self._theme.failed if ill else self._theme.quiet, text_anchor="end"),
        )

    def _path(self, cells: Sequence[Cell], state: CellState, top: int, *, height: float, fill: str) -> Markup:
        """Return one path for every cell of a state, which keeps a strip of healthy cells small."""
        y = number(top + (_ROW_PX - height) / 2)
        width, tall = number(self._cell), number(height)
        steps = [
            f"M{number(self._x(column))} {y}h{width}v{tall}h-{width}z"
            for column, cell in enumerate(cells)
            if cell.state is state
        ]
        return tag("path", d=Markup("".join(steps)), fill=fill) if steps else joined()

    def _failed_cells(self, target: str, cells: Sequence[Cell], top: int) -> Iterator[Markup]:
        for column, cell in enumerate(cells):
            if cell.failed is not None:
                yield self._failed_cell(target, cell, column, top + (_ROW_PX - _CELL_PX) // 2)

    def _failed_cell(self, target: str, cell: Cell, column: int, top: int) -> Markup:
        x, width, theme = self._x(column), self._cell, self._theme
        every = cell.state is CellState.FAILED
        # Some failed: the lower part of the cell.
        y, height = (top, _CELL_PX) if every else (top + 6, _CELL_PX - 6)
        parts = [tag("title", text(_tooltip(target, cell, self._grid.labels[column]), limit=_MAX_TOOLTIP_CHARACTERS))]
        if not every:
            parts.append(self._rect(x, top, width, 4, theme.healthy))
        parts.append(self._rect(x, y, width, height, theme.failed if every else theme.some_failed))
        if width >= _MIN_LETTER_PX:
            middle = number(x + width / 2)
            parts.append(
                tag(
                    *("text", cell.letter),
                    x=middle,
                    y=number(y + height / 2 + 4),
                    fill=theme.letter if every else theme.letter_on_some,
                    text_anchor="middle",
                    font_size=10,
                    font_weight=700,
                )
            )
        return tag("g", *parts)

    def foot(self, rows: int, left_out: str) -> Markup:
        """Return what stands below the rows: what is left out, the axis and the legend."""
        top = rows * _ROW_PX
        parts = []
        if left_out:
            parts.append(self._text(left_out, _LABEL_PX, top + 16, fill=self._theme.quiet))
            top += _ROW_PX
        step = max(1, -(-_TICK_PX // max(int(self._pitch), 1)))
        for column in range(0, len(self._grid.labels), step):
            x = self._x(column)
            parts.append(self._rect(x, top + 1, 1, 4, self._theme.quiet))
            parts.append(self._text(self._grid.labels[column], x, top + 16, fill=self._theme.quiet, font_size=10))
        return joined(*parts, *self._legend(top + _AXIS_PX))

    def _legend(self, top: int) -> Iterator[Markup]:
        theme, quiet = self._theme, self._theme.quiet
        yield self._rect(_LABEL_PX, top + 9, 14, 10, theme.healthy)
        yield self._text("healthy", _LABEL_PX + 20, top + 18, fill=quiet)
        yield self._rect(_LABEL_PX + 82, top + 5, 14, 4, theme.healthy)
        yield self._rect(_LABEL_PX + 82, top + 11, 14, 12, theme.some_failed)
        yield self._text("some failed", _LABEL_PX + 102, top + 18, fill=quiet)
        yield self._rect(_LABEL_PX + 182, top + 5, 14, 18, theme.failed)
        yield self._text("failed", _LABEL_PX + 202, top + 18, fill=quiet)
        yield self._rect(_LABEL_PX + 252, top + 13, 14, 2, theme.line)
        yield self._text("no run", _LABEL_PX + 272, top + 18, fill=quiet)
        names = " · ".join([*(f"{LETTERS[phase]} {phase}" for phase in Phase), f"{OTHER_LETTER} no phase"])
        yield self._text(f"Letter: the phase in which it ended. {names}", _LABEL_PX, top + 38, fill=quiet, font_size=11)

    def _x(self, column: int) -> float:
        return _LABEL_PX + column * self._pitch

    @staticmethod
    def _rect(x: float, y: float, width: float, height: float, fill: str) -> Markup:
        return tag("rect", x=number(x), y=number(y), width=number(width), height=number(height), rx=1, fill=fill)

    @staticmethod
    def _text(value: str, x: float, y: float, **attributes: object) -> Markup:
        return tag("text", text(value), x=number(x), y=number(y), **attributes)


def _tooltip(target: str, cell: Cell, label: str) -> str:
    """Return what a failed cell says: when, what, why, and who has to act."""
    failed = cell.failed
    if failed is None:
        return target
    where = f" in phase {failed.phase}" if failed.phase else ""
    lines = [f"{target}, {label}: {failed.failure or 'failed'}{where}"]
    if cell.attempts > 1:
        lines.append(f"{cell.failures} of {cell.attempts} attempts failed")
    lines += [failed.reason] if failed.reason else []
    lines += [f"owner: {failed.owner}"] if failed.owner else []
    return "; ".join(lines)
