"""CSV and TSV files. Polars reads simple files directly; the csv module rewrites other files first.

Polars reads a file directly if it has no quotes, no blank lines, and no lines that end with only a carriage return. In
other files, polars would lose rows after a quote inside a field, keep blank lines as rows, and miss line ends.
"""

import csv
import io
import mmap
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from reassess.core.checks import check_unique
from reassess.errors import DataError

if TYPE_CHECKING:
    import polars as pl


SEPARATORS = {".csv": ",", ".tsv": "\t"}
_SEPARATOR_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs"}
_LONE_RETURN = re.compile(rb"\r(?!\n)")


def read_csv_or_tsv(path: Path, *, text_columns: Sequence[str] = ()) -> "pl.DataFrame":
    """Read a table from a CSV or TSV file; the parameters are the same as for `tables.read_table`.

    Blank lines are skipped. Quotes do not decide a column's type: ``"1"`` is a number.
    """
    import polars as pl

    records = _read_records(path)
    _, headings = next(records, (1, [""]))
    _refuse_other_separator(path, headings)
    check_unique([name for name in headings if name], value_name="a column", where=path, fix="rename one of them")
    is_readable = _is_readable_by_polars(path)
    source = path.absolute() if is_readable else _rewrite_without_quotes(path, records, headings)
    texts = {i for i, name in enumerate(headings) if name in text_columns}
    try:
        table = _read_with_polars(source, path, len(headings), texts)
        if booleans := {i for i, dtype in enumerate(table.dtypes) if dtype == pl.Boolean}:
            # No format of ours has Booleans, but a class may be named true.
            table = _read_with_polars(source, path, len(headings), texts | booleans)
    except pl.exceptions.NoDataError:
        table = pl.DataFrame(schema=dict.fromkeys(map(str, range(len(headings))), pl.String))
    except pl.exceptions.PolarsError:
        _check_cell_counts(path, records, headings)
        raise
    if is_readable and table.width > 1 and table[:, -1].null_count():  # polars reads missing fields as empty ones
        _check_cell_counts(path, records, headings)
    table = table.with_columns(pl.col(pl.String).replace("", None))  # an empty text in quotes is a missing value too
    return table.rename({str(i): name or f"column {i + 1}" for i, name in enumerate(headings)})


def find_line_of_row(path: Path, row: int) -> int:
    """Return the number of the line where a row begins.

    Lines are counted from 1. Rows are counted from 0, without the heading.
    """
    line, _ = next(islice(_read_records(path), row + 1, None))
    return line


def _read_records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the headings and then each row, each with the number of the line where it begins."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=SEPARATORS[path.suffix.lower()], strict=True)
        begin = 1
        try:
            for record in reader:
                if record:
                    yield begin, record
                begin = reader.line_num + 1
        except csv.Error as error:
            is_open = str(error) == "unexpected end of data"
            raise DataError(
                "unreadable-file",
                "table cannot be read",
                where=f"{path}, line {begin:,}",
                found="a quote without an end" if is_open else str(error),
                fix='get or write the file again; write a quote inside a field twice: "5"" floppy"',
            ) from error


def _is_readable_by_polars(path: Path) -> bool:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if any(content.find(text) >= 0 for text in (b'"', b"\n\n", b"\n\r")) or content[:1] in b"\r\n":
            return False
        return content.find(b"\r") < 0 or _LONE_RETURN.search(content) is None


def _rewrite_without_quotes(
    path: Path, records: Iterator[tuple[int, list[str]]], headings: Sequence[str]
) -> io.BytesIO:
    """Drop blank lines and unnecessary quotes of a table, and replace the headings by numbers."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=SEPARATORS[path.suffix.lower()], lineterminator="\r\n")
    writer.writerow(range(len(headings)))
    for line, record in records:
        _check_cell_count(path, line, record, headings)
        writer.writerow(record)
    return io.BytesIO(buffer.getvalue().encode())


def _read_with_polars(
    source: Path | io.BytesIO, path: Path, n_columns: int, text_positions: set[int]
) -> "pl.DataFrame":
    import polars as pl

    if isinstance(source, io.BytesIO):
        source.seek(0)
    return pl.read_csv(
        source,
        separator=SEPARATORS[path.suffix.lower()],
        has_header=False,
        skip_rows=1,
        new_columns=[str(i) for i in range(n_columns)],
        schema_overrides={str(i): pl.String for i in text_positions},
        infer_schema_length=None,  # all rows decide the type of a column
        glob=False,
    )


def _refuse_other_separator(path: Path, headings: Sequence[str]) -> None:
    separator = SEPARATORS[path.suffix.lower()]
    wrong_separators = [
        candidate
        for candidate in _SEPARATOR_NAMES
        if candidate != separator and len(headings) == 1 and candidate in headings[0]
    ]
    if wrong_separators:
        raise DataError(
            "wrong-separator",
            "field separator does not match the suffix",
            where=path,
            allowed=f"{_SEPARATOR_NAMES[separator]}, in a {path.suffix} file",
            found=f"{_SEPARATOR_NAMES[wrong_separators[0]]}, in the heading {headings[0]!r}",
            fix=f"save it with {_SEPARATOR_NAMES[separator]}"
            + (", or rename it to .tsv" if wrong_separators[0] == "\t" else ""),
        )


def _check_cell_counts(path: Path, records: Iterator[tuple[int, list[str]]], headings: Sequence[str]) -> None:
    for line, record in records:
        _check_cell_count(path, line, record, headings)


def _check_cell_count(path: Path, line: int, cells: Sequence[str], headings: Sequence[str]) -> None:
    if len(cells) != len(headings):
        raise DataError(
            "wrong-row",
            "row is too short" if len(cells) < len(headings) else "row has more fields than the heading",
            where=f"{path}, line {line:,}",
            allowed=f"{len(headings):,} fields, as in the heading",
            found=f"{len(cells):,}",
            fix="get or write the file again; put fields that contain a separator in quotes",
        )
