"""Scores beside ids, best first: a table of the best classes of each image that leaves none out."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from reassess.core.classes import Classes
from reassess.formats.predictions.id_columns import IdColumns

if TYPE_CHECKING:
    import polars as pl

__all__ = ["scores_of_all"]

_ID, _SCORE = "prediction_", "score_"


def scores_of_all(ids: IdColumns, table: "pl.DataFrame", classes: Classes) -> npt.NDArray[np.floating] | None:
    """The score of every class, shape (N, classes), of the columns prediction_1..k and score_1..k of a table.

    None where they do not say all: they lack a class, or a score is no number; and where they do not rank the classes
    as such scores would, of which the higher goes first and of equal ones the lower class id.

    Parameters
    ----------
    ids
        The columns of ids, numbers of classes.
    table
        The columns of the file.
    classes
        The classes of the benchmark.
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
