"""Tables as CSV, TSV, JSON lines and Parquet, read and written with polars."""

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from reassess.errors import DataError
from reassess.formats.archives import max_bytes
from reassess.formats.files import check_input, check_suffix, suggest_suffix, utf8_error, write_to_temporary
from reassess.formats.json_files import iterate_json_lines, locate_bad_line, read_json_lines
from reassess.formats.parquet_pages import describe_bad_parquet_page
from reassess.formats.separated import SEPARATORS, find_line_of_row, read_csv_or_tsv
from reassess.text import join_first

if TYPE_CHECKING:
    import polars as pl


_THREADS = Path("/proc/self/task")  # on Linux; on other systems, multiprocessing does not fork by default
_POLARS_THREAD = re.compile(r"polars-\d")
_has_threads = {"this process": False, "parent": False}  # of polars


def refuse_fork() -> None:
    """Raise `DataError` in a process that was forked after a table was read or written."""
    if _has_threads["parent"]:
        raise DataError(
            "forked-process",
            "this process was forked after its parent read or wrote a table, so it cannot read or write tables",
            allowed="processes that are not forked",
            fix='multiprocessing.get_context("spawn"), or multiprocessing_context="spawn" of a DataLoader',
        )


def _record_polars_threads() -> None:
    """Before a fork, record whether polars has threads in this process."""
    paths = _THREADS.glob("*/comm") if "polars" in sys.modules else ()
    with suppress(OSError):  # a thread may have ended
        _has_threads["this process"] = any(_POLARS_THREAD.match(path.read_text()) for path in paths)


def _record_polars_threads_of_parent() -> None:
    """In a forked process, record whether polars had threads in the parent process."""
    _has_threads["parent"] |= _has_threads["this process"]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_record_polars_threads, after_in_child=_record_polars_threads_of_parent)


TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
_NUMBER_BYTES, _TEXT_BYTES = 8, 64  # approximate memory of a value
# A heading like this is a value: the file has no headings.
_DATA_VALUE = re.compile(r"[.](jpe?g|png|webp|bmp|gif|tiff?)$|^-?[0-9]*[.][0-9]+$", re.IGNORECASE)


def read_table(path: Path, *, text_columns: Sequence[str] = (), requires_rows: bool = True) -> "pl.DataFrame":
    """Read a table, by suffix; the columns in `text_columns` are read as text."""
    import polars as pl

    readers: dict[str, Callable[[], pl.DataFrame]] = {
        ".csv": lambda: read_csv_or_tsv(path, text_columns=text_columns),
        ".tsv": lambda: read_csv_or_tsv(path, text_columns=text_columns),
        ".jsonl": lambda: read_json_lines(path),
        ".parquet": lambda: _read_parquet(path),
    }
    check_input(path)
    refuse_fork()
    read = readers[check_suffix(path, readers, "a table")]
    try:
        str(path).encode()  # polars cannot open a path that is not valid Unicode
        table = read()
        table = table.with_columns(to_text(path, table[name]) for name in text_columns if name in table.columns)
    except UnicodeDecodeError as error:
        raise utf8_error(path, error) from error
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, UnicodeError) as error:
        raise DataError(
            "unreadable-file",
            "table cannot be read",
            where=locate_bad_line(path) if path.suffix.lower() == ".jsonl" else path,
            found=str(error).splitlines()[0],
            fix=suggest_suffix(path) or "get or write the file again",
        ) from error
    if any(_DATA_VALUE.search(heading) for heading in table.columns):
        raise DataError(
            "no-heading",
            "first line of the table is not a heading",
            where=path,
            allowed="a heading for each column, such as image",
            found=join_first(table.columns),
            fix="write the headings above the first row",
        )
    if requires_rows and not table.height:
        raise DataError("empty-file", "table has no rows", where=path, fix="write the table again")
    return table.with_columns(series.cast(pl.String) for series in table if series.dtype in (pl.Categorical, pl.Enum))


def read_parquet_metadata(path: Path) -> dict[str, str]:
    """Read the metadata of a Parquet file, and raise `DataError` if the file is damaged."""
    import polars as pl

    try:
        return pl.read_parquet_metadata(path.absolute())
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, UnicodeError) as error:
        raise DataError(
            "unreadable-file",
            "table cannot be read",
            where=path,
            found=str(error).splitlines()[0],
            fix="get or write the file again",
        ) from error


def _read_parquet(path: Path) -> "pl.DataFrame":
    """Read a Parquet file, up to the memory limit: a few bytes can declare any number of equal rows."""
    import polars as pl

    if (found := describe_bad_parquet_page(path)) is not None:
        raise DataError(
            "unreadable-file", "table cannot be read", where=path, found=found, fix="get or write the file again"
        )
    full = path.absolute()  # polars would expand ~ to the home folder
    lazy = pl.scan_parquet(full, glob=False)
    schema, rows = lazy.collect_schema(), lazy.select(pl.len()).collect().item()
    n_bytes = rows * sum(_NUMBER_BYTES if dtype.is_numeric() else _TEXT_BYTES for dtype in schema.dtypes())
    if n_bytes > max_bytes():
        raise DataError(
            "too-large",
            "table is too large",
            where=path,
            allowed=f"{max_bytes():,} bytes",
            found=f"about {n_bytes:,} bytes: {rows:,} rows of {len(schema):,} columns",
            fix="split the table, or delete columns",
        )
    return pl.read_parquet(full, glob=False)


def write_table(
    path: Path, table: "pl.DataFrame", *, force: bool = False, metadata: Mapping[str, str] | None = None
) -> None:
    """Write a table to CSV, TSV, JSON lines or Parquet, by suffix; only Parquet stores the metadata."""
    import polars as pl

    writers: dict[str, Callable[[Path], object]] = {
        ".csv": table.write_csv,
        ".tsv": lambda to: table.write_csv(to, separator="\t"),
        ".jsonl": table.write_ndjson,
        ".parquet": lambda to: table.write_parquet(to, metadata=dict(metadata) if metadata else None),
    }
    write = writers[check_suffix(path, writers, "a table")]
    refuse_fork()
    with write_to_temporary(path, force=force) as temporary:
        try:
            write(temporary.absolute())
        except pl.exceptions.PolarsError as error:  # polars also raises this if the disk is full
            raise OSError(str(error).splitlines()[0]) from error


def describe_row_place(path: Path, row: int, heading: str | None = None) -> str:
    """Return the place of a row for a message: its line in a text file, or its number from 1 in Parquet."""
    suffix = path.suffix.lower()
    if suffix in SEPARATORS:
        where = f"line {find_line_of_row(path, row)}"
    elif suffix == ".jsonl":
        where = f"line {next(islice(iterate_json_lines(path), row, None))[0]}"
    else:
        where = f"row {row + 1}"
    return f"{path}, {where}" + ("" if heading is None else f", column {heading}")


def find_column(path: Path, table: "pl.DataFrame", *names: str, fix: str = "rename the column, or add it") -> str:
    """Return which of several equivalent headings a table has; raise unless the table has exactly one of them."""
    found = [name for name in names if name in table.columns]
    if len(found) == 1:
        return found[0]
    if found:
        raise DataError(
            "ambiguous-column",
            "columns have the same meaning",
            where=path,
            allowed=f"one of {', '.join(names)}",
            found=", ".join(found),
            fix="keep one of these columns",
        )
    raise DataError(
        "missing-column",
        f"column {names[0]!r} is missing",
        where=path,
        allowed=" or ".join(names) if len(names) > 1 else None,
        found=", ".join(table.columns[:12]),
        fix=fix,
    )


def refuse_blank_values(path: Path, series: "pl.Series") -> None:
    """Raise `DataError` if a text is missing or blank."""
    refuse_missing_values(path, series.set(series.str.strip_chars() == "", None))


def refuse_missing_values(
    path: Path, series: "pl.Series", *, entries_per_row: int = 1, is_needed: "pl.Series | None" = None
) -> None:
    """Raise `DataError` if a value is missing, in any row or in the rows where `is_needed` is true."""
    is_missing = series.is_null() if is_needed is None else series.is_null() & is_needed
    if is_missing.any():
        raise DataError(
            "missing-value",
            "value is missing",
            where=describe_row_place(path, (is_missing.arg_max() or 0) // entries_per_row, series.name),
            fix="fill in the value, or delete the row",
        )


def to_integers(path: Path, series: "pl.Series", *, entries_per_row: int = 1) -> "pl.Series":
    """Convert a column to int64, keeping nulls; whole numbers may be written as text or floats.

    If the series has the entries of lists of equal length, `entries_per_row` is this length, so that messages name the
    right row.
    """
    whole = _parse_whole_numbers(series)
    bad = (series.is_not_null() & whole.is_null()).arg_true()
    if bad.len():
        raise DataError(
            "out-of-range" if series.dtype.is_integer() else "not-a-number",
            "number is too large" if series.dtype.is_integer() else "not a whole number",
            where=describe_row_place(path, bad[0] // entries_per_row, series.name),
            found=repr(series[bad[0]]),
        )
    return whole


def to_floats(path: Path, series: "pl.Series", *, entries_per_row: int = 1) -> "pl.Series":
    """Convert a column without nulls to floats; numbers may be text. Arguments as for `to_integers`."""
    refuse_missing_values(path, series, entries_per_row=entries_per_row)
    return to_nullable_floats(path, series, entries_per_row=entries_per_row)


def to_nullable_floats(path: Path, series: "pl.Series", *, entries_per_row: int = 1) -> "pl.Series":
    """Convert a column to floats, keeping nulls; numbers may be text. Arguments as for `to_integers`."""
    import polars as pl

    if series.dtype.is_float():
        return series
    if series.dtype.is_numeric() or series.dtype == pl.String:
        values = series.cast(pl.Float64, strict=False)
    else:
        values = pl.Series(series.name, [None] * len(series), pl.Float64)
    bad = (series.is_not_null() & values.is_null()).arg_true()
    if bad.len():
        found = str(series.dtype) if series.dtype.is_nested() else repr(series[bad[0]])
        raise DataError(
            "not-a-number",
            "not a number",
            where=describe_row_place(path, bad[0] // entries_per_row, series.name),
            found=found,
        )
    return values


def _parse_whole_numbers(series: "pl.Series") -> "pl.Series":
    """Convert whole numbers to int64, and all other values to null."""
    import polars as pl

    is_text = series.dtype == pl.String
    if not (is_text or series.dtype.is_numeric()):
        return pl.Series(series.name, [None] * len(series), pl.Int64)
    values = series.str.strip_chars() if is_text else series
    if values.dtype.is_integer():
        return values.cast(pl.Int64, strict=False)
    as_floats = values.cast(pl.Float64, strict=False)
    whole = as_floats.cast(pl.Int64, strict=False)
    whole = whole.set((whole != as_floats).fill_null(False), None)
    return values.cast(pl.Int64, strict=False).fill_null(whole) if is_text else whole


def to_text(path: Path, series: "pl.Series") -> "pl.Series":
    """Convert a column to text."""
    import polars as pl

    try:
        if not series.dtype.is_nested():
            return series.cast(pl.String)
        cause = None
    except pl.exceptions.PolarsError as error:  # such as a column of bytes or durations
        cause = error
    raise DataError(
        "wrong-type",
        "column is not text",
        where=f"{path}, column {series.name}",
        found=str(series.dtype),
        fix="write the column as text",
    ) from cause


def find_unique_values(series: "pl.Series") -> tuple[list[Any], npt.NDArray[np.int64]]:
    """Return the unique values, in order of first appearance, and the position of each row's value."""
    import polars as pl

    unique = series.unique(maintain_order=True)
    codes = series.replace_strict(unique, pl.int_range(len(unique), eager=True), return_dtype=pl.Int64)
    return unique.to_list(), codes.to_numpy()
