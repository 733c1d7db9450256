"""Predictions in a table: find the columns of image names, ids and scores.

The first column with image names is used. Then, in this order:

1. `prediction_1..k` (or timm's `index_0..k-1`) are ids.
2. `prediction`, `predicted_class`, `pred`, `label` or `top1` (or timm's `index`) are ids, with an id or a list per row.
3. Otherwise the table has a column of scores per class, named by id, wnid or name (or timm's lists of all outputs).

A column `text` has texts that a model wrote; `text_column` finds classes in the texts.

Ids may be written as wnids or names. If k is the number of classes, `score_1..k` next to `prediction_1..k` are the
scores of all classes; with fewer scores, only the ids are read.

If the classes are known only by the names in the labels, ids have no meaning: columns of ids are ignored if other
columns have names, and are an error otherwise. For names that are not classes, see `id_columns`.

A column `label` next to a column of predictions is the true label, and a column `index` that counts up is the row
number. Two columns that could both be the predictions are an error if they differ.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from reassess.core import Classes, Predictions
from reassess.core.free_text import Extract
from reassess.core.image_names import image_keys
from reassess.errors import DataError
from reassess.formats.fiftyone import is_fiftyone_document, read_fiftyone_table
from reassess.formats.json_files import read_json, read_json_lines
from reassess.formats.predictions.id_columns import (
    IdColumns,
    UnknownClass,
    drop_unusable_id_columns,
    find_id_columns,
    handle_unknown_classes,
    refuse_scores_beside_ids,
)
from reassess.formats.predictions.score_columns import predictions_from_score_columns
from reassess.formats.predictions.text_column import TEXT_COLUMN, has_text_column, predictions_from_texts
from reassess.formats.tables import read_table, refuse_fork, refuse_missing_values, to_text
from reassess.text import join_first

if TYPE_CHECKING:
    import polars as pl


def read_json_table(path: Path) -> "pl.DataFrame":
    """Read a JSON file of FiftyOne, or from timm's inference script, in any of three layouts.

    The layouts of timm are json, an object from file name to row; json-split, columns and rows; and json-records, a row
    per line.
    """
    import polars as pl

    refuse_fork()
    try:
        document = read_json(path)
    except DataError as error:
        if error.code != "several-documents":
            raise
        document = None  # a document per line
    if is_fiftyone_document(document):
        return read_fiftyone_table(path, document)
    if isinstance(document, dict) and document.get("data") == []:
        raise DataError("empty-file", "table has no rows", where=path, fix="write the table again")
    try:
        if document is None:
            return read_json_lines(path)
        if isinstance(document, dict) and {"columns", "data"} <= document.keys():
            _check_headings(document["columns"])
            return pl.DataFrame(document["data"], schema=document["columns"], orient="row", infer_schema_length=None)
        if isinstance(document, dict) and document and all(isinstance(row, dict) for row in document.values()):
            rows = [_make_row(path, name, row) for name, row in document.items()]
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
        allowed="the output of timm's inference script: json, json-records or json-split; or labels of FiftyOne",
        fix="write a CSV with the columns image and prediction",
    ) from cause


def _check_headings(columns: Any) -> None:
    if not isinstance(columns, list) or not all(isinstance(column, str) for column in columns):
        raise TypeError("headings are not a list of texts")


def _make_row(path: Path, name: str, row: dict[str, Any]) -> dict[str, Any]:
    if row.get("filename", name) != name:
        raise DataError(
            "two-names",
            "image has a filename that differs from its key",
            where=path,
            found=f"{name} and {row['filename']}",
            fix="remove the filename, or write the file again",
        )
    return {"filename": name, **row}


_ID, _SCORE = "prediction_", "score_"


def _read_all_scores(ids: IdColumns, table: "pl.DataFrame", classes: Classes) -> npt.NDArray[np.floating] | None:
    """Read scores of shape (N, classes) from top-k columns; None if a class has no score."""
    count = ids.ids.shape[1]
    headings = [f"{_SCORE}{rank}" for rank in range(1, count + 1)]
    if count != classes.count or not ids.headings[0].startswith(_ID) or not set(headings) <= set(table.columns):
        return None
    if any(not table[name].dtype.is_float() or table[name].null_count() for name in headings):
        return None
    scores, class_ids = table.select(headings).to_numpy(), ids.ids
    higher, lower = scores[:, :-1], scores[:, 1:]
    # `write_predictions` sorts classes by score, and by id if scores are equal.
    is_sorted = (higher > lower) | ((higher == lower) & (class_ids[:, :-1] < class_ids[:, 1:]))
    if not (np.sort(class_ids, axis=1) == np.arange(count)).all() or not is_sorted.all() or np.isnan(scores).any():
        return None
    by_class = np.empty_like(scores)
    np.put_along_axis(by_class, class_ids, scores, axis=1)
    return by_class


_NAME_COLUMNS = ("image", "file_name", "filename", "name", "path", "index")


def read_prediction_table(
    path: Path,
    classes: Classes,
    output_class_ids: npt.NDArray[np.int64] | None,
    unknown_class: UnknownClass,
    extract: Extract,
) -> Predictions:
    """Read predictions from a table with the columns that this module's docstring describes."""
    table = _read_any_table(path)
    name = _find_name_column(path, table)
    images = _read_names(path, table[name])
    source = f"{path.suffix.lower().lstrip('.')}, image names from {name!r}"
    if has_text_column(path, table.drop(name), classes):
        predictions = predictions_from_texts(path, table[TEXT_COLUMN], classes, unknown_class, extract)
        return predictions.with_images(images, detected_format=f"{source}, {predictions.detected_format}")
    rest = drop_unusable_id_columns(path, table.drop(name), classes, output_class_ids)
    ids = find_id_columns(path, rest, classes, output_class_ids)
    if ids is not None:
        refuse_scores_beside_ids(path, rest.drop(ids.headings), ids.headings, classes)
        scores = _read_all_scores(ids, rest, classes) if output_class_ids is None or ids.has_class_ids else None
        if scores is not None:
            detected = f"{source}, scores of all {scores.shape[1]:,} classes"
            return replace(
                Predictions.from_scores(scores, images, detected_format=detected), has_class_names=ids.has_class_ids
            )
        best, unknown = handle_unknown_classes(path, ids, classes, unknown_class)
        columns = None if ids.has_class_ids else output_class_ids
        detected = f"{source}, top-{ids.ids.shape[1]} ids from {ids.quoted_heading}"
        predictions = Predictions.from_ids(
            best, images, output_class_ids=columns, detected_format=detected, unknown_classes=unknown
        )
        return replace(predictions, has_class_names=ids.has_class_ids)
    predictions = predictions_from_score_columns(path, rest, classes, output_class_ids, unknown_class)
    return predictions.with_images(images, detected_format=f"{source}, {predictions.detected_format}")


def read_image_names(path: Path) -> tuple[str, ...]:
    """Read the image names of a table of predictions, without reading its classes."""
    table = _read_any_table(path)
    return tuple(_read_names(path, table[_find_name_column(path, table)]))


def _read_any_table(path: Path) -> "pl.DataFrame":
    text = tuple(name for name in _NAME_COLUMNS if name != "index")
    return read_json_table(path) if path.suffix.lower() == ".json" else read_table(path, text_columns=text)


def _find_name_column(path: Path, table: "pl.DataFrame") -> str:
    names = [name for name in _NAME_COLUMNS if name in table.columns]
    if len(names) > 1 and names[-1] == "index":  # timm's class ids, or row numbers
        names.pop()
    if not names:
        raise DataError(
            "missing-column",
            "column 'image' is missing",
            where=path,
            allowed=", ".join(_NAME_COLUMNS),
            found=join_first(table.columns),
            fix="rename the column with image names",
        )
    first = names[0]
    for name in names[1:]:
        if image_keys(_read_names(path, table[first])) != image_keys(_read_names(path, table[name])):
            raise DataError(
                "ambiguous-column",
                "two columns could be the image names, and they differ",
                where=path,
                found=f"{first} ({table[first][0]}, ...) and {name} ({table[name][0]}, ...)",
                fix="rename or delete the column that does not contain image names",
            )
    return first


def _read_names(path: Path, series: "pl.Series") -> list[str]:
    refuse_missing_values(path, series)
    return to_text(path, series).to_list()
