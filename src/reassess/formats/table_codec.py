"""Nouns as tables with a header: a noun declares its columns, and one reader and one writer do the rest."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import numpy as np

from reassess.core import Classes
from reassess.core.checks import check_range, check_type
from reassess.errors import at
from reassess.formats.files import as_path, suffix_of
from reassess.formats.question_columns import ids_of_column
from reassess.formats.tables import (
    TABLE_SUFFIXES,
    as_text,
    column,
    floats,
    integers,
    place,
    read_table,
    refuse_missing,
    write_table,
)

if TYPE_CHECKING:
    import polars as pl


_Noun = TypeVar("_Noun")


class _Cells(NamedTuple):
    """The cells of a column, and the class list in which they are looked up."""

    path: Path
    series: "pl.Series"
    classes: Classes | None

    def place(self, row: int) -> str:
        return place(self.path, row, self.series.name)


@dataclass(frozen=True)
class _Column:
    """A column; `what` is one of its cells in messages. A table may lack a column that is not `needed`."""

    name: str
    what: str = ""
    needed: bool = True

    def _read(self, cells: _Cells) -> Any:
        raise NotImplementedError  # for a column that is only written

    def _write(self, values: Any) -> "pl.Series":
        import polars as pl

        return pl.Series(self.name, values)


@dataclass(frozen=True)
class Text(_Column):
    """Texts, none missing or empty: a polars series. With `null`, a cell may be empty."""

    null: bool = False

    def _read(self, cells: _Cells) -> Any:
        texts = as_text(cells.path, cells.series).replace("", None)
        if not self.null:
            refuse_missing(cells.path, texts)
        return texts

    def _write(self, values: Any) -> "pl.Series":
        import polars as pl

        return pl.Series(self.name, values, dtype=pl.String)


@dataclass(frozen=True)
class Whole(_Column):
    """Whole numbers: an array of int64. With `null`, an empty cell stands for 0."""

    least: int = 0
    most: float = np.inf
    null: bool = False

    def _read(self, cells: _Cells) -> Any:
        numbers = integers(cells.path, cells.series)
        if not self.null:
            refuse_missing(cells.path, numbers)
        known = numbers.fill_null(self.least).to_numpy()
        what = self.what or self.name
        check_range(known, self.least, self.most, what=what, where=cells.place)
        return numbers.fill_null(0).to_numpy().astype(np.int64)

    def _write(self, values: Any) -> "pl.Series":
        series = super()._write(values)
        return series.replace(0, None) if self.null else series


@dataclass(frozen=True)
class Number(_Column):
    """Numbers: an array of float64. With `null`, an empty cell stands for NaN."""

    null: bool = False

    def _read(self, cells: _Cells) -> Any:
        numbers = floats(cells.path, cells.series).cast(float)
        if not self.null:
            refuse_missing(cells.path, numbers)
        return numbers.to_numpy()

    def _write(self, values: Any) -> "pl.Series":
        series = super()._write(values)
        return series.fill_nan(None) if self.null else series


class Share(Number):
    """Numbers from 0 to 1."""

    def _read(self, cells: _Cells) -> Any:
        values = super()._read(cells)
        known = np.where(cells.series.is_null().to_numpy(), 0, values)
        check_range(known, 0, 1, what=self.what or self.name, where=cells.place)
        return values


class ClassId(_Column):
    """Classes by id, wnid or name: the ids, and their class list. When written, an empty cell stands for -1."""

    def _read(self, cells: _Cells) -> Any:
        return ids_of_column(*cells)

    def _write(self, values: Any) -> "pl.Series":
        ids, classes = values
        series: pl.Series = classes.column(ids).alias(self.name)
        return series


class Texts(_Column):
    """Lists of texts, separated by `; ` in csv and tsv. They are only written."""

    def _write(self, values: Any) -> "pl.Series":
        import polars as pl

        return pl.Series(self.name, values, dtype=pl.List(pl.String))


@dataclass(frozen=True)
class TableFormat(Generic[_Noun]):
    """How a noun is written as a table, and read from it.

    `values` gives what each column of a noun contains, and `make` the noun of what was read; both by name. A column
    without values is not written. Without `make`, the table is only written.
    """

    noun: type[_Noun]
    thing: str  # the noun, in messages
    columns: tuple[_Column, ...]
    values: Callable[[_Noun], Mapping[str, Any]]
    make: Callable[[Mapping[str, Any]], _Noun] | None = None
    suffixes: tuple[str, ...] = TABLE_SUFFIXES
    rows_needed: bool = True

    @property
    def texts(self) -> tuple[str, ...]:
        """The columns of texts, where a number is a text too."""
        return tuple(one.name for one in self.columns if isinstance(one, Text))


def read_noun(form: TableFormat[_Noun], path: str | Path) -> _Noun:
    """Read a noun from a table."""
    path = as_path(path)
    suffix_of(path, form.suffixes, form.thing)
    return read_cells(form, path, read_table(path, text=form.texts, rows_needed=form.rows_needed), None)


def read_cells(form: TableFormat[_Noun], path: Path, table: "pl.DataFrame", classes: Classes | None) -> _Noun:
    """Make a noun from a table that was read."""
    assert form.make is not None
    with at(path):
        cells = {
            one.name: one._read(_Cells(path, table[column(path, table, one.name)], classes))
            for one in form.columns
            if one.needed or one.name in table.columns
        }
        return form.make(cells)


def write_noun(
    form: TableFormat[_Noun],
    path: str | Path,
    noun: _Noun,
    *,
    force: bool = False,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a noun as a table; the same noun gives the same bytes."""
    import polars as pl

    path = as_path(path)
    check_type(form.noun, noun)
    suffix = suffix_of(path, form.suffixes, form.thing)
    values = form.values(noun)
    table = pl.DataFrame([one._write(values[one.name]) for one in form.columns if one.name in values])
    if suffix in (".csv", ".tsv"):
        table = table.with_columns(pl.col(pl.List(pl.String)).list.join("; "))
    write_table(path, table, force=force, metadata=metadata)
