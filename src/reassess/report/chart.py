"""A chart and the table of its numbers, and how proportions become marks and cells."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from reassess.intervals import Proportion
from reassess.report.figures import Draw, Size
from reassess.report.interval_figure import Intervals, Mark, intervals_on, size_of_intervals
from reassess.report.stack_figure import Stacks, size_of_stacks, stacks_on
from reassess.report.tables import Cell, Column, Interval, Table

__all__ = ["Chart", "cells", "interval_chart", "mark", "percent", "percents", "stack_chart", "table"]


@dataclass(frozen=True, eq=False)
class Chart:
    """A chart: what it is called, how it is drawn, and its numbers."""

    key: str
    title: str
    draw: Draw
    size: Size
    table: Table


def interval_chart(found: Intervals, numbers: Table) -> Chart:
    """Values with intervals, called as their table is."""
    draw = partial(intervals_on, found=found)
    return Chart(numbers.key, numbers.title, draw, size_of_intervals(found), numbers)


def stack_chart(found: Stacks, numbers: Table) -> Chart:
    """Bars of parts, called as their table is."""
    return Chart(numbers.key, numbers.title, partial(stacks_on, found=found), size_of_stacks(found), numbers)


def table(key: str, title: str, columns: dict[str, str], rows: Sequence[Sequence[Cell]]) -> Table:
    """A table whose columns are given as headings and forms."""
    return Table(key, title, tuple(Column(name, form) for name, form in columns.items()), rows)


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
