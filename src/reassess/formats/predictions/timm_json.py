"""The JSON that timm's inference script writes, as a table."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from reassess.errors import DataError
from reassess.formats.json_files import read_json
from reassess.formats.tables import read_json_lines

if TYPE_CHECKING:
    import polars as pl

__all__ = ["read_timm_json"]


def read_timm_json(path: Path) -> "pl.DataFrame":
    """The table of one of the three layouts, all of which the script writes under one suffix.

    They are json, an object from file name to row; json-split, columns and rows; and json-records, a row a line.
    """
    import polars as pl

    try:
        document = read_json(path)
    except DataError as error:
        if not str(error.found).startswith("Extra data"):
            raise
        document = None  # a document a line
    if isinstance(document, dict) and document.get("data") == []:
        raise DataError("the table has no rows", where=path, mend="write it again")
    try:
        if document is None:
            return read_json_lines(path)
        if isinstance(document, dict) and {"columns", "data"} <= document.keys():
            _check_texts(document["columns"])
            return pl.DataFrame(document["data"], schema=document["columns"], orient="row", infer_schema_length=None)
        if isinstance(document, dict) and document and all(isinstance(row, dict) for row in document.values()):
            rows = [_row(path, name, row) for name, row in document.items()]
            return pl.DataFrame(rows, infer_schema_length=None)
        if isinstance(document, dict) and not document.keys().isdisjoint(("filename", "image")):
            return pl.DataFrame([document])
        cause = None
    except DataError:
        raise
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, TypeError, ValueError, OverflowError) as error:
        cause = error
    raise DataError(
        "the JSON does not hold predictions",
        where=path,
        allowed="what timm's inference script writes: json, json-records or json-split",
        mend="write a CSV with the columns image and prediction",
    ) from cause


def _check_texts(columns: Any) -> None:
    if not isinstance(columns, list) or not all(isinstance(column, str) for column in columns):
        raise TypeError("headings are a list of texts")


def _row(path: Path, name: str, row: dict[str, Any]) -> dict[str, Any]:
    if row.get("filename", name) != name:
        raise DataError(
            "an image is called otherwise by its key than by its filename",
            where=path,
            found=f"{name} and {row['filename']}",
            mend="leave the filename out, or write the file again",
        )
    return {"filename": name, **row}
