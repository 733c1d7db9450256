"""Charts, and the tables of their numbers; numbers are rounded on the page, and exact in CSV files."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from reassess.errors import MissingResult
from reassess.numeric import Proportion
from reassess.report.chart_figures import (
    MAX_DRAWN,
    Intervals,
    MeasuredValue,
    Stacks,
    compute_intervals_size,
    compute_stacks_size,
    plot_intervals,
    plot_stacks,
)
from reassess.report.figures import DrawFunction, FigureSize
from reassess.text import format_percentage

Interval = tuple[float, float]
Cell = str | int | float | Interval | None

TEXT, COUNT, PERCENT, POINTS, SHARE, P_VALUE = "s", ",d", ".2f", "+.2f", ".4f", ".2g"
_MISSING_TEXT = "-"
_MIN_P_VALUE = 1e-300  # smaller p-values are written "below 1e-300"


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    name: str  # the heading, with the unit
    number_format: str = TEXT  # format of its numbers

    @property
    def is_text(self) -> bool:
        """Whether the column contains text, which is aligned to the left."""
        return self.number_format == TEXT

    def format_cell(self, cell: Cell) -> str:
        """Format a cell for the page."""
        if cell is None:
            return _MISSING_TEXT
        if isinstance(cell, tuple):
            return " to ".join(map(self.format_cell, cell))
        if self.number_format == P_VALUE and isinstance(cell, float) and cell < _MIN_P_VALUE:
            return f"below {_MIN_P_VALUE:g}"
        return (
            format_percentage(cell)
            if self.number_format == PERCENT and not isinstance(cell, str)
            else format(cell, self.number_format)
        )


@dataclass(frozen=True, eq=False)
class Table:
    """A table of a page."""

    key: str  # id on the page, and name of the CSV file
    title: str
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Cell]]  # None: does not apply
    is_ranking: bool = False  # whether the highest shares are the best, so that the page marks them

    @property
    def best_cells(self) -> set[tuple[int, int]]:
        """Positions (row, column) of the highest values of a ranking."""
        best = set()
        for i in (
            i for i, column in enumerate(self.columns) if self.is_ranking and column.number_format in (PERCENT, SHARE)
        ):
            shares = {row: cell for row, cells in enumerate(self.rows) if isinstance(cell := cells[i], float)}
            best |= {(row, i) for row, share in shares.items() if len(shares) > 1 and share == max(shares.values())}
        return best

    def format_cells(self) -> list[list[str]]:
        """Format all cells for the page."""
        return [[column.format_cell(cell) for column, cell in zip(self.columns, row, strict=True)] for row in self.rows]

    @property
    def csv_columns(self) -> list[str]:
        """Headings of the CSV file, two for each column of intervals."""
        names_by_column = (
            [f"{column.name}, low", f"{column.name}, high"] if has_intervals else [column.name]
            for column, has_intervals in zip(self.columns, self._find_interval_columns(), strict=True)
        )
        return [name for names in names_by_column for name in names]

    @property
    def csv_rows(self) -> list[list[Any]]:
        """Rows of the CSV file: numbers are not rounded, and an interval fills two cells."""
        have_intervals = self._find_interval_columns()
        return [[number for cells in map(_to_csv_cells, row, have_intervals) for number in cells] for row in self.rows]

    def _find_interval_columns(self) -> list[bool]:
        """Return whether each column contains intervals."""
        return [any(isinstance(row[i], tuple) for row in self.rows) for i in range(len(self.columns))]


def _to_csv_cells(cell: Cell, is_interval: bool) -> tuple[Cell, ...]:
    """Return a cell's values for the CSV file: both limits of an interval (empty if missing), or one value."""
    if isinstance(cell, tuple):
        return cell
    return (None, None) if is_interval else (cell,)


@dataclass(frozen=True, eq=False)
class Chart:
    """A chart, with a table of its numbers."""

    draw: DrawFunction
    size: FigureSize
    table: Table  # its numbers; the chart has the same key and title
    note: str = ""  # what the chart does not show

    @property
    def key(self) -> str:
        """Id of the chart on the page."""
        return self.table.key

    @property
    def title(self) -> str:
        """Title of the chart."""
        return self.table.title


def make_interval_chart(intervals: Intervals, table: Table, note: str = "") -> Chart:
    """Create a chart of values with intervals."""
    return Chart(partial(plot_intervals, intervals=intervals), compute_intervals_size(intervals), table, note)


def make_stack_chart(stacks: Stacks, table: Table, note: str = "") -> Chart:
    """Create a chart of stacked bars."""
    return Chart(partial(plot_stacks, stacks=stacks), compute_stacks_size(stacks), table, note)


def make_table(key: str, title: str, number_formats: dict[str, str], rows: Sequence[Sequence[Cell]]) -> Table:
    """Create a table; `number_formats` maps the heading of each column to its number format."""
    columns = tuple(Column(name, number_format) for name, number_format in number_formats.items())
    return Table(key=key, title=title, columns=columns, rows=rows)


def hidden_items_note(n_items: int, items_name: str = "models", max_shown: int = MAX_DRAWN) -> str:
    """Return a note that a chart shows only the first items; empty if it shows all."""
    if n_items <= max_shown:
        return ""
    return f"The chart shows the first {max_shown} of {n_items:,} {items_name}; its table has all {items_name}."


def to_percent(share: float | None) -> float | None:
    """Convert a share to percent."""
    return None if share is None else 100 * share


def interval_to_percent(interval: Interval | None) -> Interval | None:
    """Convert the interval of a share to percent."""
    return None if interval is None else (100 * interval[0], 100 * interval[1])


def proportion_to_percent(proportion: Proportion | None) -> MeasuredValue | None:
    """Convert a proportion with its interval to percent; None if it is missing."""
    return (
        None
        if proportion is None or proportion.value is None
        else MeasuredValue(100 * proportion.value, interval_to_percent(proportion.interval))
    )


def proportion_cells(proportion: Proportion | None) -> list[Cell]:
    """Convert a proportion to cells of a table: percent, interval, hits and n."""
    return (
        [None] * 4
        if proportion is None
        else [to_percent(proportion.value), interval_to_percent(proportion.interval), proportion.hits, proportion.n]
    )


@dataclass(frozen=True, eq=False)
class Section:
    """A section of the page."""

    key: str  # id on the page
    title: str
    paragraphs: Sequence[str] = ()
    charts: Sequence[Chart] = ()  # beside the paragraphs if there is room
    tables: Sequence[Table] = ()  # after the notes
    notes: Sequence[str] = ()
    wide_table: Table | None = None  # above the paragraphs, across the page


def make_missing_section(key: str, title: str, reason: MissingResult) -> Section:
    """Create a section that only says why its results are not shown."""
    return Section(key=key, title=title, notes=[f"Not shown: {reason}."])
