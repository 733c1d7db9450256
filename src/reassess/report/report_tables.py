"""Tables: rounded on the page, with all digits in files."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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
