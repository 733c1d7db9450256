"""A model's predictions as a table: which column names the images, and which hold ids or scores.

Decided in this order: a column of image names; `prediction_1..k` (or timm's `index_0..k-1`) are ids; `prediction`,
`predicted_class`, `pred`, `label` or `top1` (or timm's `index`) are ids, one or a list a row; otherwise there is one
column of scores a class, headed by id, wnid or name (or timm's list of all outputs). Wnids and names stand for ids.
Columns `score_1..k` beside `prediction_1..k` are scores if k is the number of classes: then they say all. Of fewer, the
ids alone are read.

Where the classes are known only by the names in the labels, ids mean nothing: columns of ids are passed over if there
are others of names, and refused if not. Of a name that no class has, see `id_columns`.

A column `label` beside a column of predictions is taken for the truth, and a column `index` that counts the rows for
their numbers; two columns that could both hold the predictions, and differ, are an error.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from reassess.core import Classes, Predictions
from reassess.core.image_names import image_keys
from reassess.errors import DataError
from reassess.formats.json_files import read_json, read_json_lines
from reassess.formats.predictions.id_columns import (
    IdColumns,
    UnknownClass,
    apply_unknown_class,
    find_ids,
    refuse_scores_beside_ids,
    without_meaningless_ids,
)
from reassess.formats.predictions.score_columns import find_scores
from reassess.formats.tables import as_text, read_table, refuse_fork, refuse_missing
from reassess.text import some

if TYPE_CHECKING:
    import polars as pl


def read_timm_json(path: Path) -> "pl.DataFrame":
    """The table of one of the three layouts, all of which the script writes under one suffix.

    They are json, an object from file name to row; json-split, columns and rows; and json-records, a row a line.
    """
    import polars as pl

    refuse_fork()
    try:
        document = read_json(path)
    except DataError as error:
        if error.code != "several-documents":
            raise
        document = None  # a document a line
    if isinstance(document, dict) and document.get("data") == []:
        raise DataError("empty-file", "table has no rows", where=path, fix="write it again")
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
        "wrong-json",
        "JSON has no predictions",
        where=path,
        allowed="what timm's inference script writes: json, json-records or json-split",
        fix="write a CSV with the columns image and prediction",
    ) from cause


def _check_texts(columns: Any) -> None:
    if not isinstance(columns, list) or not all(isinstance(column, str) for column in columns):
        raise TypeError("headings are a list of texts")


def _row(path: Path, name: str, row: dict[str, Any]) -> dict[str, Any]:
    if row.get("filename", name) != name:
        raise DataError(
            "two-names",
            "image name differs between key and filename",
            where=path,
            found=f"{name} and {row['filename']}",
            fix="leave the filename out, or write the file again",
        )
    return {"filename": name, **row}


_ID, _SCORE = "prediction_", "score_"


def scores_of_all(ids: IdColumns, table: "pl.DataFrame", classes: Classes) -> npt.NDArray[np.floating] | None:
    """The score of every class, shape (N, classes), of the columns prediction_1..k and score_1..k of a table.

    None where they do not say all: they lack a class, or a score is no number; and where they do not rank the classes
    as such scores would, of which the higher goes first and of equal ones the lower class id.
    """
    count = ids.table.shape[1]
    headings = [f"{_SCORE}{rank}" for rank in range(1, count + 1)]
    if count != classes.count or not ids.headings[0].startswith(_ID) or not set(headings) <= set(table.columns):
        return None
    if any(not table[name].dtype.is_float() or table[name].null_count() for name in headings):
        return None
    scores, class_ids = table.select(headings).to_numpy(), ids.table
    above, below = scores[:, :-1], scores[:, 1:]
    in_order = (above > below) | ((above == below) & (class_ids[:, :-1] < class_ids[:, 1:]))
    if not (np.sort(class_ids, axis=1) == np.arange(count)).all() or not in_order.all() or np.isnan(scores).any():
        return None
    by_class = np.empty_like(scores)
    np.put_along_axis(by_class, class_ids, scores, axis=1)
    return by_class


_NAME_COLUMNS = ("image", "file_name", "filename", "name", "path", "index")


def read_prediction_table(
    path: Path, classes: Classes, outputs: npt.NDArray[np.int64] | None, unknown_class: UnknownClass
) -> Predictions:
    """Predictions of a table; see the module for which column is what."""
    table = _read(path)
    name = _name_column(path, table)
    images = _names(path, table[name])
    rest = without_meaningless_ids(path, table.drop(name), classes, outputs)
    kind = f"{path.suffix.lower().lstrip('.')}: images named by column {name}"
    ids = find_ids(path, rest, classes, outputs)
    if ids is not None:
        refuse_scores_beside_ids(path, rest.drop(ids.headings), ids.headings, classes)
        in_full = scores_of_all(ids, rest, classes) if outputs is None or ids.are_classes else None
        if in_full is not None:
            detected = f"{kind}; scores, best first, of all {in_full.shape[1]:,} classes"
            return replace(Predictions.from_scores(in_full, images, detected=detected), by_name=ids.are_classes)
        best, unknown = apply_unknown_class(path, ids, classes, unknown_class)
        columns = None if ids.are_classes else outputs
        detected = f"{kind}; ids, top {ids.table.shape[1]}, column {ids.heading}"
        predictions = Predictions.from_ids(best, images, columns=columns, detected=detected, unknown_classes=unknown)
        return replace(predictions, by_name=ids.are_classes)
    scores = find_scores(path, rest, classes, outputs, unknown_class)
    return scores.with_images(images, detected=f"{kind}; {scores.detected}")


def read_image_names(path: Path) -> tuple[str, ...]:
    """The images that a table of predictions names, whatever its classes are; `DataError` where it names none."""
    table = _read(path)
    return tuple(_names(path, table[_name_column(path, table)]))


def _read(path: Path) -> "pl.DataFrame":
    text = tuple(name for name in _NAME_COLUMNS if name != "index")
    return read_timm_json(path) if path.suffix.lower() == ".json" else read_table(path, text=text)


def _name_column(path: Path, table: "pl.DataFrame") -> str:
    names = [name for name in _NAME_COLUMNS if name in table.columns]
    if len(names) > 1 and names[-1] == "index":  # timm's class ids, or numbers of rows
        names.pop()
    if not names:
        raise DataError(
            "missing-column",
            "column with image names is missing",
            where=path,
            allowed=", ".join(_NAME_COLUMNS),
            found=some(table.columns),
            fix="add a column image with the file name of each row's image",
        )
    first, *others = names
    for other in others:
        if image_keys(_names(path, table[first])) != image_keys(_names(path, table[other])):
            raise DataError(
                "ambiguous-column",
                "two columns could be the image names, and they differ",
                where=path,
                found=f"{first} ({table[first][0]}, ...) and {other} ({table[other][0]}, ...)",
                fix="rename or drop the one that does not name the images",
            )
    return first


def _names(path: Path, series: "pl.Series") -> list[str]:
    refuse_missing(path, series)
    return as_text(path, series).to_list()
