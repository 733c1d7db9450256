"""Tables as such: CSV, TSV, JSON lines and Parquet through polars, with one message where that fails."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reassess.errors import DataError
from reassess.formats.files import check_input, suffix_of, writing

if TYPE_CHECKING:
    import polars as pl

__all__ = ["TABLE_SUFFIXES", "column", "integers", "read_table", "write_table"]

TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
_WHOLE_FILE = None  # infer types from all rows: a type that shows late is still the column's type


def read_table(path: Path, *, text: Sequence[str] = ()) -> "pl.DataFrame":
    """The table of a file, of which the suffix tells the kind.

    Parameters
    ----------
    path
        A CSV, TSV, JSON lines or Parquet file.
    text
        Columns that are text, also where all of it looks like numbers: names such as 00012 keep their zeros.

    Raises
    ------
    DataError
        The file is missing, empty, of another kind, or cannot be parsed; or a heading stands twice.
    """
    import polars as pl

    def read_separated(separator: str) -> pl.DataFrame:
        headings = pl.read_csv(path, separator=separator, n_rows=0).columns
        as_text = {name: pl.String for name in headings if name in text}
        return pl.read_csv(path, separator=separator, infer_schema_length=_WHOLE_FILE, schema_overrides=as_text)

    readers: dict[str, Callable[[], pl.DataFrame]] = {
        ".csv": lambda: read_separated(","),
        ".tsv": lambda: read_separated("\t"),
        ".jsonl": lambda: pl.read_ndjson(path, infer_schema_length=_WHOLE_FILE),
        ".parquet": lambda: pl.read_parquet(path),
    }
    check_input(path)
    read = readers[suffix_of(path, readers, "a table")]
    try:
        table = read()
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        raise DataError(
            "the table cannot be read", where=path, found=str(error).splitlines()[0], mend="get or write the file again"
        ) from error
    _refuse_double_headings(path, table)
    if not table.height:
        raise DataError("the table has no rows", where=path, mend="write it again")
    return table.with_columns(pl.col(name).cast(pl.String) for name in text if name in table.columns)


def write_table(path: Path, table: "pl.DataFrame", *, force: bool = False) -> None:
    """Write a table to CSV, TSV, JSON lines or Parquet, by suffix."""
    writers: dict[str, Callable[[Path], object]] = {
        ".csv": table.write_csv,
        ".tsv": lambda to: table.write_csv(to, separator="\t"),
        ".jsonl": table.write_ndjson,
        ".parquet": table.write_parquet,
    }
    write = writers[suffix_of(path, writers, "a table")]
    with writing(path, force=force) as temporary:
        write(temporary)


def column(path: Path, table: "pl.DataFrame", *names: str, thing: str) -> str:
    """The first of some headings that the table has."""
    for name in names:
        if name in table.columns:
            return name
    raise DataError(
        f"the table has no column for {thing}",
        where=path,
        allowed=" or ".join(names),
        found=", ".join(table.columns[:12]),
        mend="rename the column",
    )


def integers(path: Path, series: "pl.Series") -> "pl.Series":
    """A column as int64 where it holds whole numbers, nulls kept; whole numbers written as text or floats count."""
    import polars as pl

    if series.dtype.is_integer():
        return series.cast(pl.Int64)
    whole = series.cast(pl.Float64, strict=False)
    bad = (series.is_not_null() & (whole.is_null() | (whole != whole.floor()).fill_null(True))).arg_true()
    if bad.len():
        row = bad[0]
        raise DataError("not a whole number", where=f"{path}, row {row}, column {series.name}", found=repr(series[row]))
    return whole.cast(pl.Int64)


def _refuse_double_headings(path: Path, table: "pl.DataFrame") -> None:
    """Refuse two columns with one heading; polars renames the second, so only the file itself can tell."""
    if path.suffix.lower() not in (".csv", ".tsv"):
        return
    renamed = [name for name in table.columns if "_duplicated_" in name]
    if renamed:
        raise DataError(
            "two columns have one heading",
            where=path,
            found=renamed[0].split("_duplicated_")[0],
            mend="rename one of them",
        )
