"""Table formats: a format lists the columns of a data type; all formats share a reader and a writer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import numpy as np

from reassess.core import Classes
from reassess.core.checks import check_range, check_type
from reassess.errors import add_error_place
from reassess.formats.files import as_path, check_suffix
from reassess.formats.question_columns import class_ids_from_column
from reassess.formats.tables import (
    TABLE_SUFFIXES,
    describe_row_place,
    find_column,
    read_table,
    refuse_missing_values,
    to_integers,
    to_nullable_floats,
    to_text,
    write_table,
)

if TYPE_CHECKING:
    import polars as pl


_Object = TypeVar("_Object")
ColumnValues = Mapping[str, Any]  # from the heading of a column to its values


class _Cells(NamedTuple):
    """The cells of a column in a file, and the class list for class names in the cells."""

    path: Path
    series: "pl.Series"
    classes: Classes | None

    def locate(self, row: int) -> str:
        return describe_row_place(self.path, row, self.series.name)


@dataclass(frozen=True)
class _Column:
    """A column of a table format, optional unless `is_required`. Messages use `cell_name` as the word for a cell."""

    name: str
    cell_name: str = ""
    is_required: bool = True

    def _parse_cells(self, cells: _Cells) -> Any:
        raise NotImplementedError  # for a column that can only be written

    def _make_series(self, values: Any) -> "pl.Series":
        import polars as pl

        return pl.Series(self.name, values)


@dataclass(frozen=True)
class TextColumn(_Column):
    """A column of non-empty texts, as a polars series. With `is_nullable`, a cell may be empty."""

    is_nullable: bool = False

    def _parse_cells(self, cells: _Cells) -> Any:
        texts = to_text(cells.path, cells.series).replace("", None)
        if not self.is_nullable:
            refuse_missing_values(cells.path, texts)
        return texts

    def _make_series(self, values: Any) -> "pl.Series":
        import polars as pl

        return pl.Series(self.name, values, dtype=pl.String)


@dataclass(frozen=True)
class IntegerColumn(_Column):
    """A column of whole numbers, as int64. With `is_nullable`, an empty cell means 0."""

    minimum: int = 0
    maximum: float = np.inf
    is_nullable: bool = False

    def _parse_cells(self, cells: _Cells) -> Any:
        numbers = to_integers(cells.path, cells.series)
        if not self.is_nullable:
            refuse_missing_values(cells.path, numbers)
        filled = numbers.fill_null(self.minimum).to_numpy()
        value_name = self.cell_name or self.name
        check_range(filled, self.minimum, self.maximum, value_name=value_name, where=cells.locate)
        return numbers.fill_null(0).to_numpy().astype(np.int64)

    def _make_series(self, values: Any) -> "pl.Series":
        series = super()._make_series(values)
        return series.replace(0, None) if self.is_nullable else series


@dataclass(frozen=True)
class NumberColumn(_Column):
    """A column of numbers, as float64. With `is_nullable`, an empty cell means NaN."""

    is_nullable: bool = False

    def _parse_cells(self, cells: _Cells) -> Any:
        numbers = to_nullable_floats(cells.path, cells.series).cast(float)
        if not self.is_nullable:
            refuse_missing_values(cells.path, numbers)
        return numbers.to_numpy()

    def _make_series(self, values: Any) -> "pl.Series":
        series = super()._make_series(values)
        return series.fill_nan(None) if self.is_nullable else series


class ShareColumn(NumberColumn):
    """A column of numbers from 0 to 1."""

    def _parse_cells(self, cells: _Cells) -> Any:
        values = super()._parse_cells(cells)
        filled = np.where(cells.series.is_null().to_numpy(), 0, values)
        check_range(filled, 0, 1, value_name=self.cell_name or self.name, where=cells.locate)
        return values


class ClassIdColumn(_Column):
    """A column of classes (id, wnid or name), as class ids and a class list; -1 is an empty cell."""

    def _parse_cells(self, cells: _Cells) -> Any:
        return class_ids_from_column(*cells)

    def _make_series(self, values: Any) -> "pl.Series":
        ids, classes = values
        series: pl.Series = classes.to_column(ids).alias(self.name)
        return series


class TextListColumn(_Column):
    """A column of lists of texts, separated by `; ` in CSV and TSV. It can only be written."""

    def _make_series(self, values: Any) -> "pl.Series":
        import polars as pl

        return pl.Series(self.name, values, dtype=pl.List(pl.String))


@dataclass(frozen=True)
class TableFormat(Generic[_Object]):
    """The table format of a type of objects, for reading and writing.

    `get_values` returns the values of each column for an object; a column without values is not written. `make_object`
    makes an object from the values in a file; without `make_object`, the format can only be written.
    """

    object_type: type[_Object]
    content_name: str  # the object, in messages
    columns: tuple[_Column, ...]
    get_values: Callable[[_Object], ColumnValues]
    make_object: Callable[[ColumnValues], _Object] | None = None
    suffixes: tuple[str, ...] = TABLE_SUFFIXES
    requires_rows: bool = True

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The names of text columns, where numbers are read as text."""
        return tuple(column.name for column in self.columns if isinstance(column, TextColumn))


def read_object(table_format: TableFormat[_Object], path: str | Path) -> _Object:
    """Read a table file, and make the object that its format describes, such as `Candidates`."""
    path = as_path(path)
    check_suffix(path, table_format.suffixes, table_format.content_name)
    return object_from_table(
        table_format,
        path,
        read_table(path, text_columns=table_format.text_columns, requires_rows=table_format.requires_rows),
        None,
    )


def object_from_table(
    table_format: TableFormat[_Object], path: Path, table: "pl.DataFrame", classes: Classes | None
) -> _Object:
    """Make one object, such as `Candidates`, from all rows of a table."""
    assert table_format.make_object is not None
    with add_error_place(path):
        cells = {
            column.name: column._parse_cells(_Cells(path, table[find_column(path, table, column.name)], classes))
            for column in table_format.columns
            if column.is_required or column.name in table.columns
        }
        return table_format.make_object(cells)


def write_object(
    table_format: TableFormat[_Object],
    path: str | Path,
    value: _Object,
    *,
    force: bool = False,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write an object as a table; the same object gives the same bytes."""
    import polars as pl

    path = as_path(path)
    check_type(table_format.object_type, value)
    suffix = check_suffix(path, table_format.suffixes, table_format.content_name)
    values = table_format.get_values(value)
    table = pl.DataFrame(
        [column._make_series(values[column.name]) for column in table_format.columns if column.name in values]
    )
    if suffix in (".csv", ".tsv"):
        table = table.with_columns(pl.col(pl.List(pl.String)).list.join("; "))
    write_table(path, table, force=force, metadata=metadata)
