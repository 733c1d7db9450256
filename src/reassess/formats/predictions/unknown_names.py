"""Names that no class has: predicted ones are counted as wrong, an error, or left out; those of outputs are left out.

Outputs of no class, such as a background, have no rank, whether a file holds ids or scores.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from reassess.core.classes import Classes
from reassess.core.predictions import Predictions
from reassess.core.unknown_classes import UnknownClasses
from reassess.errors import DataError
from reassess.formats.predictions.id_columns import IdColumns
from reassess.text import counted, some

__all__ = [
    "UNKNOWN_CLASS",
    "UnknownClass",
    "refuse_unknown_outputs",
    "settle_unknown",
    "unknown_in_words",
    "without_unknown_outputs",
]

UnknownClass = Literal["wrong", "error", "drop"]
UNKNOWN_CLASS: tuple[str, ...] = get_args(UnknownClass)

_EXAMPLES = 3


def settle_unknown(
    path: Path, ids: IdColumns, classes: Classes, unknown_class: UnknownClass
) -> tuple[npt.NDArray[np.int64], UnknownClasses]:
    """The ids with -1 for names that no class has, and what these are.

    Parameters
    ----------
    path, classes
        The file and the classes of the benchmark, for the error message.
    ids
        The ids as they were read.
    unknown_class
        "wrong" leaves a name that no class has at its place; "drop" lets the next ones move up, so that -1 comes last;
        "error" refuses it.
    """
    if not ids.unknown:
        return ids.table, UnknownClasses()
    is_unknown = ids.table < 0
    unknown = UnknownClasses(predictions=int(np.count_nonzero(is_unknown)), names=ids.unknown)
    if unknown_class == "error":
        raise DataError(
            "a prediction is by a name that no class has",
            where=f"{path}, column {ids.heading}",
            allowed=classes.allowed,
            found=_with_examples(unknown),
            mend='call the classes so, or count such predictions as wrong (unknown_class="wrong")',
        )
    table = np.where(is_unknown, -1, ids.table)
    if unknown_class == "drop":
        table = np.take_along_axis(table, np.argsort(is_unknown, axis=1, kind="stable"), axis=1)
    return table, unknown


def refuse_unknown_outputs(
    outputs: Sequence[str], columns: npt.NDArray[np.int64], classes: Classes, *, where: str
) -> None:
    """Refuse a list of outputs, and the class id of each, that holds a name which no class has; dashes are no name."""
    unknown = [outputs[row] for row in np.flatnonzero(columns < 0).tolist() if outputs[row].strip(" -")]
    if unknown:
        raise DataError(
            "an output is called by a name that no class has",
            where=where,
            allowed=classes.allowed,
            found=some([repr(name) for name in unknown], most=_EXAMPLES),
            mend='call the classes so, or leave such outputs out (unknown_class="drop")',
        )


def without_unknown_outputs(predictions: Predictions, outputs: Sequence[str]) -> Predictions:
    """Predictions by number of an output, saying which outputs are no class and how often these were predicted."""
    assert predictions.columns is not None
    left_out = np.flatnonzero(predictions.columns < 0)
    if not left_out.size:
        return predictions
    names = some([outputs[row] for row in left_out.tolist()], most=_EXAMPLES)
    predicted = (
        np.empty(0, np.int32) if predictions.ids is None else predictions.ids[np.isin(predictions.ids, left_out)]
    )
    return replace(
        predictions,
        detected=f"{predictions.detected}; {counted(left_out.size, 'output')} left out (no such class): {names}",
        unknown_classes=UnknownClasses(predicted.size, tuple(outputs[row] for row in np.unique(predicted).tolist())),
    )


def unknown_in_words(predictions: Predictions, unknown_class: UnknownClass) -> str:
    """What was predicted by names that no class has, and what becomes of it, in words; empty if there is nothing."""
    if not predictions.unknown_classes.predictions:
        return ""
    if unknown_class != "drop" and predictions.columns is None:
        return _with_examples(predictions.unknown_classes, ", counted as wrong")
    bare = int(np.count_nonzero((predictions.class_ids < 0).all(axis=1)))
    images = f"; {counted(bare, 'image')} left without a prediction, counted as wrong" if bare else ""
    return _with_examples(predictions.unknown_classes, ", left out") + images


def _with_examples(unknown: UnknownClasses, what_becomes: str = "") -> str:
    return f"{unknown}{what_becomes}: {some(unknown.names, most=_EXAMPLES)}"
