"""A model's scores in the columns of a table; the docstring of `prediction_tables` says which column is what."""

import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from reassess.core import Classes, Predictions
from reassess.core.class_names import class_number
from reassess.errors import DataError, Fix, ReassessWarning
from reassess.formats.predictions.id_columns import ID_COLUMNS, UnknownClass, flattened, unpacked
from reassess.formats.predictions.output_lists import LIST_OUTPUTS, are_in_sorted_order, check_outputs, map_outputs
from reassess.formats.tables import numbers
from reassess.text import some

if TYPE_CHECKING:
    import polars as pl


_ALL_SCORES = ("prob", "logit")
_OTHERS = {"candidates": {"class", "source"}, "tasks": {"task", "classes"}}  # and by which columns they are known
_NUMBERED_SCORE = re.compile(r"(?:prob|logit)_(\d+)")


def find_scores(
    path: Path,
    table: "pl.DataFrame",
    classes: Classes,
    outputs: npt.NDArray[np.int64] | None,
    unknown_class: UnknownClass,
) -> Predictions:
    """Scores in one column a class, or in one list a row, without the names of the images.

    A column that no class is called like is left out, since it may hold something else, such as a width; if it is the
    highest of a row, a `ReassessWarning` says so, or with "error" a `DataError`.
    """
    import polars as pl

    lists = (unpacked(table[name]) for name in _ALL_SCORES if name in table.columns)
    listed = next((series for series in lists if series.dtype.is_nested()), None)
    if listed is not None:
        flat, length = flattened(path, listed)
        check_outputs((len(table), length), classes, outputs)
        scores = numbers(path, flat, per_row=length).to_numpy().reshape(-1, length)
        detected = f"scores of {length:,} outputs, column {listed.name}{are_in_sorted_order(classes, outputs)}"
        return Predictions(scores=scores, columns=outputs, detected=detected)
    numbered = [match[1] for name in table.columns if (match := _NUMBERED_SCORE.fullmatch(name))]
    if numbered:
        check_outputs((len(table), len(numbered)), classes, outputs)
    called = [match[1] if (match := _NUMBERED_SCORE.fullmatch(name)) else name for name in table.columns]
    columns = _classes_of_headings(path, table, called, classes, outputs)
    detected = f"scores, one column a class, {np.count_nonzero(columns >= 0):,} classes"
    by_name = all(class_number(name) is None for name in called)
    if not by_name:
        detected += are_in_sorted_order(classes, outputs)
    left_out = [table.columns[i] for i in np.flatnonzero(columns < 0)]
    if left_out:
        detected += f"; {len(left_out):,} columns left out (no such class): {some(sorted(left_out))}"
    kept = table[:, np.flatnonzero(columns >= 0).tolist()]
    scores = kept.select(numbers(path, series) for series in kept).to_numpy()
    if outputs is None:  # else whoever lists the outputs says which are of no class
        is_float = pl.selectors.float()  # beside which integers number rows, or count something
        others = table.select(left_out).select(is_float if kept.select(is_float).width else pl.selectors.numeric())
        _settle_left_out(path, others, scores, classes, unknown_class)
    return Predictions(scores=scores, columns=columns[columns >= 0], detected=detected, by_name=by_name)


def _settle_left_out(
    path: Path, others: "pl.DataFrame", scores: npt.NDArray[Any], classes: Classes, unknown_class: UnknownClass
) -> None:
    """Say in how many rows a column that no class is called like is the highest."""
    if not others.width:
        return
    higher = others.to_numpy() > scores.max(axis=1, keepdims=True)
    rows = int(np.count_nonzero(higher.any(axis=1)))
    if not rows:
        return
    names = some([others.columns[i] for i in np.flatnonzero(higher.any(axis=0))])
    text = f"a column that is not a class has the highest score in {rows:,} of {len(scores):,} rows"
    if unknown_class == "error":
        fix = Fix("rename the column to the name of its class, or drop it: {unknown_class}", unknown_class='"drop"')
        raise DataError("unknown-class", text, where=path, allowed=classes.allowed, found=names, fix=fix)
    warnings.warn(f"{path}: {text}, and is dropped: {names}", ReassessWarning, stacklevel=2)


def _classes_of_headings(
    path: Path, table: "pl.DataFrame", called: list[str], classes: Classes, outputs: npt.NDArray[np.int64] | None
) -> npt.NDArray[np.int64]:
    """Class id of each column, or -1; numbers are those of outputs, where these are listed."""
    ids = {name: number for name in called if (number := class_number(name)) is not None}
    count = classes.count if outputs is None else len(outputs)
    outside = [name for name, number in ids.items() if number < 0 or (count is not None and number >= count)]
    if outside:
        raise DataError(
            "unknown-class" if outputs is None else "wrong-outputs",
            "column headings are numbers, but not class ids" if outputs is None else "wrong number of outputs",
            where=path,
            allowed=f"0 to {count - 1}" if count else None,
            found=some(outside),
            fix=LIST_OUTPUTS if outputs is None else "list every output, in order",
        )
    if classes.has_local_ids and outputs is None and ids:
        check_outputs((len(table), len(ids)), classes, None)
        outputs = np.arange(len(ids))
    if outputs is not None and ids:
        return np.array([outputs[ids[name]] if name in ids else -1 for name in called], np.int64)
    if any(map(classes.has, called)):
        return map_outputs(classes, called, where=str(path))
    if thing := next((thing for thing, columns in _OTHERS.items() if columns <= set(table.columns)), None):
        raise DataError(
            "not-predictions",
            f"file has {thing}, not predictions of a model",
            where=path,
            fix="give the predictions from which they were made",
        )
    raise DataError(
        "missing-column",
        "column with predictions is missing",
        where=path,
        allowed=f"prediction_1..k, {', '.join(ID_COLUMNS)}, or a column a class, headed by id, wnid or name",
        found=some(table.columns),
        fix="rename the column of predicted classes to prediction",
    )
