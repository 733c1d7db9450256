"""Batches of votes from a folder of Parquet files, with the checks of a table of votes."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from reassess.core.class_names import parse_class_id
from reassess.errors import DataError, UnreadableFileError
from reassess.formats.files import check_input
from reassess.formats.parquet_pages import describe_bad_parquet_page
from reassess.formats.tables import describe_row_place, find_column, refuse_fork, to_text
from reassess.formats.votes.stored_names import CLASS, IMAGE, ITEM
from reassess.formats.votes.vote_tables import ANSWER_NAMES, ITEM_NAMES, RATER_NAMES, find_item_column
from reassess.text import join_first, to_nfc

if TYPE_CHECKING:
    import polars as pl

RATER, ANSWER = "rater", "answer"
_BATCH_ROWS = 1 << 20
_IGNORED_PREFIXES = (".", "_")  # other programs write files such as _SUCCESS


class Batch(NamedTuple):
    """Successive rows of a file as texts. An item without votes has null as rater and as answer."""

    path: Path
    first_row: int
    table: "pl.DataFrame"  # columns: item (or image and class), rater, answer


class VoteFolder:
    """The files of a folder, sorted by name, and their columns."""

    def __init__(self, folder: Path) -> None:
        self.path = folder
        self.files = list_vote_files(folder)
        schemas = [_read_schema(path) for path in self.files]
        for path, schema in zip(self.files, schemas, strict=True):
            if set(schema.columns) != set(schemas[0].columns):
                raise DataError(
                    "different-columns",
                    "files of the folder have different columns",
                    where=path,
                    allowed=f"{join_first(schemas[0].columns)}, as in {self.files[0].name}",
                    found=join_first(schema.columns),
                    fix="write the same columns to all files",
                )
        self._columns = _find_columns(self.files[0], schemas[0])
        for path, schema in zip(self.files, schemas, strict=True):
            for name in self._columns.values():
                if schema[name].dtype.is_float() != schemas[0][name].dtype.is_float():  # 7 and 7.0 would be two names
                    raise DataError(
                        "different-columns",
                        "files of the folder have different types in a column",
                        where=f"{path}, column {name}",
                        allowed=f"{schemas[0][name].dtype}, as in {self.files[0].name}",
                        found=str(schema[name].dtype),
                        fix="write the same type to all files, such as whole numbers or text",
                    )
        self.are_questions = CLASS in self._columns

    @property
    def item_columns(self) -> list[str]:
        """The names of the columns that identify an item: image and class for questions, else item."""
        return [IMAGE, CLASS] if self.are_questions else [ITEM]

    def count_rows(self) -> int:
        """Count the rows of all files."""
        import polars as pl

        return sum(
            int(pl.scan_parquet(path.absolute(), glob=False).select(pl.len()).collect().item()) for path in self.files
        )

    def iterate_batches(self) -> Iterator[Batch]:
        """Read and check the rows of all files, in order."""
        import polars as pl

        for path in self.files:
            lazy = pl.scan_parquet(path.absolute(), glob=False).select(
                pl.col(name).alias(new) for new, name in self._columns.items()
            )
            for first_row in range(0, lazy.select(pl.len()).collect().item(), _BATCH_ROWS):
                try:
                    table = lazy.slice(first_row, _BATCH_ROWS).collect()
                except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
                    rows = f"rows {first_row + 1:,} to {first_row + _BATCH_ROWS:,}"
                    raise _unreadable_error(f"{path}, {rows}", str(error).splitlines()[0]) from error
                yield Batch(path, first_row, self._convert_to_text(path, first_row, table))

    def _convert_to_text(self, path: Path, first_row: int, table: "pl.DataFrame") -> "pl.DataFrame":
        """Convert all columns to text; raise `DataError` for a missing value."""
        columns = [
            _convert_classes(path, first_row, series) if series.name == CLASS else to_text(path, series)
            for series in table
        ]
        batch = table.with_columns(columns)
        for name in self.item_columns:
            _refuse_rows(path, first_row, batch[name].is_null(), self._columns[name])
        for name, other in ((RATER, ANSWER), (ANSWER, RATER)):
            _refuse_rows(path, first_row, batch[name].is_null() & batch[other].is_not_null(), self._columns[name])
        if self.are_questions:
            is_blank = (batch[CLASS].str.strip_chars() == "") | (batch[IMAGE] == "")
            _refuse_rows(path, first_row, is_blank, "image or class")
        return batch


def normalize_class(text: str) -> str:
    """Return the same text for all spellings of a class, such as 7 and 7.0, or a name in NFC and NFD."""
    number = parse_class_id(text)
    return to_nfc(text.strip()) if number is None else str(number)


def list_vote_files(folder: Path) -> list[Path]:
    """List the files of a folder, sorted by name; raise `DataError` unless all are Parquet files."""
    if not folder.is_dir():
        raise DataError("file-not-found", "folder not found", where=folder, fix="check the path")
    files = sorted(path for path in folder.iterdir() if not path.name.startswith(_IGNORED_PREFIXES))
    if not files:
        raise DataError("empty-folder", "folder has no files", where=folder, fix="put Parquet files with votes there")
    refuse_fork()
    for path in files:
        if path.is_dir():
            raise DataError(
                "folder-not-file", "folder of votes has a subfolder", where=path, fix="move its files into the folder"
            )
        if path.suffix.lower() != ".parquet":
            raise UnreadableFileError(
                "wrong-suffix",
                "wrong kind of file for a folder of votes",
                where=path,
                allowed=".parquet",
                found=path.suffix or "no suffix",
                fix="move the file to another folder, or let its name start with _",
            )
        check_input(path)
        if (found := describe_bad_parquet_page(path)) is not None:
            raise _unreadable_error(path, found)
    return files


def _read_schema(path: Path) -> "pl.DataFrame":
    """Return a table without rows that has the columns of a file."""
    import polars as pl

    try:
        return pl.DataFrame(schema=pl.scan_parquet(path.absolute(), glob=False).collect_schema())
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise _unreadable_error(path, str(error).splitlines()[0]) from error


def _find_columns(path: Path, schema: "pl.DataFrame") -> dict[str, str]:
    """Return the name of each column in the files."""
    names = set(schema.columns)
    if IMAGE in names and CLASS in names:
        items = {IMAGE: IMAGE, CLASS: CLASS}
    elif IMAGE in names and not names & set(ITEM_NAMES):
        raise DataError(
            "not-on-questions",
            "a folder of votes cannot have a column image without a column class",
            where=path,
            allowed="the columns image and class, or item",
            found=join_first(schema.columns),
            fix="rename the column image to item; or, if the answers are classes, write one file instead of a folder",
        )
    else:
        items = {ITEM: find_item_column(path, schema)}
    fix = "add the column (who gave the answer)"
    return {
        **items,
        RATER: find_column(path, schema, *RATER_NAMES, fix=fix),
        ANSWER: find_column(path, schema, *ANSWER_NAMES),
    }


def _convert_classes(path: Path, first_row: int, series: "pl.Series") -> "pl.Series":
    """Convert a column of classes to text; numbers must be whole."""
    import polars as pl

    if not series.dtype.is_numeric():
        return to_text(path, series)
    whole = series.cast(pl.Int64, strict=False)
    is_wrong = series.is_not_null() & ((whole.is_null()) | (whole.cast(pl.Float64) != series.cast(pl.Float64)))
    if is_wrong.any():
        row = is_wrong.arg_max() or 0
        where = describe_row_place(path, first_row + row, series.name)
        raise DataError("not-a-number", "not a whole number", where=where, found=repr(series[row]))
    return whole.cast(pl.String)


def _refuse_rows(path: Path, first_row: int, is_missing: "pl.Series", column: str) -> None:
    """Raise `DataError` if a value is missing in a row."""
    if is_missing.any():
        where = describe_row_place(path, first_row + (is_missing.arg_max() or 0), column)
        raise DataError("missing-value", "value is missing", where=where, fix="fill in the value, or delete the row")


def _unreadable_error(where: object, found: str) -> DataError:
    fix = "get or write the file again"
    return DataError("unreadable-file", "table cannot be read", where=where, found=found, fix=fix)
