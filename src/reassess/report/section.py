"""A part of the page, before it is HTML."""

from collections.abc import Sequence
from dataclasses import dataclass

from reassess.report.chart import Chart
from reassess.report.tables import Table

__all__ = ["Section"]


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
