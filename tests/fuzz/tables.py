"""Tables with a few errors, in each table format."""

import csv
import io
import json
import warnings
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import polars as pl
from hypothesis import strategies as st

from tests.fuzz.values import HEADINGS, texts, values

Draw = Callable[[st.SearchStrategy[Any]], Any]


@dataclass(frozen=True)
class Table:
    """Headings, possibly with duplicates, and rows of Python values."""

    headings: list[str]
    rows: list[list[Any]]


def _change_cell(draw: Draw, table: Table) -> None:
    draw(st.sampled_from(table.rows))[_draw_column(draw, table)] = draw(values)


def _copy_cell(draw: Draw, table: Table) -> None:
    at = _draw_column(draw, table)
    draw(st.sampled_from(table.rows))[at] = draw(st.sampled_from(table.rows))[at]


def _change_column(draw: Draw, table: Table) -> None:
    at, value = _draw_column(draw, table), draw(values)
    for row in table.rows:
        row[at] = value


def _turn_column_to_text(draw: Draw, table: Table) -> None:
    at = _draw_column(draw, table)
    for row in table.rows:
        row[at] = str(row[at])


def _turn_column_to_lists(draw: Draw, table: Table) -> None:
    at = _draw_column(draw, table)
    for row in table.rows:
        row[at] = [row[at]] * draw(st.integers(0, 2))


def _remove_rows(draw: Draw, table: Table) -> None:
    del table.rows[draw(st.integers(0, len(table.rows) - 1)) :]


def _duplicate_row(draw: Draw, table: Table) -> None:
    table.rows.append(list(draw(st.sampled_from(table.rows))))


def _shorten_row(draw: Draw, table: Table) -> None:
    draw(st.sampled_from(table.rows)).pop()


def _remove_column(draw: Draw, table: Table) -> None:
    at = _draw_column(draw, table)
    for row in [table.headings, *table.rows]:
        del row[at]


def _add_column(draw: Draw, table: Table) -> None:
    table.headings.append(draw(st.sampled_from(HEADINGS)))
    value = draw(values)
    for row in table.rows:
        row.append(value)


def _change_heading(draw: Draw, table: Table) -> None:
    table.headings[_draw_column(draw, table)] = draw(st.sampled_from(HEADINGS) | texts)


def _draw_column(draw: Draw, table: Table) -> int:
    return int(draw(st.integers(0, len(table.headings) - 1)))


_EDITS = (
    *(
        _change_cell,
        _change_cell,
        _change_cell,
        _copy_cell,
        _change_column,
        _turn_column_to_text,
        _turn_column_to_lists,
        _remove_rows,
        _duplicate_row,
        _shorten_row,
    ),
    *(_remove_column, _add_column, _change_heading),
)


@st.composite
def edited_tables(draw: Draw, tables: tuple[Table, ...]) -> Table:
    """Draw one of the tables, with up to three edits."""
    table = deepcopy(draw(st.sampled_from(tables)))
    for edit in draw(st.lists(st.sampled_from(_EDITS), max_size=3)):
        width = len(table.headings)
        if table.rows and width and all(len(row) == width for row in table.rows):
            edit(draw, table)
    return table


@st.composite
def encoded_tables(draw: Draw, tables: tuple[Table, ...], suffix: str) -> bytes:
    """Draw a file with an edited table."""
    table = draw(edited_tables(tables))
    if suffix in (".csv", ".tsv"):
        return _separated(draw, table, "," if suffix == ".csv" else "\t")
    return _json_lines(draw, table) if suffix == ".jsonl" else _parquet(draw, table)


def _separated(draw: Draw, table: Table, separator: str) -> bytes:
    text = io.StringIO(newline="")
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]))
    newline = draw(st.sampled_from(["\n", "\n", "\r\n", "\r", "\n\n"]))
    csv.writer(text, delimiter=separator, quoting=quoting, lineterminator=newline).writerows(
        [table.headings, *table.rows]
    )
    encoding = draw(st.sampled_from([*["utf-8"] * 8, "utf-8-sig", "utf-8-sig", "utf-16", "latin-1"]))
    return text.getvalue().encode(encoding, "replace")


def _json_lines(draw: Draw, table: Table) -> bytes:
    rows = [dict(zip(table.headings, row, strict=False)) for row in table.rows]
    if rows and draw(st.booleans()):
        rows[-1] = dict(reversed(rows[-1].items()))
    newline = draw(st.sampled_from(["\n", "\n", "\n", "\r\n", "\n\n", " "]))
    return newline.join(json.dumps(row, ensure_ascii=draw(st.booleans())) for row in rows).encode("utf-8", "replace")


_TYPES = (
    *(pl.String, pl.Int8, pl.Int64, pl.UInt64, pl.Int128, pl.Float32, pl.Float64, pl.Boolean, pl.Categorical, pl.Null),
    *(pl.Binary, pl.Date, pl.Time, pl.Datetime, pl.Duration, pl.Decimal(38, 4), pl.List(pl.String)),
    *(pl.Array(pl.Int64, 1), pl.Struct({"a": pl.String}), pl.Enum(["cat", "dog", "cup", "no", "yes"])),
)


def _parquet(draw: Draw, table: Table) -> bytes:
    columns: dict[str, pl.Series] = {}
    for at, heading in enumerate(table.headings):
        cells = [row[at] if at < len(row) else None for row in table.rows]
        columns[heading] = _convert_cells(cells, draw(st.sampled_from((*[None] * 80, *_TYPES))))
    buffer = io.BytesIO()
    pl.DataFrame(columns).write_parquet(buffer, compression=draw(st.sampled_from(["uncompressed", "zstd"])))
    return buffer.getvalue()


def _convert_cells(cells: list[Any], dtype: Any) -> pl.Series:
    """Convert cells to a type, or to text if they do not fit."""
    with warnings.catch_warnings(action="ignore"):
        for kind in (dtype, None):
            try:
                series = pl.Series(cells, dtype=kind, strict=kind is None)
                # Files cannot store objects, and polars may make more rows than cells from an array of lists.
                if "Object" not in str(series.dtype) and len(series) == len(cells):
                    return series
            except (pl.exceptions.PolarsError, pl.exceptions.PanicException, TypeError, ValueError, OverflowError):
                continue
        return pl.Series([None if cell is None else str(cell) for cell in cells], dtype=pl.String)
