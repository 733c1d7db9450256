"""Tables as such: CSV, TSV, JSON lines and Parquet through polars, with one message where that fails."""

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
from reassess.formats.files import check_input, not_utf8, other_suffix, suffix_of, writing
from reassess.formats.json_files import json_lines, read_json_lines, where_not_json
from reassess.formats.parquet_pages import bad_page
from reassess.formats.separated import SEPARATORS, line_of_row, read_separated
from reassess.text import some

if TYPE_CHECKING:
    import polars as pl


_THREADS = Path("/proc/self/task")  # of Linux; elsewhere processes are forked only where that is asked for
_OF_POLARS = re.compile(r"polars-\d")
_at_work = {"here": False, "before the fork": False}


def refuse_fork() -> None:
    """Raise `DataError` in a process that was forked after a table was read or written."""
    if _at_work["before the fork"]:
        raise DataError(
            "forked-process",
            "a forked process cannot read or write tables after its parent did",
            allowed="processes that are started anew",
            fix='multiprocessing.get_context("spawn"), or multiprocessing_context="spawn" of a DataLoader',
        )


def _look() -> None:
    """Note whether polars has threads; this runs before a fork."""
    paths = _THREADS.glob("*/comm") if "polars" in sys.modules else ()
    with suppress(OSError):  # of a thread that has ended by now
        _at_work["here"] = any(_OF_POLARS.match(path.read_text()) for path in paths)


def _remember() -> None:
    """In the fork, note what was so before it."""
    _at_work["before the fork"] |= _at_work["here"]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_look, after_in_child=_remember)


TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
_NUMBER_BYTES, _TEXT_BYTES = 8, 64  # about what a value takes in memory
_VALUE = re.compile(r"[.](jpe?g|png|webp|bmp|gif|tiff?)$|^-?[0-9]*[.][0-9]+$", re.IGNORECASE)  # and no heading


def read_table(path: Path, *, text: Sequence[str] = (), rows_needed: bool = True) -> "pl.DataFrame":
    """The table of a file, of which the suffix tells the kind."""
    import polars as pl

    readers: dict[str, Callable[[], pl.DataFrame]] = {
        ".csv": lambda: read_separated(path, text=text),
        ".tsv": lambda: read_separated(path, text=text),
        ".jsonl": lambda: read_json_lines(path),
        ".parquet": lambda: _read_parquet(path),
    }
    check_input(path)
    refuse_fork()
    read = readers[suffix_of(path, readers, "a table")]
    try:
        str(path).encode()  # polars takes no path of other bytes
        table = read()
        table = table.with_columns(as_text(path, table[name]) for name in text if name in table.columns)
    except UnicodeDecodeError as error:
        raise not_utf8(path, error) from error
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, UnicodeError) as error:
        raise DataError(
            "unreadable-file",
            "table cannot be read",
            where=where_not_json(path) if path.suffix.lower() == ".jsonl" else path,
            found=str(error).splitlines()[0],
            fix=other_suffix(path) or "get or write the file again",
        ) from error
    if any(_VALUE.search(heading) for heading in table.columns):
        raise DataError(
            "no-heading",
            "first line of the table is not a heading",
            where=path,
            allowed="a heading for each column, such as image",
            found=some(table.columns),
            fix="write the headings above the first row",
        )
    if rows_needed and not table.height:
        raise DataError("empty-file", "table has no rows", where=path, fix="write it again")
    return table.with_columns(series.cast(pl.String) for series in table if series.dtype in (pl.Categorical, pl.Enum))


def _read_parquet(path: Path) -> "pl.DataFrame":
    """The table of a Parquet file, of which a few bytes may declare any number of equal rows."""
    import polars as pl

    if (found := bad_page(path)) is not None:
        raise DataError(
            "unreadable-file", "table cannot be read", where=path, found=found, fix="get or write the file again"
        )
    full = path.absolute()  # polars takes ~ for the home folder
    lazy = pl.scan_parquet(full, glob=False)
    schema, rows = lazy.collect_schema(), lazy.select(pl.len()).collect().item()
    if rows * sum(_NUMBER_BYTES if dtype.is_numeric() else _TEXT_BYTES for dtype in schema.dtypes()) > max_bytes():
        raise DataError(
            "too-large",
            "table is too large",
            where=path,
            allowed=f"up to {max_bytes():,} bytes, with {_NUMBER_BYTES} for a number and {_TEXT_BYTES} for a text",
            found=f"{rows:,} rows of {len(schema):,} columns",
            fix="split it, or leave columns out",
        )
    return pl.read_parquet(full, glob=False)


def write_table(
    path: Path, table: "pl.DataFrame", *, force: bool = False, metadata: Mapping[str, str] | None = None
) -> None:
    """Write a table to CSV, TSV, JSON lines or Parquet, by suffix; Parquet alone has a place for metadata."""
    import polars as pl

    writers: dict[str, Callable[[Path], object]] = {
        ".csv": table.write_csv,
        ".tsv": lambda to: table.write_csv(to, separator="\t"),
        ".jsonl": table.write_ndjson,
        ".parquet": lambda to: table.write_parquet(to, metadata=dict(metadata) if metadata else None),
    }
    write = writers[suffix_of(path, writers, "a table")]
    refuse_fork()
    with writing(path, force=force) as temporary:
        try:
            write(temporary.absolute())
        except pl.exceptions.PolarsError as error:  # as which it also tells of a disk without room
            raise OSError(str(error).splitlines()[0]) from error


def place(path: Path, row: int, heading: str | None = None) -> str:
    """Where a row of a table is, for a message: its line as an editor counts, or else the number of the row, from 1."""
    suffix = path.suffix.lower()
    if suffix in SEPARATORS:
        where = f"line {line_of_row(path, row)}"
    elif suffix == ".jsonl":
        where = f"line {next(islice(json_lines(path), row, None))[0]}"
    else:
        where = f"row {row + 1}"
    return f"{path}, {where}" + ("" if heading is None else f", column {heading}")


def column(path: Path, table: "pl.DataFrame", *names: str) -> str:
    """Return the one of some headings that the table has."""
    there = [name for name in names if name in table.columns]
    if len(there) == 1:
        return there[0]
    if there:
        raise DataError(
            "ambiguous-column",
            "columns have the same meaning",
            where=path,
            allowed=f"one of {', '.join(names)}",
            found=", ".join(there),
            fix="delete or rename the columns that are not meant",
        )
    raise DataError(
        "missing-column",
        f"column {names[0]!r} is missing",
        where=path,
        allowed=" or ".join(names) if len(names) > 1 else None,
        found=", ".join(table.columns[:12]),
        fix="rename the column, or add it",
    )


def refuse_missing(path: Path, series: "pl.Series", *, per_row: int = 1, needed: "pl.Series | None" = None) -> None:
    """Raise `DataError` if a value of a column is missing."""
    is_missing = series.is_null() if needed is None else series.is_null() & needed
    if is_missing.any():
        raise DataError(
            "missing-value",
            "value is missing",
            where=place(path, (is_missing.arg_max() or 0) // per_row, series.name),
            fix="fill it in, or delete the row",
        )


def integers(path: Path, series: "pl.Series", *, per_row: int = 1) -> "pl.Series":
    """A column as int64 where it holds whole numbers, nulls kept; whole numbers written as text or floats count."""
    whole = _whole(series)
    bad = (series.is_not_null() & whole.is_null()).arg_true()
    if bad.len():
        raise DataError(
            "out-of-range" if series.dtype.is_integer() else "not-a-number",
            "number is too large" if series.dtype.is_integer() else "not a whole number",
            where=place(path, bad[0] // per_row, series.name),
            found=repr(series[bad[0]]),
        )
    return whole


def numbers(path: Path, series: "pl.Series", *, per_row: int = 1) -> "pl.Series":
    """A column as floats, none missing; numbers written as text count. Parameters as for `integers`."""
    refuse_missing(path, series, per_row=per_row)
    return floats(path, series, per_row=per_row)


def floats(path: Path, series: "pl.Series", *, per_row: int = 1) -> "pl.Series":
    """A column as floats, nulls kept; numbers written as text count. Parameters as for `integers`."""
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
        raise DataError("not-a-number", "not a number", where=place(path, bad[0] // per_row, series.name), found=found)
    return values


def _whole(series: "pl.Series") -> "pl.Series":
    """Whole numbers of a column, null for all else."""
    import polars as pl

    is_text = series.dtype == pl.String
    if not (is_text or series.dtype.is_numeric()):
        return pl.Series(series.name, [None] * len(series), pl.Int64)
    given = series.str.strip_chars() if is_text else series
    if given.dtype.is_integer():
        return given.cast(pl.Int64, strict=False)
    rounded = given.cast(pl.Float64, strict=False)
    whole = rounded.cast(pl.Int64, strict=False)
    whole = whole.set((whole != rounded).fill_null(False), None)
    return given.cast(pl.Int64, strict=False).fill_null(whole) if is_text else whole


def as_text(path: Path, series: "pl.Series") -> "pl.Series":
    """A column as text."""
    import polars as pl

    try:
        if not series.dtype.is_nested():
            return series.cast(pl.String)
        cause = None
    except pl.exceptions.PolarsError as error:  # of bytes, or of a span of time
        cause = error
    raise DataError(
        "wrong-type",
        "column is not text",
        where=f"{path}, column {series.name}",
        found=str(series.dtype),
        fix="write it as text",
    ) from cause


def coded(series: "pl.Series") -> tuple[list[Any], npt.NDArray[np.int64]]:
    """Return the different values of a column, in the order in which they first come, and each row's position there."""
    import polars as pl

    unique = series.unique(maintain_order=True)
    codes = series.replace_strict(unique, pl.int_range(len(unique), eager=True), return_dtype=pl.Int64)
    return unique.to_list(), codes.to_numpy()
