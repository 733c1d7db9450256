"""A chart and the table of its numbers, rounded on the page and with all digits in files."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from reassess.errors import Missing
from reassess.numeric import Proportion
from reassess.report.chart_figures import (
    MOST_DRAWN,
    Intervals,
    Mark,
    Stacks,
    intervals_on,
    size_of_intervals,
    size_of_stacks,
    stacks_on,
)
from reassess.report.figures import Draw, Size
from reassess.text import percentage

Interval = tuple[float, float]
Cell = str | int | float | Interval | None

TEXT, COUNT, PERCENT, POINTS, SHARE, P_VALUE = "s", ",d", ".2f", "+.2f", ".4f", ".2g"
_NOTHING = "-"
_SMALLEST = 1e-300  # a smaller p-value is written as below it


@dataclass(frozen=True)
class Column:
    """A column: its heading, with the unit, and how its numbers are written."""

    name: str
    form: str = TEXT

    @property
    def is_text(self) -> bool:
        """Whether it holds text, which is aligned to the left."""
        return self.form == TEXT

    def write(self, cell: Cell) -> str:
        """A cell as the page shows it."""
        if cell is None:
            return _NOTHING
        if isinstance(cell, tuple):
            return " to ".join(map(self.write, cell))
        if self.form == P_VALUE and isinstance(cell, float) and cell < _SMALLEST:
            return f"below {_SMALLEST:g}"
        return percentage(cell) if self.form == PERCENT and not isinstance(cell, str) else format(cell, self.form)


@dataclass(frozen=True, eq=False)
class Table:
    """A table of a page."""

    key: str  # Its id on the page, and the name of its file
    title: str  # What it shows
    # columns, rows: A cell that does not apply is None
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Cell]]
    is_ranking: bool = False  # Whether the highest shares are the best

    @property
    def best(self) -> set[tuple[int, int]]:
        """Row and column of the highest shares of a ranking, in columns with several."""
        found = set()
        for i in (i for i, column in enumerate(self.columns) if self.is_ranking and column.form in (PERCENT, SHARE)):
            shares = {row: cell for row, cells in enumerate(self.rows) if isinstance(cell := cells[i], float)}
            found |= {(row, i) for row, share in shares.items() if len(shares) > 1 and share == max(shares.values())}
        return found

    def written(self) -> list[list[str]]:
        """The cells as the page shows them."""
        return [[column.write(cell) for column, cell in zip(self.columns, row, strict=True)] for row in self.rows]

    @property
    def columns_in_full(self) -> list[str]:
        """The headings, two for an interval."""
        parts = ([f"{c.name}, low", f"{c.name}, high"] if pair else [c.name] for c, pair in self._split())
        return [name for part in parts for name in part]

    @property
    def rows_in_full(self) -> list[list[Any]]:
        """The cells with all their digits, an interval as two."""
        pairs = [pair for _, pair in self._split()]
        return [[number for part in map(_in_full, row, pairs) for number in part] for row in self.rows]

    def _split(self) -> list[tuple[Column, bool]]:
        """Each column, and whether it holds intervals."""
        pairs = [any(isinstance(row[i], tuple) for row in self.rows) for i in range(len(self.columns))]
        return list(zip(self.columns, pairs, strict=True))


def _in_full(cell: Cell, is_pair: bool) -> tuple[Cell, ...]:
    """The values of a cell in a file; an interval has two, also where it is not known."""
    if isinstance(cell, tuple):
        return cell
    return (None, None) if is_pair else (cell,)


@dataclass(frozen=True, eq=False)
class Chart:
    """A chart: how it is drawn, its numbers, whose key and title it has, and a note on what it leaves out."""

    draw: Draw
    size: Size
    table: Table
    note: str = ""

    @property
    def key(self) -> str:
        """Its short name on the page."""
        return self.table.key

    @property
    def title(self) -> str:
        """What it shows."""
        return self.table.title


def interval_chart(intervals: Intervals, numbers: Table, note: str = "") -> Chart:
    """Values with intervals."""
    return Chart(partial(intervals_on, intervals=intervals), size_of_intervals(intervals), numbers, note)


def stack_chart(stacks: Stacks, numbers: Table, note: str = "") -> Chart:
    """Stacked bars."""
    return Chart(partial(stacks_on, stacks=stacks), size_of_stacks(stacks), numbers, note)


def table(key: str, title: str, columns: dict[str, str], rows: Sequence[Sequence[Cell]]) -> Table:
    """A table whose columns are given as headings and number formats."""
    return Table(key=key, title=title, columns=tuple(Column(name, form) for name, form in columns.items()), rows=rows)


def only_some(total: int, items: str = "models", most: int = MOST_DRAWN) -> str:
    """A note that a chart shows only the first few; empty if it shows all."""
    if total <= most:
        return ""
    return f"The chart shows the first {most} of {total:,} {items}; its table has all of them."


def in_percent(share: float | None) -> float | None:
    """A share in percent."""
    return None if share is None else 100 * share


def bounds_in_percent(interval: Interval | None) -> Interval | None:
    """An interval of a share in percent."""
    return None if interval is None else (100 * interval[0], 100 * interval[1])


def mark(part: Proportion | None) -> Mark | None:
    """A proportion as it is drawn, in percent; None where it is not known."""
    return None if part is None or part.value is None else Mark(100 * part.value, bounds_in_percent(part.interval))


def cells(part: Proportion | None) -> list[Cell]:
    """A proportion in a table: percent, its interval, hits and n."""
    return [None] * 4 if part is None else [in_percent(part.value), bounds_in_percent(part.interval), part.hits, part.n]


@dataclass(frozen=True, eq=False)
class Section:
    """A part of the page: a wide table, words, charts beside them where there is room, notes, and the other tables."""

    key: str
    title: str
    words: Sequence[str] = ()
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()
    wide: Table | None = None


def missing_section(key: str, title: str, reason: Missing) -> Section:
    """A section that cannot be shown, and why."""
    return Section(key=key, title=title, notes=[f"Not shown: {reason}."])
