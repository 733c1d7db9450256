"""A chart and the table of its numbers, and how proportions become marks and cells."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from reassess.errors import Missing
from reassess.numeric import Proportion
from reassess.report.chart_figures import (
    Intervals,
    Mark,
    Stacks,
    intervals_on,
    size_of_intervals,
    size_of_stacks,
    stacks_on,
)
from reassess.report.figures import Draw, Size
from reassess.report.report_tables import Cell, Column, Interval, Table
from reassess.report.style import MOST_DRAWN


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


def percent(share: float | None) -> float | None:
    """A share in percent."""
    return None if share is None else 100 * share


def percents(interval: Interval | None) -> Interval | None:
    """An interval of a share in percent."""
    return None if interval is None else (100 * interval[0], 100 * interval[1])


def mark(part: Proportion | None) -> Mark | None:
    """A proportion as it is drawn, in percent; None where it is not known."""
    return None if part is None or part.value is None else Mark(100 * part.value, percents(part.interval))


def cells(part: Proportion | None) -> list[Cell]:
    """A proportion in a table: percent, its interval, hits and n."""
    return [None] * 4 if part is None else [percent(part.value), percents(part.interval), part.hits, part.n]


@dataclass(frozen=True, eq=False)
class Section:
    """A part of the page. A wide table comes first, the other tables below the charts.

    Two that are `half` stand side by side where there is room.
    """

    key: str
    title: str
    words: Sequence[str] = ()
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()
    wide: Table | None = None
    half: bool = False


def missing_section(key: str, title: str, reason: Missing, *, half: bool = False) -> Section:
    """A section that cannot be shown, and why."""
    return Section(key=key, title=title, notes=[f"Not shown: {reason}."], half=half)
