"""The probability that a model gives a class, whatever kind of scores it puts out."""

import numpy as np
import numpy.typing as npt

from reassess.predictions import Predictions, as_floats

__all__ = ["class_probabilities"]

_BLOCK = 1024


def class_probabilities(
    predictions: Predictions, rows: npt.NDArray[np.integer], class_ids: npt.NDArray[np.integer]
) -> npt.NDArray[np.float64]:
    """The probability of one class in each of some rows.

    A row of scores that all lie in [0, 1] holds probabilities; any other row is taken for logits, of which the softmax
    is taken, over the outputs that are classes.

    Parameters
    ----------
    predictions
        What the model said.
    rows, class_ids
        Integers, shape (n,): rows of the predictions, which may repeat, and a class that has an output for each.

    Returns
    -------
    float64, shape (n,); NaN where only ids are known.

    Examples
    --------
    >>> said = Predictions.from_scores(np.array([[0.1, 0.7, 0.2], [0.0, -np.inf, 0.0], [5.0, np.inf, 1.0]]))
    >>> class_probabilities(said, np.arange(3), np.array([1, 0, 1]))
    array([0.7, 0.5, 1. ])
    """
    found = np.full(rows.size, np.nan)
    if predictions.scores is None:
        return found
    outputs = np.arange(predictions.scores.shape[1])
    if predictions.columns is not None:
        outputs = np.flatnonzero(predictions.columns >= 0)
        column_of = np.full(int(predictions.columns.max()) + 1, -1)
        column_of[predictions.columns[outputs]] = np.arange(outputs.size)
        class_ids = column_of[class_ids]
    for start in range(0, rows.size, _BLOCK):
        part = slice(start, start + _BLOCK)
        scores = as_floats(predictions.scores[rows[part]])[:, outputs].astype(np.float64)
        found[part] = np.take_along_axis(_as_probabilities(scores), class_ids[part, None].astype(np.int64), axis=1)[
            :, 0
        ]
    return found


def _as_probabilities(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    best = scores.max(axis=1, keepdims=True)
    # Infinite scores less themselves are 0 here, not NaN.
    weights = np.exp(np.subtract(scores, best, out=np.zeros_like(scores), where=scores != best))
    are_probabilities = ((scores >= 0) & (scores <= 1)).all(axis=1, keepdims=True)
    return np.where(are_probabilities, scores, weights / weights.sum(axis=1, keepdims=True))
