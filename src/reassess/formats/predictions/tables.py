"""A model's predictions as a table: which column names the images, and which hold ids or scores.

Decided in this order: a column of image names; `prediction_1..k` (or timm's `index_0..k-1`) are ids; `prediction`,
`predicted_class`, `pred`, `label` or `top1` (or timm's `index`) are ids, one or a list a row; otherwise there is one
column of scores a class, headed by id, wnid or name (or timm's list of all outputs). Wnids and names stand for ids.
Columns `score_1..k` beside `prediction_1..k` are scores if k is the number of classes: then they say all. Of fewer, the
ids alone are read.

Where the classes are known only by the names in the labels, ids mean nothing: columns of ids are passed over if there
are others of names, and refused if not. Of a name that no class has, see `unknown_names`.

A column `label` beside a column of predictions is taken for the truth, and a column `index` that counts the rows for
their numbers; two columns that could both hold the predictions, and differ, are an error.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from reassess.core.classes import Classes
from reassess.core.image_names import image_keys
from reassess.core.predictions import Predictions
from reassess.errors import DataError
from reassess.formats.predictions.id_columns import find_ids, refuse_scores_beside_ids, without_meaningless_ids
from reassess.formats.predictions.ranked_scores import scores_of_all
from reassess.formats.predictions.score_columns import find_scores
from reassess.formats.predictions.timm_json import read_timm_json
from reassess.formats.predictions.unknown_names import UnknownClass, settle_unknown
from reassess.formats.tables import as_text, read_table, refuse_missing
from reassess.text import some

if TYPE_CHECKING:
    import polars as pl

__all__ = ["read_image_names", "read_prediction_table"]

_NAME_COLUMNS = ("image", "file_name", "filename", "name", "path", "index")


def read_prediction_table(
    path: Path, classes: Classes, outputs: npt.NDArray[np.int64] | None, unknown_class: UnknownClass
) -> Predictions:
    """Predictions of a table; see the module for which column is what.

    Parameters
    ----------
    path
        CSV, TSV, JSON lines, Parquet, or the JSON of timm's inference script.
    classes
        The classes of the benchmark.
    outputs
        Class id of each of the model's outputs, where the file's numbers are those of outputs and not of classes.
    unknown_class
        What becomes of predictions by names that no class has.
    """
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
        best, unknown = settle_unknown(path, ids, classes, unknown_class)
        columns = None if ids.are_classes else outputs
        detected = f"{kind}; {ids.in_words()}"
        predictions = Predictions.from_ids(best, images, columns=columns, detected=detected, unknown_classes=unknown)
        return replace(predictions, by_name=ids.are_classes)
    scores = find_scores(path, rest, classes, outputs, unknown_class)
    return scores.named(images, detected=f"{kind}; {scores.detected}")


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
            "no column names the images",
            where=path,
            allowed=", ".join(_NAME_COLUMNS),
            found=some(table.columns),
            mend="add a column image with the file name of each row's image",
        )
    first, *others = names
    for other in others:
        if image_keys(_names(path, table[first])) != image_keys(_names(path, table[other])):
            raise DataError(
                "two columns could name the images, and they differ",
                where=path,
                found=f"{first} ({table[first][0]}, ...) and {other} ({table[other][0]}, ...)",
                mend="rename or drop the one that does not name the images",
            )
    return first


def _names(path: Path, series: "pl.Series") -> list[str]:
    refuse_missing(path, series)
    return as_text(path, series).to_list()
