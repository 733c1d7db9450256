"""Columns of scores in a table; `prediction_tables` documents the columns."""

import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from reassess.core import Classes, Predictions
from reassess.core.class_names import parse_class_id
from reassess.errors import DataError, Fix, ReassessWarning
from reassess.formats.predictions.id_columns import ID_COLUMNS, UnknownClass, flatten_lists, parse_lists
from reassess.formats.predictions.output_lists import (
    LIST_OUTPUTS,
    check_output_count,
    describe_assumed_order,
    map_outputs,
)
from reassess.formats.tables import to_floats
from reassess.text import count_noun, join_first

if TYPE_CHECKING:
    import polars as pl


_ALL_SCORES = ("prob", "logit")
_OTHER_TABLES = {"candidates": {"class", "source"}, "tasks": {"task", "classes"}}  # and the columns that identify them
_NUMBERED_SCORE = re.compile(r"(?:prob|logit)_(\d+)")


def predictions_from_score_columns(
    path: Path,
    table: "pl.DataFrame",
    classes: Classes,
    output_class_ids: npt.NDArray[np.int64] | None,
    unknown_class: UnknownClass,
) -> Predictions:
    """Read the scores of a table from a column per class or a column of lists; do not read image names.

    A column whose heading is not a class is ignored, since it may have another meaning, such as a width. If it has the
    highest score of a row, a `ReassessWarning` is given, or if `unknown_class` is "error", a `DataError` is raised.
    """
    import polars as pl

    columns_of_all = (parse_lists(table[name]) for name in _ALL_SCORES if name in table.columns)
    lists = next((series for series in columns_of_all if series.dtype.is_nested()), None)
    if lists is not None:
        flat, length = flatten_lists(path, lists)
        check_output_count((len(table), length), classes, output_class_ids)
        scores = to_floats(path, flat, entries_per_row=length).to_numpy().reshape(-1, length)
        detected = (
            f"scores of {length:,} outputs from {lists.name!r}{describe_assumed_order(classes, output_class_ids)}"
        )
        return Predictions(scores=scores, output_class_ids=output_class_ids, detected_format=detected)
    numbered = [match[1] for name in table.columns if (match := _NUMBERED_SCORE.fullmatch(name))]
    if numbered:
        check_output_count((len(table), len(numbered)), classes, output_class_ids)
    names = [match[1] if (match := _NUMBERED_SCORE.fullmatch(name)) else name for name in table.columns]
    columns = _find_heading_classes(path, table, names, classes, output_class_ids)
    detected = f"scores from a column per class, {np.count_nonzero(columns >= 0):,} classes"
    by_name = all(parse_class_id(name) is None for name in names)
    if not by_name:
        detected += describe_assumed_order(classes, output_class_ids)
    unknown = [table.columns[i] for i in np.flatnonzero(columns < 0)]
    if unknown:
        detected += f"; {count_noun(len(unknown), 'column')} ignored (unknown class): {join_first(sorted(unknown))}"
    kept = table[:, np.flatnonzero(columns >= 0).tolist()]
    scores = kept.select(to_floats(path, series) for series in kept).to_numpy()
    if output_class_ids is None:  # a list of outputs says which outputs are not classes
        is_float = pl.selectors.float()  # if scores are floats, integers are other numbers, such as row numbers
        ignored = table.select(unknown).select(is_float if kept.select(is_float).width else pl.selectors.numeric())
        _check_ignored_columns(path, ignored, scores, classes, unknown_class)
    return Predictions(
        scores=scores, output_class_ids=columns[columns >= 0], detected_format=detected, has_class_names=by_name
    )


def _check_ignored_columns(
    path: Path, ignored: "pl.DataFrame", scores: npt.NDArray[Any], classes: Classes, unknown_class: UnknownClass
) -> None:
    """Warn if an ignored column has the highest score of a row; raise if `unknown_class` is "error"."""
    if not ignored.width:
        return
    higher = ignored.to_numpy() > scores.max(axis=1, keepdims=True)
    rows = int(np.count_nonzero(higher.any(axis=1)))
    if not rows:
        return
    names = join_first([ignored.columns[i] for i in np.flatnonzero(higher.any(axis=0))])
    text = f"a column that is not a class has the highest score in {rows:,} of {len(scores):,} rows"
    if unknown_class == "error":
        fix = Fix("rename the column to its class, or ignore it: {unknown_class}", unknown_class='"drop"')
        raise DataError("unknown-class", text, where=path, allowed=classes.allowed_names_text, found=names, fix=fix)
    warnings.warn(f"{path}: {text}; such columns are ignored: {names}", ReassessWarning, stacklevel=2)


def _find_heading_classes(
    path: Path,
    table: "pl.DataFrame",
    names: list[str],
    classes: Classes,
    output_class_ids: npt.NDArray[np.int64] | None,
) -> npt.NDArray[np.int64]:
    """Return the class id of each column, or -1.

    If there is a list of outputs, a number in a heading is a position in the list.
    """
    ids = {name: number for name in names if (number := parse_class_id(name)) is not None}
    count = classes.count if output_class_ids is None else len(output_class_ids)
    outside = [name for name, number in ids.items() if number < 0 or (count is not None and number >= count)]
    if outside:
        raise DataError(
            "unknown-class" if output_class_ids is None else "wrong-outputs",
            "number in a column heading is not a class id"
            if output_class_ids is None
            else "number in a column heading is not in the list of outputs",
            where=path,
            allowed=f"0 to {count - 1}" if count else None,
            found=join_first(outside),
            fix=LIST_OUTPUTS if output_class_ids is None else "list every output, in order",
        )
    if classes.has_local_ids and output_class_ids is None and ids:
        check_output_count((len(table), len(ids)), classes, None)
        output_class_ids = np.arange(len(ids))
    if output_class_ids is not None and ids:
        return np.array([output_class_ids[ids[name]] if name in ids else -1 for name in names], np.int64)
    if any(map(classes.has_class, names)):
        return map_outputs(classes, names, where=str(path))
    if content := next((content for content, columns in _OTHER_TABLES.items() if columns <= set(table.columns)), None):
        raise DataError(
            "not-predictions",
            f"file has {content}, not predictions of a model",
            where=path,
            fix="use the prediction files",
        )
    raise DataError(
        "missing-column",
        "column 'prediction' is missing",
        where=path,
        allowed=f"prediction_1..k, {', '.join(ID_COLUMNS)}, text, or a column per class, named by id, wnid or name",
        found=join_first(table.columns),
        fix="rename the column with predicted classes",
    )
