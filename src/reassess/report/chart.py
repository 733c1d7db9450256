"""A chart and the table of its numbers, and how proportions become marks and cells."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from reassess.numeric.proportion import Proportion
from reassess.report.figures import Draw, Size
from reassess.report.interval_figure import Intervals, Mark, intervals_on, size_of_intervals
from reassess.report.stack_figure import Stacks, size_of_stacks, stacks_on
from reassess.report.style import MOST_DRAWN
from reassess.report.tables import Cell, Column, Interval, Table

__all__ = [
    "Chart",
    "Section",
    "cells",
    "interval_chart",
    "mark",
    "only_some",
    "percent",
    "percents",
    "stack_chart",
    "table",
]


@dataclass(frozen=True, eq=False)
class Chart:
    """A chart: what it is called, how it is drawn, its numbers, and what it leaves out, in words."""

    key: str
    title: str
    draw: Draw
    size: Size
    table: Table
    note: str = ""


def interval_chart(found: Intervals, numbers: Table, note: str = "") -> Chart:
    """Values with intervals, called as their table is."""
    draw = partial(intervals_on, found=found)
    return Chart(numbers.key, numbers.title, draw, size_of_intervals(found), numbers, note)


def stack_chart(found: Stacks, numbers: Table, note: str = "") -> Chart:
    """Bars of parts, called as their table is."""
    return Chart(numbers.key, numbers.title, partial(stacks_on, found=found), size_of_stacks(found), numbers, note)


def table(key: str, title: str, columns: dict[str, str], rows: Sequence[Sequence[Cell]]) -> Table:
    """A table whose columns are given as headings and forms."""
    return Table(key, title, tuple(Column(name, form) for name, form in columns.items()), rows)


def only_some(all_of_them: int, what: str = "models", most: int = MOST_DRAWN) -> str:
    """Say that a chart draws the first few only; nothing if it draws all.

    >>> only_some(40)
    'Drawn: the first 12 of 40 models; the numbers of the chart hold all.'
    """
    if all_of_them <= most:
        return ""
    return f"Drawn: the first {most} of {all_of_them:,} {what}; the numbers of the chart hold all."


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
    """A part of the page; a wide table comes first, the others beside or below the charts."""

    key: str
    title: str
    words: Sequence[str] = ()
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()
    wide: Table | None = None
